"""Popularity exactly, and item neighbours against a slow twin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from likewise import memory
from likewise.errors import NotEnoughMemoryError
from likewise.recommend.baselines import ItemNeighbours, PersonalFrequency, Popularity, RP3Beta
from likewise.recommend.recommender import Recommender


def tables(rng, n_rows, n_columns):
    return (rng.random((n_rows, n_columns)) < 0.4) * rng.integers(1, 4, (n_rows, n_columns)) * 1.0


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_popularity_is_the_number_of_rows_with_the_item(kind):
    X = tables(np.random.default_rng(0), 30, 6)
    model = Popularity().fit(kind(X))
    counts = [sum(1 for row in X if row[item]) for item in range(6)]
    assert model.counts_.tolist() == counts
    np.testing.assert_array_equal(model.logits(kind(X)), [counts] * 30)
    stored_zeros = sparse.csr_array(X)
    stored_zeros.data[::3] = 0
    expected = np.count_nonzero(stored_zeros.toarray(), axis=0)
    assert Popularity().fit(stored_zeros).counts_.tolist() == expected.tolist()


def test_popularity_recommends_the_most_popular_that_is_not_there():
    baskets = [["tea", "cup"], ["tea", "ink"], ["tea", "cup"], ["pen", "tea"], ["pen", "cup"]]
    recommender = Recommender(Popularity()).fit(baskets)
    first, second = recommender.recommend([["tea"], ["cup", "pen"]], k=2)
    assert [(r.item, r.score) for r in first] == [("cup", 3), ("pen", 2)]
    assert [(r.item, r.score) for r in second] == [("tea", 4), ("ink", 1)]


def slow_neighbours(X, k, shrinkage, discount):
    held = X > 0
    n = held.sum(0)
    S = np.zeros((X.shape[1],) * 2)
    for i in range(len(S)):
        for j in range(len(S)):
            both = (held[:, i] & held[:, j]).sum()
            if i != j and both:
                S[i, j] = both / (n[i] ** (1 - discount) * n[j] ** discount + shrinkage)
    for j in range(len(S)):
        best = sorted(range(len(S)), key=lambda i: (-S[i, j], i))[:k]
        S[[i for i in range(len(S)) if i not in best], j] = 0
    return S


@given(
    st.integers(0, 999),
    st.integers(1, 9),
    st.sampled_from([0.0, 1.0, 10.0]),
    st.sampled_from([0.0, 0.3, 0.5, 1.0]),
)
def test_item_neighbours_are_those_of_the_slow_twin(seed, k, shrinkage, discount):
    rng = np.random.default_rng(seed)
    X = tables(rng, rng.integers(1, 20), rng.integers(1, 9))
    model = ItemNeighbours(n_neighbours=k, shrinkage=shrinkage, discount=discount)
    for kind in (np.asarray, sparse.csr_array):
        S = model.fit(kind(X)).S_
        np.testing.assert_allclose(
            S.toarray(), slow_neighbours(X, k, shrinkage, discount), rtol=1e-6
        )
        assert S.nnz <= k * X.shape[1]
    np.testing.assert_allclose(model.logits(X), X @ S.toarray(), rtol=1e-5)


def test_plain_settings_are_the_cosine():
    X = (tables(np.random.default_rng(1), 40, 7) > 0) * 1.0
    S = ItemNeighbours(shrinkage=0, discount=0.5).fit(X).S_.toarray()
    length = np.sqrt((X**2).sum(0))
    cosine = X.T @ X / length[:, None] / length
    np.fill_diagonal(cosine, 0)
    np.testing.assert_allclose(S, cosine, rtol=1e-6)


def test_discount_and_shrinkage_lower_what_they_should():
    X = np.zeros((40, 3))
    X[:, 0] = 1  # in every basket
    X[:3, 1] = X[:3, 2] = 1
    plain = ItemNeighbours(shrinkage=0, discount=0.0).fit(X).S_.toarray()
    discounted = ItemNeighbours(shrinkage=0, discount=1.0).fit(X).S_.toarray()
    shrunk = ItemNeighbours(shrinkage=30, discount=0.0).fit(X).S_.toarray()
    assert plain[1, 0] == plain[1, 2] == 1
    assert discounted[1, 0] < discounted[1, 2] == 1
    assert 0 < shrunk[1, 2] < 0.1


def test_memory_is_asked_for_before_it_is_taken(monkeypatch):
    X = sparse.csr_array(np.ones((10, 10), dtype=np.float32))
    monkeypatch.setattr(memory, "available_memory", lambda: 1_000)
    with pytest.raises(NotEnoughMemoryError, match="9 neighbours of 10 items each"):
        ItemNeighbours().fit(X)


@pytest.mark.parametrize(("alpha", "beta", "k"), [(1.0, 0.0, 9), (0.7, 0.5, 9), (0.0, 1.3, 2)])
def test_rp3beta_is_the_slow_walk(alpha, beta, k):
    X = tables(np.random.default_rng(3), 20, 6)
    X[:, 5] = 0
    X[4] = 0
    has = X > 0
    expected = np.zeros((6, 6))
    for i in range(6):
        for j in range(6):
            if i != j and has[:, j].any():
                walks = [1 / row.sum() ** alpha for row in has if row[i] and row[j]]
                expected[i, j] = (
                    sum(walks) / has[:, i].sum() ** alpha / has[:, j].sum() ** beta if walks else 0
                )
    for j in range(6):
        expected[np.argsort(-expected[:, j], kind="stable")[k:], j] = 0
    model = RP3Beta(n_neighbours=k, alpha=alpha, beta=beta).fit(sparse.csr_array(X))
    np.testing.assert_allclose(model.S_.toarray(), expected, rtol=1e-5)


def test_personal_frequency_is_what_was_bought_most_then_popularity():
    baskets = [["tea", "cup"], ["tea", "ink"], ["tea", "cup"], ["pen", "tea"]]
    recommender = Recommender(PersonalFrequency(), weighting="linear").fit(baskets)
    X = sparse.csr_array(np.array([[0, 2.0, 0, 1.0]]))  # cup, ink, pen, tea
    ids, scores = recommender.recommend(X, k=4, filter_seen=False)
    assert ids.tolist() == [["ink", "tea", "cup", "pen"]]
    assert scores[0, 2] < 1
    (new,) = recommender.recommend([["ink"]], k=2)
    assert [r.item for r in new] == ["tea", "cup"]
