"""The sparse linear autoencoder: against its twin in NumPy, and against the exact one."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse

from likewise import memory
from likewise.autoencoders import (
    LinearAutoencoder,
    NeighbourhoodAutoencoder,
    cholesky,
    compiled,
    conjugate,
    density,
    neighbourhood,
    ties,
)
from likewise.errors import InputError, NotEnoughMemoryError

SETTINGS = [
    {},
    {"dropout": 0.3},
    {"relaxation": 0.3},
    {"item_power": 0.4, "user_power": 0.6, "dropout": 0.2, "relaxation": 0.1},
]


def purchases(n_users=300, n_items=40, seed=0):
    """Customers who keep to a group of items, some items far more popular than others."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 4, n_users)[:, None] == rng.integers(0, 4, n_items)
    popularity = 0.5 / (1 + np.arange(n_items)) ** 0.5
    rows = rng.random((n_users, n_items)) < np.where(group, 2 * popularity, 0.3 * popularity)
    return rows.astype(np.float64)


def twin(X, k, l2, dropout=0.0, relaxation=0.0, item_power=0.0, user_power=0.0, n_whole=0):
    """Each column by itself, in float64."""
    length, n = np.count_nonzero(X, axis=1), np.maximum(np.count_nonzero(X, axis=0), 1)
    G = X.T @ (np.maximum(length, 1.0)[:, None] ** -user_power * X)
    whole = np.argsort(-np.count_nonzero(X, axis=0), kind="stable")[:n_whole]
    penalty = l2 + dropout / (1 - dropout) * np.diag(G)
    length = np.sqrt(np.maximum(np.diag(G), 1e-30))
    cosine = np.abs(G) / length[:, None] / length
    B = np.zeros_like(G)
    for j in range(len(G)):
        others = [i for i in np.argsort(-cosine[:, j]) if i != j and G[i, j] != 0][:k]
        if k >= len(G) - 1 or j in whole:
            others = [i for i in range(len(G)) if i != j]
        N = [*others, j]
        e = np.arange(len(N)) == len(N) - 1
        p = np.linalg.solve(G[np.ix_(N, N)] + np.diag(penalty[N]), e)
        B[N, j] = e - p * max(penalty[j], (1 - relaxation) / p[-1])
    return B * n[:, None] ** item_power / n**item_power


@pytest.mark.parametrize("settings", SETTINGS[:3])
@pytest.mark.parametrize("k", [1, 5, 39])
def test_it_is_its_ten_line_twin(settings, k):
    X = np.random.default_rng(1).random((60, 40)) * purchases()[:60]  # no two cosines alike
    model = NeighbourhoodAutoencoder(l2=2.0, n_neighbours=k, n_whole=0, **settings).fit(X)
    np.testing.assert_allclose(model.B_.toarray(), twin(X, k, 2.0, **settings), atol=1e-4)


HOW = st.fixed_dictionaries(
    {
        "l2": st.floats(0.5, 100),
        "dropout": st.sampled_from([0.0, 0.3, 0.8]),
        "relaxation": st.sampled_from([0.0, 0.2, 0.9]),
        "item_power": st.sampled_from([0.0, 0.4, 1.0]),
        "user_power": st.sampled_from([0.0, 0.6, 2.0]),
    }
)


def amounts(n_rows, n_items, density, seed):
    """Rows of amounts of which no two cosines are alike, so that it is sure who is a neighbour."""
    rng = np.random.default_rng(seed)
    return (rng.random((n_rows, n_items)) < density) * (0.1 + rng.random((n_rows, n_items)))


@settings(max_examples=50)
@given(
    st.tuples(st.integers(2, 30), st.integers(1, 20), st.floats(0.1, 0.9), st.integers(0, 99)),
    st.integers(1, 25),
    st.integers(0, 25),
    st.integers(1, 5000),
    HOW,
)
def test_whatever_the_rows_and_settings_each_column_is_solved_by_itself(
    sizes, k, n_whole, block_bytes, how
):
    X = amounts(*sizes)
    once = (np.count_nonzero(X, axis=0) == 1) & (X != 0)
    assume(once.sum(axis=1).max() < 2)  # two such items are as near to whatever is in their row
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(density, "BLOCK_BYTES", block_bytes)
        patch.setattr(conjugate, "TOLERANCE", 1e-6)
        model = NeighbourhoodAutoencoder(n_neighbours=k, n_whole=n_whole, **how).fit(X)
    expected = twin(X, k, n_whole=n_whole, **how)
    np.testing.assert_allclose(model.B_.toarray(), expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=30)
