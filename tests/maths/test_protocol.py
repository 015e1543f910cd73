"""The protocol ranks once, leaves out what it says, and its guards see what they should."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from likewise.data.fold import FoldIn
from likewise.data.interactions import Interactions
from likewise.data.split import Split
from likewise.data.vocabulary import Vocabulary
from likewise.errors import InputError
from likewise.evaluate.protocol import (
    DEFAULT_METRICS,
    evaluate,
    future_items,
    has_repeats,
    shuffled_labels,
)
from likewise.evaluate.significance import Difference, paired_difference

NAN = float("nan")


class ByScore:
    """Ranks by given scores (B, I), or by one score an item (I,)."""

    def __init__(self, scores):
        self.scores = np.asarray(scores, dtype=float)
        self.calls = []

    def rank(self, given, k, *, filter_seen):
        self.calls.append((k, filter_seen))
        scores = np.broadcast_to(self.scores, given.shape).copy()
        if filter_seen:
            scores[given.toarray() > 0] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.where(np.isinf(np.take_along_axis(scores, order, axis=1)), -1, order)


class Neighbours:
    """Item k-NN by plain co-counts: enough to be far above popularity where there is structure."""

    def __init__(self, train):
        matrix = (train.matrix > 0).astype(np.float64)
        counts = (matrix.T @ matrix).toarray()
        np.fill_diagonal(counts, 0)
        self.weights = counts / (train.item_counts[:, None] + 5)

    def rank(self, given, k, *, filter_seen):
        return ByScore(given @ self.weights).rank(given, k, filter_seen=filter_seen)


def fold(given, held_out) -> FoldIn:
    return FoldIn(
        sparse.csr_array(np.array(given, dtype=np.float32)),
        sparse.csr_array(np.array(held_out, dtype=np.float32)),
        Vocabulary(np.arange(len(given))),
    )


def split(train, test, refit=None) -> Split:
    matrix = Interactions.of_matrix(np.array(train))
    return Split(
        name="by hand",
        train=matrix,
        validation=test,
        refit=matrix if refit is None else Interactions.of_matrix(np.array(refit)),
        test=test,
    )


# item 0 is bought again by the first user, and is all that the second buys
GIVEN = [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]]
HELD_OUT = [[5, 0, 1, 0], [2, 0, 0, 0], [0, 1, 1, 0]]
BY_NUMBER = [4, 3, 2, 1]  # item 0 first


def test_without_repeats_only_new_items_are_listed_and_looked_for():
    ranker = ByScore(BY_NUMBER)
    result = evaluate(ranker, fold(GIVEN, HELD_OUT), ["recall@1", "mrr@3"])
    # lists: user 0: [2, 3], user 1: [1, 2, 3], user 2: [0, 1, 2]; to find: {2}, {}, {1, 2}
    np.testing.assert_array_equal(result.per_user["recall@1"], [1, NAN, 0])
    np.testing.assert_array_equal(result.per_user["mrr@3"], [1, NAN, 1 / 2])
    assert result.n_users == 2
    assert result.mean("recall@1") == 0.5


def test_with_repeats_nothing_is_left_out():
    ranker = ByScore(BY_NUMBER)
    result = evaluate(ranker, fold(GIVEN, HELD_OUT), ["recall@1", "mrr@3"], repeats=True)
    # every list is [0, 1, 2]; to find: {0, 2}, {0}, {1, 2}
    np.testing.assert_array_equal(result.per_user["recall@1"], [1 / 2, 1, 0])
    np.testing.assert_array_equal(result.per_user["mrr@3"], [1, 1, 1 / 2])
    assert result.n_users == 3


def test_it_ranks_once_as_deep_as_needed_and_no_deeper_than_the_catalogue():
    wide = fold(np.eye(3, 300), np.eye(3, 300, k=1))
    ranker = ByScore(np.arange(300))
    evaluate(ranker, wide)
    evaluate(ranker, wide, ["ndcg@5"], repeats=True)
    evaluate(ranker, wide, ["ndcg@1000"])
    assert ranker.calls == [(100, True), (20, False), (300, True)]


def test_the_dictionary_has_each_mean_the_coverage_and_the_users():
    result = evaluate(ByScore(BY_NUMBER), fold(GIVEN, HELD_OUT)).as_dict()
    assert set(result) == {*DEFAULT_METRICS, "coverage@20", "users"}
    assert result["coverage@20"] == 1.0
    assert result["recall@20"] == 1.0
    assert result["users"] == 2


def test_coverage_counts_what_anybody_is_shown():
    wide = fold(np.eye(2, 50), np.eye(2, 50, k=2))
    same_for_all = evaluate(ByScore(-np.arange(50)), wide)
    assert (
        same_for_all.coverage == 21 / 50
    )  # items 1 to 20 for one user, 0 and 2 to 20 for the other


def test_nobody_with_anything_to_find_is_refused():
    with pytest.raises(InputError, match="none of the 1 users has anything new to find"):
        evaluate(ByScore(BY_NUMBER), fold([[1, 0, 0, 0]], [[1, 0, 0, 0]]))
    with pytest.raises(InputError, match="none of the 1 users has anything to find"):
        evaluate(ByScore(BY_NUMBER), fold([[1, 0, 0, 0]], [[0, 0, 0, 0]]), repeats=True)


def test_a_ranker_that_lists_seen_items_is_refused():
    class Forgetful(ByScore):
        def rank(self, given, k, *, filter_seen):
            return super().rank(given, k, filter_seen=False)

    with pytest.raises(InputError, match="obey filter_seen=True"):
        evaluate(Forgetful(BY_NUMBER), fold(GIVEN, HELD_OUT))


def test_an_unknown_metric_is_refused_before_anything_is_ranked():
    ranker = ByScore(BY_NUMBER)
    with pytest.raises(InputError, match="'precision@5' is not known"):
        evaluate(ranker, fold(GIVEN, HELD_OUT), ["precision@5"])
    assert ranker.calls == []


def test_the_fold_is_left_as_it_was():
    case = fold(GIVEN, HELD_OUT)
    evaluate(ByScore(BY_NUMBER), case)
    assert case.given.toarray().tolist() == GIVEN
    assert case.held_out.toarray().tolist() == HELD_OUT


def test_repeats_are_seen():
    assert has_repeats(fold(GIVEN, HELD_OUT))
    assert not has_repeats(fold([[1, 0]], [[0, 1]]))


def test_future_items_are_counted_against_what_the_model_is_fitted_on():
    test = fold([[1, 0, 0, 0]], [[0, 1, 1, 1]])
    assert future_items(split([[1, 1, 1, 1]], test)) == 0
    assert future_items(split([[1, 1, 0, 0]], test)) == 2
    assert future_items(split([[1, 1, 0, 0]], test, refit=[[1, 1, 0, 1]])) == 1


def taste_groups(n_users: int, n_groups: int, seed: int) -> np.ndarray:
    """Users buy mostly among their own group's 10 items; low-numbered items are more popular."""
    random = np.random.default_rng(seed)
    group = random.integers(n_groups, size=n_users)
    own = group[:, None] == np.arange(10 * n_groups) // 10
    popularity = 1 / (1 + np.arange(10 * n_groups) % 10)
    return random.random(own.shape) < np.where(own, 0.9, 0.1) * popularity


