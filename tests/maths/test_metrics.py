"""The metrics against hand-worked tables and against a slow twin that reads like the formulas."""

from math import log2

import numpy as np
import pytest
from scipy import sparse

from likewise.errors import InputError
from likewise.evaluate.metrics import METRICS, coverage, hit_matrix, parse_metric, per_user_metrics


def slow_metric(kind: str, k: int, ranked: list[int], held_out: set[int]) -> float:
    """One metric of one user, as the formula is read aloud."""
    if not held_out:
        return float("nan")
    hits = [rank for rank, item in enumerate(ranked[:k], start=1) if item in held_out]
    if kind == "recall":
        return len(hits) / len(held_out)
    if kind == "recall_capped":
        return len(hits) / min(k, len(held_out))
    if kind == "hit_rate":
        return 1.0 if hits else 0.0
    if kind == "mrr":
        return 1 / hits[0] if hits else 0.0
    ideal = sum(1 / log2(rank + 1) for rank in range(1, min(k, len(held_out)) + 1))
    return sum(1 / log2(rank + 1) for rank in hits) / ideal


# ranks:        1  2  3  4
RANKED = np.array([
    [4, 0, 2, 5],  # all three held-out items at ranks 1, 3 and 4
    [1, 3, 0, 2],  # the only one at rank 2
    [5, 4, 3, 2],  # none of two
    [0, 1, 2, 3],  # nothing is held out
    [2, -1, -1, -1],  # a list with one item, and it is right
])  # fmt: skip
HELD_OUT = sparse.csr_array(
    np.array(
        [
            [0, 0, 1, 0, 3, 1],
            [0, 0, 0, 2, 0, 0],
            [1, 1, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0],
            [0, 0, 1, 0, 0, 1],
        ]
    )
)
NAN = float("nan")
IDEAL_2 = 1 + 1 / log2(3)
IDEAL_3 = 1 + 1 / log2(3) + 1 / 2

HAND_WORKED = {
    "recall@1": [1 / 3, 0, 0, NAN, 1 / 2],
    "recall@2": [1 / 3, 1, 0, NAN, 1 / 2],
    "recall@4": [1, 1, 0, NAN, 1 / 2],
    "recall_capped@1": [1, 0, 0, NAN, 1],
    "recall_capped@2": [1 / 2, 1, 0, NAN, 1 / 2],
    "recall_capped@4": [1, 1, 0, NAN, 1 / 2],
    "hit_rate@1": [1, 0, 0, NAN, 1],
    "hit_rate@2": [1, 1, 0, NAN, 1],
    "mrr@1": [1, 0, 0, NAN, 1],
    "mrr@4": [1, 1 / 2, 0, NAN, 1],
    "ndcg@1": [1, 0, 0, NAN, 1],
    "ndcg@2": [1 / IDEAL_2, 1 / log2(3), 0, NAN, 1 / IDEAL_2],
    "ndcg@4": [(1 + 1 / 2 + 1 / log2(5)) / IDEAL_3, 1 / log2(3), 0, NAN, 1 / IDEAL_2],
}


@pytest.mark.parametrize(("name", "expected"), HAND_WORKED.items())
def test_hand_worked_tables(name, expected):
    np.testing.assert_allclose(
        per_user_metrics(RANKED, HELD_OUT, [name])[name], expected, rtol=1e-12
    )


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_slow_twin(seed):
    random = np.random.default_rng(seed)
    n_users, n_items, length = 60, 30, 12
    ranked = np.argsort(random.random((n_users, n_items)), axis=1)[:, :length]
    ranked[random.random(ranked.shape) < 0.1] = -1
    held_out = sparse.csr_array(random.random((n_users, n_items)) < 0.1)
    names = [f"{kind}@{k}" for kind in METRICS for k in (1, 3, 12)]

    fast = per_user_metrics(ranked, held_out, names)

    dense = held_out.toarray()
    for name in names:
        kind, k = parse_metric(name)
        slow = [
            slow_metric(kind, k, ranked[user].tolist(), set(np.flatnonzero(dense[user]).tolist()))
            for user in range(n_users)
        ]
        np.testing.assert_allclose(fast[name], slow, rtol=1e-12, err_msg=name)


