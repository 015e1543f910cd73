"""What is held out to choose on: a random share, and what stands together where that tells."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from likewise.data import held_out
from likewise.data.fold import held_out_items
from likewise.data.held_out import AT_RANDOM, BOTH, held_out_share, random_share, togetherness
from likewise.data.interactions import Interactions
from likewise.data.split import fixed_lists
from likewise.evaluate.protocol import METRIC, evaluate
from likewise.recommend import search
from likewise.recommend.auto import auto
from likewise.recommend.baselines import ItemNeighbours
from likewise.recommend.searches import SEARCHES


def visits(mixed):
    """Make a split of customers of 6 towns, each with 24 places of 4 items; the last is tested.

    The items of a place are numbered one after the other, unless mixed. Neighbours of an item are
    those of its place, which a random share flatters; a place not yet visited is told by the town.
    """
    rng = np.random.default_rng(0)
    number = rng.permutation(6 * 24 * 4) if mixed else np.arange(6 * 24 * 4)
    before, last = [], []
    for town in rng.integers(0, 6, 300):
        places = 24 * town + rng.permutation(24)[:10]
        items = [number[4 * place + np.flatnonzero(rng.random(4) < 0.64)] for place in places]
        before.append(np.concatenate(items[:-1]).tolist())
        last.append(items[-1].tolist())
    return fixed_lists(Interactions.of(before), Interactions.of(last), validation_fraction=0.2)


def chosen(split, monkeypatch):
    """Return how many neighbours `auto` takes, of 3 or 50, and what that reaches on the test."""
    few_or_many = SEARCHES[ItemNeighbours].only("n_neighbours", plain=ItemNeighbours().get_params())
    few_or_many = replace(
        few_or_many,
        ladders={"n_neighbours": [3, 50]},
        start=few_or_many.start | {"n_neighbours": 3},
    )
    monkeypatch.setitem(SEARCHES, ItemNeighbours, few_or_many)
    monkeypatch.setattr(search, "closed_forms", lambda *_: [ItemNeighbours])
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    found = auto(split.train, split.validation, split.refit, budget=4, neural=False, support=False)
    reached = evaluate(found.recommender, split.test, (METRIC,)).mean(METRIC)
    return found.parts[0][1].n_neighbours, reached, found.recommender.metrics["choice"]


def test_where_visits_stand_together_a_random_share_alone_misleads(monkeypatch):
    n, reached, choice = chosen(visits(mixed=False), monkeypatch)
    assert n == 50
    assert choice["held_out"].startswith(BOTH)
    monkeypatch.setattr(held_out, "LEAST", math.inf)
    n, misled, choice = chosen(visits(mixed=False), monkeypatch)
    assert n == 3
    assert choice["held_out"].startswith(AT_RANDOM)
    assert reached > misled + 0.1


def test_where_the_order_tells_nothing_both_agree_and_a_random_share_is_taken(monkeypatch):
    split = visits(mixed=True)
    assert split.validation.rule.startswith(AT_RANDOM)
    n, _, _ = chosen(split, monkeypatch)
    monkeypatch.setattr(held_out, "LEAST", 0.0)
    monkeypatch.setattr(held_out, "SURE", -math.inf)
    assert chosen(visits(mixed=True), monkeypatch)[0] == n


def test_togetherness_is_what_a_loop_over_all_pairs_finds():
    rng = np.random.default_rng(2)
    log = Interactions.of([[1, 2, 3], [], [2, 3], [4], *(rng.permutation(9)[:4] for _ in range(9))])
    lists = [row.indices.tolist() for row in log.matrix]
    order = np.random.default_rng(0)
    order.permutation(len(lists))  # which lists are looked at: all
    order.permutation(sum(max(len(one) - 1, 0) for one in lists))  # and which pairs: all
    key = np.split(order.random(log.matrix.nnz), np.cumsum([len(one) for one in lists])[:-1])
    mixed = [[one[k] for k in np.argsort(keys)] for one, keys in zip(lists, key, strict=True)]
    counts = log.item_counts

    def near(rows):
        pairs = [(a, b) for row in rows for a, b in pairwise(row)]
        both = [sum(a in one and b in one for one in lists) - 1 for a, b in pairs]
        return np.array(
            [n / math.sqrt(counts[a] * counts[b]) for n, (a, b) in zip(both, pairs, strict=True)]
        )

    # the rows of the matrix are looked at in order, their pairs in any: sums heed no order
    own, others = near(lists), near(mixed)
    gain = own - others
    errors = gain.mean() / (gain.std() / math.sqrt(len(gain)))
    assert togetherness(log.matrix) == pytest.approx((own.sum() / others.sum(), errors))


def test_chance_in_small_logs_tells_nothing():
    for seed in range(60):
        rng = np.random.default_rng(seed)
        lists = [rng.permutation(12)[: rng.integers(1, 5)] for _ in range(12)]
        log = Interactions.of(lists).matrix
        if (found := togetherness(log))[0] >= held_out.LEAST:
            break
    assert found[1] < held_out.SURE
    assert held_out_share(log, log, 0.5, rng)[1].startswith(AT_RANDOM)


@pytest.mark.parametrize("lists", [[[1, 2], [3, 4]], [[1], [2]], [[]], [[], [5, 6, 7]]])
def test_lists_without_anything_in_common_tell_nothing(lists):
    assert togetherness(Interactions.of(lists).matrix) == (1.0, 0.0)


@pytest.mark.parametrize("least", [0.0, math.inf])
def test_of_each_list_as_much_is_held_out(monkeypatch, least):
    monkeypatch.setattr(held_out, "LEAST", least)
    monkeypatch.setattr(held_out, "SURE", -math.inf)
    rng = np.random.default_rng(1)
    lists = [rng.permutation(40)[: rng.integers(1, 25)] for _ in range(200)] + [[], [3]]
    matrix = Interactions.of(lists).matrix
    drawn = [held_out_share(matrix, matrix, 0.3, np.random.default_rng(7)) for _ in range(2)]
    (mark, rule), (again, _) = drawn
    np.testing.assert_array_equal(mark, again)
    assert rule.startswith(BOTH if least == 0 else AT_RANDOM)
    rows = np.split(mark, matrix.indptr[1:-1])
    assert [row.sum() for row in rows] == [int(0.3 * len(row)) for row in rows]
    in_one_piece = [np.ptp(np.flatnonzero(row)) == row.sum() - 1 for row in rows if row.sum() > 2]
    assert np.mean(in_one_piece) > 0.4 if least == 0 else np.mean(in_one_piece) < 0.2
    if least:
        np.testing.assert_array_equal(
            mark, random_share(matrix.indptr, 0.3, np.random.default_rng(7))
        )


def test_one_item_at_least_is_held_out_and_one_given(monkeypatch):
    monkeypatch.setattr(held_out, "LEAST", 0.0)
    monkeypatch.setattr(held_out, "SURE", -math.inf)
    _, fold = held_out_items(Interactions.of([[1, 2]] * 20 + [[1, 2, 3]] * 20), fraction=1.0)
    assert set(np.diff(fold.held_out.indptr)) == {1}
    assert np.diff(fold.given.indptr).min() == 1
    assert fold.take(np.arange(3)).rule == fold.rule
    assert fold.rule.startswith(BOTH)