@given(
    st.tuples(st.integers(2, 30), st.integers(2, 20), st.floats(0, 0.9), st.integers(0, 99)),
    st.integers(0, 9),
    HOW,
)
def test_with_all_others_it_is_the_exact_one_whatever_the_rows_and_settings(sizes, more, how):
    X, n_items = sparse.csr_array(amounts(*sizes) > 0, dtype=np.float32), sizes[1]
    exact = LinearAutoencoder(**how).fit(X).B_
    for asked in ({"n_neighbours": n_items - 1 + more}, {"n_neighbours": 1, "n_whole": n_items}):
        model = NeighbourhoodAutoencoder(**asked, **how).fit(X)
        np.testing.assert_allclose(model.B_.toarray(), exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("k", [39, 500])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_with_all_others_it_is_the_exact_one(settings, k, kind):
    X = kind(purchases())
    exact = LinearAutoencoder(l2=5.0, **settings).fit(X).B_
    model = NeighbourhoodAutoencoder(l2=5.0, n_neighbours=k, **settings).fit(X)
    np.testing.assert_allclose(model.B_.toarray(), exact, atol=1e-4)


def test_the_error_falls_as_neighbours_are_added():
    X = purchases()
    exact = LinearAutoencoder(l2=5.0).fit(X).logits(X)
    errors = [
        np.square(model.fit(X).logits(X) - exact).mean()
        for model in (
            NeighbourhoodAutoencoder(l2=5.0, n_neighbours=k, n_whole=0) for k in (2, 8, 20, 39)
        )
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[2] < 0.1 * np.square(exact).mean()
    assert errors[3] < 1e-8


@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 99), st.integers(1, 200))
def test_the_ties_are_the_gram_matrix_whatever_the_parts(n_items, k, seed, products):
    X = purchases(20, n_items, seed)
    X = X[:, np.argsort(-X.sum(0))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ties, "PRODUCTS_AT_A_TIME", products)
        found = ties.Ties.of(sparse.csr_array(X.astype(np.float32)), k, 10_000)
    G = X.T @ X
    np.testing.assert_array_equal(found.below.toarray(), np.tril(G, -1))
    np.testing.assert_array_equal(found.diagonal, np.diag(G))
    groups = np.sort(np.argsort(np.random.default_rng(seed).random((5, n_items)))[:, : k + 1])
    blocks = found.blocks(groups.astype(np.int32))
    for group, block in zip(groups, blocks, strict=True):
        np.testing.assert_array_equal(block, np.tril(G[np.ix_(group, group)]))


@given(st.integers(1, 40), st.integers(0, 999))
def test_a_column_of_the_inverse_is_that_of_numpy(n, seed):
    random = np.random.default_rng(seed)
    factors = np.triu(random.normal(size=(3, n, n)) / n + np.eye(n)).astype(np.float32)
    places, found = random.integers(0, n, 3), np.zeros((3, n), np.float32)
    compiled.inverse_columns(factors, places, found)
    for U, place, column in zip(factors.astype(np.float64), places, found, strict=True):
        expected = np.linalg.inv(U.T @ U)[:, place]
        np.testing.assert_allclose(column, expected, rtol=0, atol=1e-6 * abs(expected).max())


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("n_whole", [1, 13, 40, 500])
def test_the_columns_of_the_most_bought_are_those_of_the_exact_one(settings, n_whole):
    X = purchases()
    exact = LinearAutoencoder(l2=5.0, **settings).fit(X).B_
    few = NeighbourhoodAutoencoder(l2=5.0, n_neighbours=5, n_whole=0, **settings).fit(X).B_
    B = NeighbourhoodAutoencoder(l2=5.0, n_neighbours=5, n_whole=n_whole, **settings).fit(X).B_
    by_count = np.argsort(-X.sum(0), kind="stable")
    whole, others = by_count[:n_whole], by_count[n_whole:]
    error = np.linalg.norm(B.toarray()[:, whole] - exact[:, whole])
    assert error < 1e-4 * np.linalg.norm(exact[:, whole])
    np.testing.assert_array_equal(B.toarray()[:, others], few.toarray()[:, others])
    assert B.has_canonical_format


@given(st.integers(1, 40), st.integers(0, 99), st.floats(0.5, 50), st.integers(1, 9))
def test_conjugate_gradients_find_columns_of_the_inverse(n_items, seed, l2, n_columns):
    random = np.random.default_rng(seed)
    X = sparse.random_array((30, n_items), density=0.2, rng=random, dtype=np.float32).tocsr()
    n, G = min(n_columns, n_items), (X.T @ X).toarray()
    penalty = (l2 * (1 + random.random(n_items))).astype(np.float32)
    found = conjugate.inverse_columns(X, np.diag(G), penalty, n, tolerance=1e-6)
    expected = np.linalg.inv(G.astype(np.float64) + np.diag(penalty))[:, :n]
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())


def test_where_the_ridge_is_too_weak_the_steps_end_and_what_is_found_is_finite():
    random = np.random.default_rng(0)
    X = sparse.csr_array(random.random((20, 400)).astype(np.float32) ** 8)
    diagonal = np.asarray(X.multiply(X).sum(axis=0))
    found = conjugate.inverse_columns(X, diagonal, np.full(400, 1e-6, np.float32), 70)
    assert np.isfinite(found).all()
    assert (found[np.arange(70), np.arange(70)] > 0).all()


