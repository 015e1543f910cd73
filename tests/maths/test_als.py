"""The factorisation: against the same in NumPy, its optimality, and what it refuses."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from threadpoolctl import threadpool_info, threadpool_limits

from likewise import Recommender, memory
from likewise.autoencoders import ALSAutoencoder, als
from likewise.autoencoders.least_squares import improve_rows, solve_rows
from likewise.data.interactions import Interactions
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.recommend.ladders import Ladders
from likewise.recommend.searches import SEARCHES
from likewise.recommend.selection import choose


def purchases(n_rows=60, n_items=12, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((n_rows, n_items)) < np.linspace(0.6, 0.1, n_items)).astype(np.float32)


@pytest.fixture
def X():
    return purchases()


def solved(X, V, alpha, l2):
    """The code of each row, one by one, in float64."""
    codes, V = [], V.astype(np.float64)
    for x in X:
        named = V[x != 0]
        ridge = l2 * (len(named) + alpha * len(V)) * np.eye(V.shape[1])
        codes.append(np.linalg.solve(alpha * V.T @ V + named.T @ named + ridge, x @ V))
    return np.array(codes)


def loss(X, H, V, alpha, l2):
    had, predicted = X != 0, H @ V.T
    of_codes = ((had.sum(axis=1) + alpha * len(V)) * (H**2).sum(axis=1)).sum()
    of_items = ((had.sum(axis=0) + alpha * len(H)) * (V**2).sum(axis=1)).sum()
    fit = np.square(X - predicted)[had].sum() + alpha * np.square(predicted).sum()
    return fit + l2 * (of_codes + of_items)


def known(V, **settings):
    """A fitted one with these vectors."""
    V = np.array(V, dtype=np.float32)
    model = ALSAutoencoder(n_latent=V.shape[1], **settings)
    model.fit(np.full((2, len(V)), 9))._restore({"components": V}, {})
    return model


# What is computed


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(("alpha", "l2"), [(0.1, 0.003), (1.0, 0.1), (0.01, 0.01)])
def test_it_is_alternating_least_squares(X, alpha, l2, kind):
    model = ALSAutoencoder(
        n_latent=4, unobserved_weight=alpha, l2=l2, n_iter=3, n_steps=4, random_state=7
    )
    V = np.random.RandomState(7).normal(0, 0.1 / 2, (12, 4))
    for _ in range(3):
        V = solved(X.T, solved(X, V, alpha, l2), alpha, l2)
    model.fit(kind(X))
    np.testing.assert_allclose(model.components_.T, V, rtol=1e-3, atol=1e-4)
    H = solved(X, model.components_.T, alpha, l2)
    np.testing.assert_allclose(model.transform(kind(X)), H, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(model.logits(kind(X)), H @ model.components_, rtol=1e-3, atol=1e-4)


def conjugate_gradients(A, b, h, n_steps):
    left = b - A @ h
    along = left
    for _ in range(n_steps):
        length = left @ left / (along @ A @ along)
        h, before = h + length * along, left
        left = left - length * (A @ along)
        along = left + left @ left / (before @ before) * along
    return h


@given(
    row=st.lists(st.sampled_from([0.0, 1.0, 0.25, -1.0, 3.0]), min_size=11, max_size=11),
    l2=st.sampled_from([0.003, 0.1]),
    n_steps=st.integers(1, 5),
    seed=st.integers(0, 5),
)
def test_steps_are_those_of_conjugate_gradients_from_the_last_code(row, l2, n_steps, seed):
    rng, x = np.random.default_rng(seed), np.array([row], np.float32)
    V, codes = (rng.normal(size=shape).astype(np.float32) for shape in ((11, 6), (1, 6)))
    expected, named = np.zeros(6), V[x[0] != 0].astype(np.float64)
    if len(named):
        S = 0.1 * V.T.astype(np.float64) @ V + l2 * 0.1 * 11 * np.eye(6)
        A = S + named.T @ named + l2 * len(named) * np.eye(6)
        expected = conjugate_gradients(A, (x[0] @ V).astype(np.float64), codes[0], n_steps)
    model = ALSAutoencoder(n_steps=n_steps, l2=l2)
    model._improve(sparse.csr_array(x), V, model._shared(V), codes)
    np.testing.assert_allclose(codes[0], expected, rtol=1e-3, atol=1e-4)


def test_three_steps_a_turn_come_as_near_as_exact_solutions():
    X = purchases(400, 60)
    shared = {"n_latent": 16, "n_iter": 10, "random_state": 0}
    exact, near = (ALSAutoencoder(n_steps=n, **shared).fit(X) for n in (16, 3))
    reached = []
    for model in (exact, near):
        H, V = model.transform(X).astype(np.float64), model.components_.T.astype(np.float64)
        reached.append(loss(X, H, V, 0.1, 0.003))
    assert reached[1] < 1.01 * reached[0]
    assert reached[0] < 0.5 * loss(X, 0 * H, 0 * V, 0.1, 0.003)


@pytest.mark.parametrize("n_latent", [5, 64])
def test_as_many_steps_as_numbers_are_exact_and_one_fewer_are_steps(X, n_latent, monkeypatch):
    used = []
    for name in ("_solve", "_improve"):
        whole = getattr(ALSAutoencoder, name)

        def told(self, *given, whole=whole, name=name):
            used.append(name)
            whole(self, *given)

        monkeypatch.setattr(ALSAutoencoder, name, told)
    width = min(n_latent, 12)  # X has 12 items
    fitted = {}
    for n_steps in (width - 1, width, width + 1):
        model = ALSAutoencoder(n_latent=n_latent, n_iter=2, n_steps=n_steps, random_state=0)
        used.clear()
        fitted[n_steps - width] = model.fit(X).components_
        learned_by = {"_improve"} if n_steps < width else {"_solve"}
        assert set(used[:4]) == learned_by
    np.testing.assert_array_equal(fitted[0], fitted[1])
    assert (fitted[-1] != fitted[0]).any()


def off_after(n_steps, *, from_exact):
    """How far codes are from exact ones after so many steps, each as a share of its length."""
    rng = np.random.default_rng(0)
    V = (rng.normal(size=(40, 16)) * np.geomspace(1, 0.05, 16)).astype(np.float32)
    rows = sparse.csr_array((rng.random((50, 40)) < 0.4).astype(np.float32))
    model, exact = ALSAutoencoder(n_steps=n_steps), np.zeros((50, 16), np.float32)
    model._solve(rows, V, model._shared(V), exact)
    codes = exact * np.float32(from_exact)
    model._improve(rows, V, model._shared(V), codes)
    return np.linalg.norm(codes - exact, axis=1) / np.linalg.norm(exact, axis=1)


def test_steps_end_where_what_is_left_is_rounding_neither_before_nor_after():
    assert off_after(60, from_exact=False).max() < 3e-5
    np.testing.assert_array_equal(off_after(60, from_exact=True), 0)


def test_a_code_of_one_number_worked_by_hand():
    model = known([[1.0], [2.0]], unobserved_weight=0.5, l2=0.1)
    # α VᵀV = 2.5, the item named adds 1 · 1 or 2 · 2, the ridge is 0.1 (1 + 0.5 · 2) = 0.2
    expected = [[1 / 3.7], [2 / 6.7], [3 / 3.7], [0.0]]
    rows = np.array([[1, 0], [0, 1], [3, 0], [0, 0]])
    np.testing.assert_allclose(model.transform(rows), expected, rtol=1e-6)
    np.testing.assert_allclose(model.logits(rows)[0], [1 / 3.7, 2 / 3.7], rtol=1e-6)


VALUES = st.sampled_from([0.0, 0.0, 0.0, 1.0, 0.25, -1.0, 3.0])


@given(
    row=st.lists(VALUES, min_size=9, max_size=9),
    alpha=st.sampled_from([0.01, 0.1, 1.0]),
    l2=st.sampled_from([0.003, 0.1, 1.0]),
    seed=st.integers(0, 5),
)
def test_no_other_code_explains_a_row_better(row, alpha, l2, seed):
    V = np.random.default_rng(seed).normal(size=(9, 3))
    model, x = known(V, unobserved_weight=alpha, l2=l2), np.array([row])
    h = model.transform(x).astype(np.float64)
    had = x != 0
    gradient = -((x - h @ V.T) * had) @ V + alpha * h @ V.T @ V
    gradient += l2 * (had.sum() + alpha * 9) * h
    np.testing.assert_allclose(gradient, 0, atol=1e-4)
    np.testing.assert_array_equal(model.transform(sparse.csr_array(x)), h.astype(np.float32))


def test_an_items_vector_is_the_best_for_the_codes_it_was_solved_with(X):
    exact = {"n_latent": 4, "n_steps": 4, "random_state": 0}
    first, second = (ALSAutoencoder(n_iter=n, **exact).fit(X) for n in (1, 2))
    H, V = first.transform(X).astype(np.float64), second.components_.T.astype(np.float64)
    had = X != 0
    gradient = -((X - H @ V.T) * had).T @ H + 0.1 * V @ H.T @ H
    gradient += 0.003 * (had.sum(axis=0)[:, None] + 0.1 * len(X)) * V
    np.testing.assert_allclose(gradient, 0, atol=1e-4)


@pytest.mark.parametrize("n_steps", [1, 3, 5])
def test_the_loss_never_rises(X, n_steps):
    losses = []
    for n_iter in range(1, 9):
        settings = {"n_latent": 5, "n_iter": n_iter, "n_steps": n_steps, "random_state": 0}
        model = ALSAutoencoder(**settings).fit(X)
        H, V = model.transform(X).astype(np.float64), model.components_.T.astype(np.float64)
        losses.append(loss(X, H, V, 0.1, 0.003))
    assert (np.diff(losses) <= 1e-5 * losses[0]).all()
    assert losses[-1] < 0.98 * losses[0]


# How it is computed


@pytest.mark.parametrize("at_a_time", [1, 5, 12])
def test_rows_are_gathered_in_parts_of_any_size(X, at_a_time, monkeypatch):
    whole = ALSAutoencoder(n_latent=4, random_state=0).fit(X)
    monkeypatch.setattr(als, "AT_A_TIME", at_a_time)
    in_parts = ALSAutoencoder(n_latent=4, random_state=0).fit(X)
    np.testing.assert_allclose(in_parts.logits(X), whole.logits(X), rtol=1e-3, atol=1e-4)


def test_rows_that_name_more_items_than_are_gathered_at_once():
    n_items = 2 * als.AT_A_TIME + 100
    X = purchases(20, n_items)
    X[0] = 1
    model = ALSAutoencoder(n_latent=3, n_iter=2, random_state=0).fit(X)
    expected = solved(X, model.components_.T, 0.1, 0.003)
    np.testing.assert_allclose(model.transform(X), expected, rtol=1e-3, atol=1e-4)


def test_rows_alone_and_together_have_the_same_code(X):
    model = ALSAutoencoder(n_latent=4, random_state=0).fit(X)
    alone = np.vstack([model.transform(X[[n]]) for n in range(len(X))])
    np.testing.assert_array_equal(model.transform(X), alone)


def test_two_threads_find_what_one_finds_and_leave_the_libraries_threads_as_they_were(
    X, monkeypatch
):
    monkeypatch.setattr(als, "A_PART", 60)
    before, threads = torch.get_num_threads(), [pool["num_threads"] for pool in threadpool_info()]
    one = ALSAutoencoder(n_latent=4, random_state=0).fit(X)
    torch.set_num_threads(2)
    try:
        two = ALSAutoencoder(n_latent=4, random_state=0).fit(X)
        np.testing.assert_array_equal(two.transform(X), one.transform(X))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(two.components_, one.components_)
    assert [pool["num_threads"] for pool in threadpool_info()] == threads


def test_many_that_ask_at_once_leave_the_libraries_threads_as_they_were(X, monkeypatch):
    monkeypatch.setattr(als, "A_PART", 60)
    model = ALSAutoencoder(n_latent=4, random_state=0).fit(X)
    with threadpool_limits(2, "blas"):
        before = [pool["num_threads"] for pool in threadpool_info()]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(model.transform, [X] * 40))
        assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_one_machine_code_serves_every_kind_of_setting_and_a_loaded_model(X, tmp_path):
    rows = sparse.csr_array(X)
    ALSAutoencoder(n_latent=4, random_state=0).fit(X).save(tmp_path / "model")
    loops = (solve_rows, improve_rows)
    once = [set(loop.signatures) for loop in loops]
    assert [len(signatures) for signatures in once] == [1, 1]
    loaded = ALSAutoencoder.load(tmp_path / "model")
    assert loaded.components_.T.flags.c_contiguous
    loaded.logits(rows)
    ALSAutoencoder(n_latent=4, unobserved_weight=np.float64(0.1), l2=1).fit(9 * rows)
    for array in (rows.data, rows.indices, rows.indptr):
        array.flags.writeable = False
    loaded.logits(rows)
    assert [set(loop.signatures) for loop in loops] == once


# What values do


def test_an_empty_row_has_the_code_0_whatever_the_weight(X):
    for alpha in (1e-30, 0.1):
        model = ALSAutoencoder(n_latent=3, unobserved_weight=alpha, random_state=0)
        np.testing.assert_array_equal(model.fit(X).transform(0 * X[:2]), 0)


def test_zeros_that_are_stored_are_not_there(X):
    rows = sparse.csr_array(np.where(X, X, 2))
    rows.data[rows.data == 2] = 0
    assert rows.nnz == X.size
    stored, plain = (ALSAutoencoder(n_latent=3, random_state=0).fit(table) for table in (rows, X))
    np.testing.assert_array_equal(stored.components_, plain.components_)
    np.testing.assert_array_equal(stored.transform(rows), plain.transform(X))
    assert rows.nnz == X.size


def test_an_item_that_no_row_has_is_predicted_0(X):
    X[:, 5] = 0
    model = ALSAutoencoder(n_latent=3, random_state=0).fit(X)
    np.testing.assert_array_equal(model.logits(X)[:, 5], 0)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(lambda rng, shape: rng.uniform(0.01, 1, shape), id="decayed"),
        pytest.param(lambda rng, shape: rng.integers(1, 1_000, shape), id="counts"),
        pytest.param(lambda rng, shape: rng.normal(size=shape), id="negative too"),
        pytest.param(lambda _, shape: np.full(shape, 1e12), id="large"),
    ],
)
def test_what_a_row_has_is_given_back_where_little_else_counts(values):
    X = purchases(20) * values(np.random.default_rng(1), (20, 12))
    model = ALSAutoencoder(n_latent=12, unobserved_weight=1e-3, l2=1e-4, random_state=0).fit(X)
    difference = (model.reconstruct(X) - X)[X != 0]
    assert np.square(difference).mean() < 0.01 * np.square(X[X != 0]).mean()


@pytest.mark.parametrize("weighting", ["binary", "log", "linear"])
def test_quantities_may_be_learned_from(weighting):
    rng = np.random.default_rng(0)
    X = sparse.csr_array(np.kron(np.eye(2), rng.integers(1, 50, (20, 4))).astype(np.float32))
    model = Recommender(ALSAutoencoder(n_latent=2, random_state=0), weighting=weighting).fit(X)
    (found,) = model.recommend([[0, 1]], k=2)
    assert {one.item for one in found} == {2, 3}


# What is refused


@pytest.mark.parametrize("scale", [1, 1e-6, 1e2])
@pytest.mark.parametrize("alpha", [0.01, 0.1, 1.0])
def test_an_l2_that_leaves_only_vectors_of_0_is_refused_with_the_bound(X, alpha, scale):
    rows = X * np.float32(scale)
    weights = [had.sum(axis=1) + alpha * had.shape[1] for had in (X != 0, X.T != 0)]
    bound = np.linalg.norm(rows / np.sqrt(np.outer(*weights)), 2)
    settings = {"n_latent": 4, "unobserved_weight": alpha, "n_iter": 200, "n_steps": 4}
    fitted = ALSAutoencoder(l2=0.9 * bound, random_state=0, **settings).fit(rows)
    assert np.abs(fitted.reconstruct(rows)).max() > 0.01 * scale
    with pytest.raises(InputError, match=rf"the best vectors are all 0; .* below {bound:.4g}"):
        ALSAutoencoder(l2=1.01 * bound, random_state=0, **settings).fit(rows)


def test_rows_of_nothing_are_no_fault_of_l2(X):
    assert not ALSAutoencoder(n_latent=2, l2=9.0, random_state=0).fit(0 * X).components_.any()


def test_a_search_goes_on_from_settings_that_leave_nothing():
    log = Interactions.of([["tea", "cup", "milk"], ["ink", "pen", "pad"]] * 20)
    made = SEARCHES[ALSAutoencoder].model
    ladder = Ladders({"l2": [0.003, 0.1, 30.0, 300.0]}, {"l2": 30.0}, made)
    choice = choose(ALSAutoencoder, log, search=ladder)
    assert [t.score for t in choice.trials if t.parameters["l2"] >= 30] == [-np.inf, -np.inf]
    assert choice.best.score == 1
    with pytest.raises(InputError, match=r"none of 1 settings.*l2=30 outweighs"):
        choose(ALSAutoencoder, log, search=Ladders({"l2": [30.0]}, {"l2": 30.0}, made))


def test_an_l2_that_float32_cannot_add_is_refused():
    twice = np.repeat(np.eye(2), 6, axis=1)[[0, 1] * 20]  # codes of 8 numbers for two kinds of row
    with pytest.raises(InputError, match=r"l2=1e-09 and the values.*raise l2, lower n_latent"):
        ALSAutoencoder(n_latent=8, l2=1e-9, unobserved_weight=0.003, n_steps=8, random_state=0).fit(
            twice
        )
    assert np.isfinite(ALSAutoencoder(n_latent=8, random_state=0).fit(twice).components_).all()


@pytest.mark.parametrize("settings", [
    {"n_latent": 128, "unobserved_weight": 0.6, "l2": 3e-5, "n_iter": 40},
    {"n_latent": 64, "unobserved_weight": 0.6, "l2": 1e-6, "n_iter": 40},
])  # fmt: skip
def test_what_float32_cannot_solve_is_refused_in_words_or_solved(settings):
    rows, said = np.ones((180, 100), np.float32), ""
    model = ALSAutoencoder(**settings, random_state=0)
    try:
        model.fit(rows)
    except InputError as refused:
        said = str(refused)
    assert "raise l2" in said or np.isfinite(model.logits(rows)).all()


def test_a_fit_leaves_no_row_of_its_own_that_float32_is_too_coarse_for():
    rows = (np.random.default_rng(0).random((60, 20)) < 0.3).astype(np.float32)
    with pytest.raises(InputError, match="float32 is too coarse for l2=1e-12"):
        ALSAutoencoder(n_latent=8, unobserved_weight=1e-9, l2=1e-12, random_state=0).fit(rows)


def test_turns_do_not_enlarge_what_is_rounding():
    rows = np.repeat(np.eye(2, dtype=np.float32), 9, axis=1)[[0, 1] * 90]
    shared = {"n_latent": 16, "l2": 1.76e-5, "unobserved_weight": 0.6, "random_state": 0}
    few, many = (ALSAutoencoder(n_iter=n, **shared).fit(rows).components_ for n in (5, 40))
    assert np.abs(many).max() < 2 * np.abs(few).max()


def test_values_whose_squares_float32_cannot_hold_are_refused(X):
    with pytest.raises(InputError, match="scale the columns down"):
        ALSAutoencoder(n_latent=3, random_state=0).fit(X * np.float32(1e25))
    model = ALSAutoencoder(n_latent=3, random_state=0).fit(X)
    with pytest.raises(InputError, match="scale the columns down"):
        model.transform(X * np.float32(3e38))


def test_memory_is_stated_before_it_is_taken(X, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 6_000)
    with pytest.raises(NotEnoughMemoryError, match=r"60 rows and 12 items.*lower n_latent"):
        ALSAutoencoder().fit(X)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda V: V.astype(np.float64), id="float64"),
        pytest.param(lambda V: V.astype(np.int32), id="integers"),
        pytest.param(lambda V: V[:, :0], id="no number"),
        pytest.param(lambda V: np.repeat(V, 7, axis=1), id="more numbers than items"),
        pytest.param(lambda V: V * np.float32(1e25), id="large"),
        pytest.param(lambda V: V * np.nan, id="nan"),
    ],
)
def test_vectors_that_no_fit_leaves_are_refused(X, changed):
    model = ALSAutoencoder(n_latent=2, random_state=0).fit(X)
    with pytest.raises(InputError, match=r"components|float32"):
        model._restore({"components": changed(model._tensors()["components"])}, {})


@pytest.mark.parametrize("broken", ["none", "other width", "no table", "two"])
def test_tensors_that_are_none_of_its_own_are_refused(X, broken):
    model = ALSAutoencoder(n_latent=2, random_state=0).fit(X)
    components = model._tensors()["components"]
    changed = {
        "none": {},
        "other width": {"components": components[1:]},
        "no table": {"components": components[:, 0]},
        "two": {"components": components, "more": components},
    }[broken]
    with pytest.raises(InputError, match="one tensor, components, 12 x L"):
        model._restore(changed, {})


def test_a_model_that_was_saved_answers_the_same_bits(X, tmp_path):
    model = ALSAutoencoder(n_latent=3, random_state=0).fit(X)
    model.save(tmp_path / "model")
    np.testing.assert_array_equal(
        ALSAutoencoder.load(tmp_path / "model").logits(X), model.logits(X)
    )
