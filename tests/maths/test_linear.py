"""The linear autoencoder: against twins in NumPy, and against the objectives that it minimises."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from likewise import memory
from likewise.autoencoders import LinearAutoencoder, linear
from likewise.autoencoders.gram import GRAM_BYTES
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.recommend.recommender import Recommender


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    popularity = np.linspace(0.7, 0.1, 8)
    table = (rng.random((50, 8)) < popularity).astype(np.float64)
    table[:25, 1] = table[:25, 0]
    table[0] = 0
    return table


def ease(X, l2):
    """The published lines (Steck 2019)."""
    G = X.T @ X
    G[np.diag_indices(len(G))] += l2
    P = np.linalg.inv(G)
    B = P / (-np.diag(P))
    B[np.diag_indices(len(B))] = 0
    return B


def fit(X, **settings):
    return LinearAutoencoder(**settings).fit(X).B_.astype(np.float64)


# EASE


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("l2", [0.5, 10.0, 500.0])
def test_ease_is_its_ten_line_twin(X, l2, kind):
    np.testing.assert_allclose(fit(kind(X), l2=l2), ease(X, l2), atol=1e-5)
    counts = X * np.random.default_rng(1).integers(1, 4, X.shape)
    np.testing.assert_allclose(fit(kind(counts), l2=l2), ease(counts, l2), atol=1e-5)


def test_scores_are_the_row_times_b(X):
    model = LinearAutoencoder(l2=3.0).fit(X)
    for kind in (np.asarray, sparse.csr_array):
        np.testing.assert_allclose(model.logits(kind(X)), X @ model.B_, atol=1e-5)
    assert model.B_.dtype == np.float32


def test_b_is_oriented_from_what_is_there_to_what_follows():
    """Item 0 is always with 1, but 1 is often without 0: 0 says much for 1, 1 little for 0."""
    X = np.array([[1, 1]] * 2 + [[0, 1]] * 4, dtype=np.float32)
    B = fit(X, l2=1.0)
    np.testing.assert_allclose(B, [[0, 2 / (2 + 1)], [2 / (6 + 1), 0]], rtol=1e-6)
    baskets = [["lamp", "bulb"]] * 2 + [["bulb"]] * 4
    recommender = Recommender(LinearAutoencoder(l2=1.0)).fit(baskets)
    (lamp,), (bulb,) = recommender.also_bought(["lamp", "bulb"], k=1).values()
    assert (lamp.item, bulb.item) == ("bulb", "lamp")
    assert lamp.score == pytest.approx(2 / 3)
    assert bulb.score == pytest.approx(2 / 7)
    assert recommender.explain(["lamp"], "bulb")[0].effect == pytest.approx(2 / 3)


def objective(X, B, penalty):
    """Squared error plus a ridge with a penalty for each row of B."""
    return ((X - X @ B) ** 2).sum() + (penalty[:, None] * B**2).sum()


def test_no_other_zero_diagonal_is_better(X):
    l2, rng = 5.0, np.random.default_rng(2)
    B, penalty = fit(X, l2=l2), np.full(8, l2)
    best = objective(X, B, penalty)
    for size in (1e-3, 0.1, 1.0):
        for _ in range(50):
            change = size * rng.normal(size=B.shape)
            np.fill_diagonal(change, 0)
            assert objective(X, B + change, penalty) > best
    assert objective(X, B + 0.01 * np.eye(8), penalty) < best  # the rule, not the fit, forbids it


# EDLAE


def expected_error(X, B, dropout):
    """E|x - (δ x / (1 - p)) B|², every mask δ counted with its probability."""
    total = 0.0
    for mask in product([0.0, 1.0], repeat=X.shape[1]):
        kept = np.array(mask)
        probability = np.prod(np.where(kept, 1 - dropout, dropout))
        total += probability * ((X - (X * kept / (1 - dropout)) @ B) ** 2).sum()
    return total


@pytest.mark.parametrize("dropout", [0.2, 0.5, 0.8])
def test_edlae_minimises_the_expected_error_under_dropout(X, dropout):
    X, l2 = X[:, :5], 2.0
    B = fit(X, l2=l2, dropout=dropout)
    assert (np.diag(B) == 0).all()

    def loss(B):
        return expected_error(X, B, dropout) + l2 * (B**2).sum()

    slope = np.zeros_like(B)
    for i, j in product(range(5), repeat=2):
        step = np.zeros_like(B)
        step[i, j] = 1e-3
        slope[i, j] = (loss(B + step) - loss(B - step)) / 2e-3
    off_diagonal = ~np.eye(5, dtype=bool)
    np.testing.assert_allclose(slope[off_diagonal], 0, atol=1e-3)
    assert (np.diag(slope) < -1).all()
    assert not np.allclose(B, fit(X, l2=l2), atol=0.01)


# RLAE, RDLAE


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("relaxation", [0.1, 0.3, 0.9])
def test_rdlae_keeps_its_rule_and_is_optimal_within_it(X, relaxation, dropout):
    l2 = 5.0
    B = fit(X, l2=l2, dropout=dropout, relaxation=relaxation)
    G = X.T @ X
    penalty = l2 + dropout / (1 - dropout) * np.diag(G)
    slope = 2 * (G @ B - G + penalty[:, None] * B)
    off_diagonal = ~np.eye(8, dtype=bool)
    np.testing.assert_allclose(slope[off_diagonal], 0, atol=1e-3)
    assert (np.diag(B) <= relaxation + 1e-6).all()
    bound = np.diag(B) > relaxation - 1e-5
    assert (np.diag(slope)[bound] < 1e-3).all()  # it would grow, and may not
    np.testing.assert_allclose(np.diag(slope)[~bound], 0, atol=1e-3)  # it would not grow
    if relaxation != 0.3:
        assert bound.all() == (relaxation == 0.1)


def test_a_wide_relaxation_is_plain_ridge_regression(X):
    G = X.T @ X
    ridge = np.linalg.solve(G + 5 * np.eye(8), G)
    np.testing.assert_allclose(fit(X, l2=5.0, relaxation=0.999), ridge, atol=1e-5)


# DAN


@pytest.mark.parametrize("item_power", [0.2, 1.0])
def test_dan_lowers_the_scores_of_items_bought_often(X, item_power):
    n = (X > 0).sum(0)
    plain, scaled = fit(X, l2=5.0), fit(X, l2=5.0, item_power=item_power)
    for i, j in product(range(8), repeat=2):
        assert scaled[i, j] == pytest.approx(
            plain[i, j] * n[i] ** item_power / n[j] ** item_power, abs=1e-5
        )
    often, rare = n.argmax(), n.argmin()
    assert abs(scaled[3, often]) < abs(plain[3, often])
    assert abs(scaled[3, rare]) > abs(plain[3, rare])


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_dan_weighs_rows_by_their_length(X, kind):
    length = np.maximum((X > 0).sum(1), 1)
    weighted = X / length[:, None] ** 0.4
    counts = 3 * X  # the length is the number of items, not the sum
    np.testing.assert_allclose(fit(kind(X), l2=5.0, user_power=0.8), ease(weighted, 5), atol=1e-5)
    np.testing.assert_allclose(
        fit(kind(counts), l2=5.0, user_power=0.8), ease(3 * weighted, 5), atol=1e-5
    )


def test_items_that_nobody_bought_are_no_trouble(X):
    X[:, 3] = 0
    B = fit(X, l2=5.0, item_power=0.5, user_power=0.5, dropout=0.3)
    assert np.isfinite(B).all()
    assert (B[3] == 0).all()
    assert (B[:, 3] == 0).all()


# All of it together


def closed_form(X, l2, dropout, relaxation, item_power, user_power):
    """The formula of the class, in float64."""
    length, n = np.count_nonzero(X, axis=1), np.maximum(np.count_nonzero(X, axis=0), 1)
    G = X.T @ (np.maximum(length, 1.0)[:, None] ** -user_power * X)
    penalty = l2 + dropout / (1 - dropout) * np.diag(G)
    P = np.linalg.inv(G + np.diag(penalty))
    B = np.eye(len(G)) - P * np.maximum(penalty, (1 - relaxation) / np.diag(P))
    return B * n[:, None] ** item_power / n**item_power


SETTINGS = st.fixed_dictionaries(
    {
        "l2": st.floats(0.5, 500),
        "dropout": st.sampled_from([0.0, 0.3, 0.9]),
        "relaxation": st.sampled_from([0.0, 0.2, 0.9]),
        "item_power": st.sampled_from([0.0, 0.4, 1.0]),
        "user_power": st.sampled_from([0.0, 0.6, 2.0]),
    }
)


@settings(max_examples=50)
@given(st.integers(1, 40), st.integers(1, 70), st.floats(0, 0.5), st.integers(0, 99), SETTINGS)
def test_whatever_the_rows_and_settings_it_is_the_closed_form(n_rows, n_items, density, seed, how):
    """67 items, say, are more than a block of LAPACK's, and no whole number of them."""
    rng = np.random.default_rng(seed)
    table = (rng.random((n_rows, n_items)) < density) * rng.integers(1, 4, (n_rows, n_items))
    expected = closed_form(table.astype(np.float64), **how)
    for kind in (np.asarray, sparse.csr_array):
        found = fit(kind(table.astype(np.float32)), **how)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=20)