def structured_split(seed: int = 0) -> Split:
    bought = taste_groups(800, 8, seed)
    random = np.random.default_rng(seed + 1)
    held = bought[600:] & (random.random((200, bought.shape[1])) < 0.4)
    return split(bought[:600], fold(bought[600:] & ~held, held))


def ahead_of_popularity(ranker, case: Split) -> Difference:
    ndcg, popular = (
        evaluate(model, case.test, ["ndcg@10"]).per_user["ndcg@10"]
        for model in (ranker, ByScore(case.train.item_counts))
    )
    return paired_difference(ndcg, popular)


def test_shuffled_labels_fall_to_popularity():
    case = structured_split()
    assert ahead_of_popularity(Neighbours(case.train), case).low > 0.05
    for seed in range(3):
        shuffled = shuffled_labels(case, seed)
        assert ahead_of_popularity(Neighbours(shuffled.train), case).low < 0


def test_shuffled_labels_expose_a_model_that_reads_the_test():
    case = shuffled_labels(structured_split())

    class Leaky(ByScore):
        """Has got hold of the answers."""

        def __init__(self):
            super().__init__(case.test.held_out.toarray())

    assert ahead_of_popularity(Leaky(), case).low > 0.5


def test_shuffling_keeps_what_it_promises():
    case = structured_split()
    dealt = shuffled_labels(case, seed=3)
    before, after = case.train.matrix, dealt.train.matrix
    assert set(after.data.tolist()) == {1.0}
    assert (np.diff(after.indptr) <= np.diff(before.indptr)).all()
    assert (dealt.train.item_counts <= case.train.item_counts).all()
    assert after.nnz > 0.8 * before.nnz
    assert (after != before).nnz > 0.5 * before.nnz
    assert dealt.test is case.test
    assert dealt.refit is dealt.train
    assert dealt.recent is None
    assert (shuffled_labels(case, seed=3).train.matrix != after).nnz == 0


def test_shuffling_deals_every_training_part():
    case = structured_split()
    half = case.train.take(np.arange(300))
    dealt = shuffled_labels(replace(case, refit=half, recent=half))
    assert dealt.refit is not dealt.train
    for part in (dealt.refit, dealt.recent):
        assert (part.matrix != half.matrix).nnz > 0.5 * half.matrix.nnz


def test_shuffling_deals_what_models_that_heed_a_half_life_learn_from():
    case = structured_split()
    left = case.train.with_matrix(case.train.matrix * np.float32(0.5))
    fading = replace(case, train=left, refit=left, half_life=30.0)
    dealt = shuffled_labels(replace(case, half_life=30.0, fading=fading))
    assert dealt.fading is not None
    assert dealt.fading.test is case.test
    for part in (dealt.fading.train, dealt.fading.refit):
        assert (part.matrix != dealt.train.matrix).nnz == 0
