"""The k best of a row, against a slow sort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from likewise.recommend import topk
from likewise.recommend.topk import NO_ITEM, top_k

FEW_VALUES = st.sampled_from([-np.inf, -1.0, -0.0, 0.0, 0.5, 1.0, 1e30])
"""Few, so that most of them tie."""


@st.composite
def scores_and_k(draw):
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 12)))
    values = draw(st.one_of(st.just(FEW_VALUES), st.just(st.floats(-1e6, 1e6, width=32))))
    return draw(arrays(np.float32, shape, elements=values)), draw(st.integers(1, shape[1]))


def slow(scores, k):
    """Sort each row by score, ties by the shuffle; what may not be chosen ends the list."""
    shuffle = topk.tie_order(scores.shape[1])
    lists = []
    for row in scores:
        order = sorted(range(len(row)), key=lambda item: (-row[item], shuffle[item]))[:k]
        lists.append([item if row[item] > -np.inf else NO_ITEM for item in order])
    return np.array(lists)


@given(scores_and_k())
def test_it_is_the_beginning_of_a_sorted_list(given_):
    scores, k = given_
    items, values = top_k(scores.copy(), k)
    assert (items.dtype, values.dtype) == (np.int64, np.float32)
    np.testing.assert_array_equal(items, slow(scores, k))
    np.testing.assert_array_equal(values, -np.sort(-scores, axis=1)[:, :k])


@given(st.integers(0, 2**31), st.integers(1, 2_000), st.sampled_from([1, 2, 9, 200]), st.data())
def test_so_are_long_rows_of_blocks_with_ties(seed, n_items, n_values, data):
    k = data.draw(st.integers(1, n_items))
    scores = np.random.default_rng(seed).integers(0, n_values, (2, n_items)).astype(np.float32)
    np.testing.assert_array_equal(top_k(scores, k)[0], slow(scores, k))


@pytest.mark.parametrize("direction", [1, -1])
def test_rows_in_order_are_ranked_too(direction):
    scores = np.random.default_rng(0).normal(size=(2, 3_000)).astype(np.float32)
    scores = np.sort(scores, axis=1)[:, ::direction]
    for k in (1, 10, 100, 2_999):
        np.testing.assert_array_equal(top_k(scores, k)[0], slow(scores, k))


@given(scores_and_k())
def test_a_shorter_list_is_the_beginning_of_a_longer_one(given_):
    scores, k = given_
    longest, _ = top_k(scores.copy(), scores.shape[1])
    np.testing.assert_array_equal(top_k(scores.copy(), k)[0], longest[:, :k])


@given(scores_and_k(), st.integers(1, 3))
def test_rows_are_ranked_alike_in_blocks_of_any_size(given_, size):
    scores, k = given_
    whole, _ = top_k(scores.copy(), k)
    parts = [top_k(scores[n : n + size].copy(), k)[0] for n in range(0, len(scores), size)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@given(scores_and_k())
def test_the_scores_are_not_changed(given_):
    scores, k = given_
    before = scores.copy()
    top_k(scores, k)
    np.testing.assert_array_equal(scores, before)


def test_ties_favour_neither_the_first_items_nor_the_last():
    places = top_k(np.zeros((1, 1000), dtype=np.float32), 200)[0][0]
    assert places.mean() == pytest.approx(500, abs=70)
    assert (places < 500).sum() == pytest.approx(100, abs=25)
    again = top_k(np.zeros((3, 1000), dtype=np.float32), 200)[0]
    assert (again == places).all()


def test_no_rows_have_no_lists():
    items, values = top_k(np.empty((0, 4), dtype=np.float32), 2)
    assert items.shape == values.shape == (0, 2)


def test_everything_forbidden_is_an_empty_list():
    items, values = top_k(np.full((2, 3), -np.inf, dtype=np.float32), 3)
    assert (items == NO_ITEM).all()
    assert np.isneginf(values).all()