def test_k_beyond_the_catalogue_looks_at_the_whole_catalogue():
    ranked = np.array([[2, 0, 1]])
    held_out = sparse.csr_array([[1, 0, 1]])
    values = per_user_metrics(ranked, held_out, [f"{kind}@100" for kind in METRICS])
    assert {name: value[0] for name, value in values.items()} == {
        "recall@100": 1, "recall_capped@100": 1, "ndcg@100": 1, "hit_rate@100": 1, "mrr@100": 1,
    }  # fmt: skip


def test_padding_and_a_short_list_are_the_same():
    held_out = sparse.csr_array([[1, 0, 1]])
    short = per_user_metrics(np.array([[1, 2, 0]]), held_out, ["ndcg@50"])
    padded = per_user_metrics(np.array([[1, 2, 0, -1, -1]]), held_out, ["ndcg@50"])
    assert short["ndcg@50"] == padded["ndcg@50"]


def test_a_cell_stored_as_zero_or_twice_is_not_held_out_twice():
    held_out = sparse.csr_array(
        (np.array([1.0, 1.0, 0.0]), np.array([2, 2, 0]), np.array([0, 3])), shape=(1, 4)
    )
    values = per_user_metrics(np.array([[2, 0, 1, 3]]), held_out, ["recall@1", "recall@4"])
    assert values["recall@1"].tolist() == values["recall@4"].tolist() == [1.0]


def test_an_unsorted_matrix_is_read_right_and_left_alone():
    indices = np.array([3, 1, 0])
    held_out = sparse.csr_array((np.ones(3), indices, np.array([0, 3])), shape=(1, 4))
    assert hit_matrix(np.array([[0, 1, 2, 3]]), held_out).tolist() == [[True, True, False, True]]
    assert held_out.indices.tolist() == [3, 1, 0]


def test_no_item_in_the_first_row_is_not_the_last_item_of_the_row_before():
    held_out = sparse.csr_array([[0, 1], [1, 0]])
    assert not hit_matrix(np.array([[-1, 0], [-1, 1]]), held_out).any()


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_item_numbers_of_any_width(dtype):
    ranked = np.array([[1, 0], [0, 1]], dtype=dtype)
    assert hit_matrix(ranked, sparse.csr_array([[0, 1], [0, 1]])).tolist() == [
        [True, False],
        [False, True],
    ]


def test_no_users_and_no_names_give_nothing():
    empty = sparse.csr_array((0, 4))
    assert per_user_metrics(np.empty((0, 4), dtype=np.int64), empty, ["ndcg@2"])[
        "ndcg@2"
    ].shape == (0,)
    assert per_user_metrics(RANKED, HELD_OUT, []) == {}


def test_coverage_counts_each_item_once_and_padding_never():
    ranked = np.array([[0, 1, -1], [0, 2, -1]])
    assert coverage(ranked, n_items=6, k=1) == 1 / 6
    assert coverage(ranked, n_items=6, k=2) == 3 / 6
    assert coverage(ranked, n_items=6, k=99) == 3 / 6


UNKNOWN = [
    "ndcg",
    "ndcg@",
    "ndcg@0",
    "ndcg@-1",
    "ndcg@1.5",
    "@10",
    "NDCG@10",
    "precision@5",
    "ndcg@٣",
]


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_names_are_refused(name):
    with pytest.raises(InputError, match="is not known; write kind@k"):
        parse_metric(name)


@pytest.mark.parametrize(
    ("ranked", "message"),
    [
        (np.zeros((2, 3)), "give signed item numbers"),
        (np.zeros((2, 3), dtype=np.uint64), "give signed item numbers"),
        (np.zeros(3, dtype=int), "give signed item numbers"),
        (np.zeros((3, 1), dtype=int), "one row for each of the held-out users"),
        (np.zeros((2, 0), dtype=int), "give signed item numbers"),
        (np.array([[0, 4], [0, 1]]), "the catalogue has 0 to 3"),
        (np.array([[0, -2], [0, 1]]), "-1 stands for no item"),
        (np.array([[0, 1], [3, 3]]), "the list in row 1 names an item twice"),
        (np.array([[0, 1], [2, 3]]), "the lists have 2 items and a metric looks at 3"),
    ],
)
def test_lists_that_do_not_fit_are_refused(ranked, message):
    with pytest.raises(InputError, match=message):
        per_user_metrics(ranked, sparse.csr_array((2, 4)), ["recall@3"])