@given(st.sampled_from([1, 31, 64, 65, 127, 129, 200]), st.integers(0, 99), st.floats(0.1, 100))
def test_the_inverse_in_place_is_that_of_numpy(n, seed, l2):
    rows = np.random.default_rng(seed).normal(size=(n // 2, n)).astype(np.float32)
    A = rows.T @ rows + np.float32(l2) * np.eye(n, dtype=np.float32)
    expected = np.linalg.inv(A.astype(np.float64))
    found = linear._inverse(torch.from_numpy(A)).numpy()
    assert abs(found - expected).max() < 1e-6 * np.linalg.cond(A) * abs(expected).max()


# Numbers


def test_float32_is_enough_where_items_nearly_repeat_each_other():
    rng = np.random.default_rng(3)
    X = (rng.random((400, 30)) < 0.3).astype(np.float64)
    X[:, 15:] = np.where(rng.random((400, 15)) < 0.995, X[:, :15], 1 - X[:, :15])
    exact = ease(X, 0.1)
    G = X.T @ X + 0.1 * np.eye(30)
    assert np.linalg.cond(G) > 1_000
    np.testing.assert_allclose(fit(X, l2=0.1), exact, atol=1e-3)


def test_what_float32_cannot_invert_is_refused_in_words():
    X = np.full((3, 4), 1e4)
    with pytest.raises(InputError, match="not positive definite in float32; raise l2") as caught:
        LinearAutoencoder(l2=1e-3).fit(X)
    assert "\n" not in str(caught.value)


def test_the_inverse_is_written_over_the_matrix():
    rows = torch.randn(60, 40, generator=torch.Generator().manual_seed(1))
    A = rows.T @ rows + torch.eye(40)
    expected, place = np.linalg.inv(A.double().numpy()), A.data_ptr()
    P = linear._inverse(A)
    assert P.data_ptr() == place
    np.testing.assert_allclose(P.numpy(), expected, atol=1e-5)


def test_an_inverse_that_is_none_is_noticed(X, monkeypatch):
    monkeypatch.setattr(linear.torch, "cholesky_inverse", lambda factor, out: out.mul_(2))
    with pytest.raises(InputError, match="raise l2"):
        LinearAutoencoder(l2=5.0).fit(X)


def test_memory_is_asked_for_before_it_is_taken(X, monkeypatch):
    model = LinearAutoencoder(l2=5.0)
    n_values = X.nnz if sparse.issparse(X) else X.size
    needed = int(1.3 * 4 * 8 * 8) + 4 * GRAM_BYTES + 32 * n_values
    monkeypatch.setattr(memory, "available_memory", lambda: needed - 1)
    monkeypatch.setattr(linear, "gram", lambda *_: pytest.fail("the Gram matrix was allocated"))
    for verb in (model.fit, model.partial_fit):
        with pytest.raises(NotEnoughMemoryError, match=r"over 8 items .*leave out rare items"):
            verb(X)
    monkeypatch.undo()
    monkeypatch.setattr(memory, "available_memory", lambda: needed)
    assert model.fit(X).B_.shape == (8, 8)


# In parts


@pytest.mark.parametrize(
    "settings",
    [{}, {"dropout": 0.3, "relaxation": 0.2}, {"item_power": 0.3, "user_power": 0.5}],
)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_parts_are_as_good_as_the_whole(X, settings, kind):
    model = LinearAutoencoder(l2=5.0, **settings)
    for part in (X[:20], X[20:21], X[21:]):
        model.partial_fit(kind(part))
    np.testing.assert_allclose(model.B_, fit(kind(X), l2=5.0, **settings), atol=1e-5)


def test_fit_starts_anew(X):
    model = LinearAutoencoder(l2=5.0).partial_fit(X[:20])
    np.testing.assert_array_equal(model.fit(X[20:]).B_, LinearAutoencoder(l2=5.0).fit(X[20:]).B_)


def test_a_model_that_has_forgotten_its_rows_says_that_it_starts_anew(X, tmp_path):
    fitted = LinearAutoencoder(l2=5.0).fit(X[:20])
    fitted.save(tmp_path / "a.model")
    for model in (fitted, LinearAutoencoder.load(tmp_path / "a.model")):
        with pytest.warns(UserWarning, match="learn with partial_fit from the first rows on"):
            model.partial_fit(X[20:30])
        model.partial_fit(X[30:])
        np.testing.assert_allclose(model.B_, fit(X[20:], l2=5.0), atol=1e-5)


def test_rows_that_were_refused_are_not_counted(X):
    expected = LinearAutoencoder(l2=1.0).partial_fit(X)
    model = LinearAutoencoder(l2=1.0, device="none such")
    with pytest.raises(InputError, match="unknown to torch"):
        model.partial_fit(X)
    found = model.set_params(device="cpu").partial_fit(X)
    np.testing.assert_array_equal(found.B_, expected.B_)