def test_no_more_ties_are_kept_than_fit_and_those_are_the_strongest():
    X = purchases()
    X = X[:, np.argsort(-X.sum(0), kind="stable")]
    found = ties.Ties.of(sparse.csr_array(X.astype(np.float32)), 3, 5 * 40 - 15)
    assert np.diff(found.below.indptr).max() == 5
    G = X.T @ X
    cosine = (G / np.sqrt(np.diag(G)))[30, :30]
    kept = found.below[[30]].indices
    assert cosine[kept].min() >= np.sort(cosine)[-5]
    np.testing.assert_array_equal(found.below[[30]].toarray()[0, kept], G[30, kept])


def test_a_small_gram_matrix_still_gives_finite_scores_near_the_whole_ones():
    X = purchases(1000, 60)
    whole = NeighbourhoodAutoencoder(l2=1.0, n_neighbours=20, n_whole=0).fit(X)
    part = NeighbourhoodAutoencoder(l2=1.0, n_neighbours=20, n_whole=0, gram_gib=7e-6).fit(X)
    assert np.isfinite(part.B_.data).all()
    assert np.corrcoef(whole.logits(X).ravel(), part.logits(X).ravel())[0, 1] > 0.9


def test_the_gram_matrix_keeps_to_a_third_of_what_is_free(monkeypatch):
    X, kept = purchases(1000, 60), []
    of = ties.Ties.of
    monkeypatch.setattr(ties.Ties, "of", lambda X, k, most: kept.append(of(X, k, most)) or kept[-1])
    monkeypatch.setattr(neighbourhood, "available_memory", lambda: 3 * 8 * 400)
    model = NeighbourhoodAutoencoder(l2=1.0, n_neighbours=20, n_whole=0).fit(X)
    assert kept[0].below.nnz <= 400
    said = NeighbourhoodAutoencoder(
        l2=1.0, n_neighbours=20, n_whole=0, gram_gib=8 * 400 / memory.GIB
    ).fit(X)
    np.testing.assert_array_equal(model.B_.toarray(), said.B_.toarray())


def test_what_is_not_positive_definite_is_shrunk_until_it_is():
    blocks = torch.tensor([[[1.0, 0, 0], [0.9, 1, 0], [-0.9, 0.9, 1]], [[4, 0, 0]] * 3])
    blocks[1] = 4 * torch.eye(3)
    factors = cholesky.factors(blocks.clone())
    shrunk = factors[0] @ factors[0].T
    np.testing.assert_allclose(shrunk.tril(-1), blocks[0].tril(-1) / 2, atol=1e-6)
    np.testing.assert_allclose(factors[1], 2 * torch.eye(3))


def test_threads_and_blocks_change_nothing(monkeypatch):
    X = purchases()
    expected = NeighbourhoodAutoencoder(l2=5.0, n_neighbours=7, n_whole=13).fit(X).B_.toarray()
    monkeypatch.setattr(density, "BLOCK_BYTES", 3 * 4 * 64)
    monkeypatch.setattr(conjugate, "COLUMNS", 5)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    again = NeighbourhoodAutoencoder(l2=5.0, n_neighbours=7, n_whole=13).fit(X).B_.toarray()
    np.testing.assert_array_equal(again, expected)


def test_items_that_nobody_bought_are_no_trouble():
    X = purchases()
    X[:, 3] = 0
    B = NeighbourhoodAutoencoder(l2=5.0, n_neighbours=10, item_power=0.5).fit(X).B_.toarray()
    assert B.any()
    assert np.isfinite(B).all()
    assert (B[3] == 0).all()
    assert (B[:, 3] == 0).all()


def test_memory_is_asked_for_before_it_is_taken(monkeypatch):
    for module in (memory, neighbourhood):
        monkeypatch.setattr(module, "available_memory", lambda: 200_000)
    monkeypatch.setattr(ties.Ties, "of", lambda *_: pytest.fail("the Gram matrix was made"))
    with pytest.raises(NotEnoughMemoryError, match="lower n_neighbours, n_whole or gram_gib"):
        NeighbourhoodAutoencoder().fit(purchases())


def test_values_whose_squares_are_too_large_are_refused():
    with pytest.raises(InputError, match="scale them down"):
        NeighbourhoodAutoencoder(l2=1.0, n_neighbours=2).fit(np.full((3, 3), 1e20))


@pytest.mark.parametrize(("l2", "scale"), [(1e-40, 1.0), (500.0, 1e18)])
def test_whole_columns_that_float32_cannot_hold_are_refused(l2, scale):
    X = (np.random.default_rng(1).random((40, 12)) < 0.4) * np.float32(scale)
    X[:, 10:] = 0
    with pytest.raises(InputError, match=r"float32 is too coarse for l2=.*raise l2, or scale"):
        NeighbourhoodAutoencoder(l2=l2, n_neighbours=3, n_whole=12).fit(X)


@pytest.mark.parametrize(
    ("l2", "way"), [(1e-46, "raise"), (1e-40, "raise"), (float("nan"), ""), (1e39, "lower")]
)
def test_blocks_that_halving_does_not_help_are_refused(l2, way):
    X = np.ones((4, 6), np.float32)
    X[:, 5] = X[0, 1] = 0
    with pytest.raises(InputError, match=f"{way} l2, or scale" if way else "l2"):
        NeighbourhoodAutoencoder(l2=l2, n_neighbours=2, n_whole=0).fit(X)
