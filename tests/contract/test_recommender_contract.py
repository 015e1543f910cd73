"""What every recommender does, whatever autoencoder it is made from."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from scipy import sparse

from likewise.autoencoders import Autoencoder, LinearAutoencoder
from likewise.data.interactions import Interactions
from likewise.data.log import Log
from likewise.data.split import global_time
from likewise.errors import InputError, LikewiseError, ModelFolderError
from likewise.recommend import scorer as module
from likewise.recommend.baselines import Popularity
from likewise.recommend.baskets import Recommendations
from likewise.recommend.folder import ALL_TYPES, load
from likewise.recommend.recommender import Recommender
from likewise.recommend.rules import Rules
from likewise.recommend.scorer import weighted

FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
BASKETS = [["item-00", "item-01"], ["item-05"], ["item-04", "item-06", "item-09"]]


def items_of(recommendations):
    return [r.item for r in recommendations]


def assert_alike(one, other):
    """The same items; scores up to the last bits, which may depend on the rows beside a row."""
    assert items_of(one) == items_of(other)
    np.testing.assert_allclose(
        [r.score for r in one], [r.score for r in other], rtol=1e-5, atol=1e-6
    )


def popular(baskets, k):
    counts = Counter(item for basket in baskets for item in set(basket))
    return [counts[item] for item in sorted(counts, key=lambda item: -counts[item])[:k]]


# Baskets


@pytest.mark.parametrize("basket", [[], ["saucer", "spoon", "saucer"]])
def test_a_basket_without_known_items_gets_the_most_popular(recommender, baskets, basket):
    (answer,) = recommender.recommend([basket], k=5)
    assert isinstance(answer, Recommendations)
    assert answer.fallback
    assert answer.unknown == tuple(dict.fromkeys(basket))
    assert [r.score for r in answer] == popular(baskets, 5)


def test_a_basket_with_some_unknown_items_is_answered_by_the_rest(recommender):
    known, mixed = recommender.recommend(
        [["item-05"], ["saucer", "item-05", "spoon", "saucer"]], k=4
    )
    assert mixed.unknown == ("saucer", "spoon")
    assert not mixed.fallback
    assert_alike(mixed, known)
    assert known.unknown == ()


def test_one_item_is_enough(recommender):
    (answer,) = recommender.recommend([["item-05"]], k=3)
    assert len(answer) == 3
    assert "item-05" not in items_of(answer)
    assert answer[0].title == answer[0].item
    assert [r.score for r in answer] == sorted((r.score for r in answer), reverse=True)


def test_buying_twice_and_the_order_of_a_basket_change_nothing(recommender):
    once, twice, turned = recommender.recommend(
        [["item-00", "item-05"], ["item-00", "item-05", "item-00"], ["item-05", "item-00"]]
    )
    assert once.unknown == twice.unknown == turned.unknown == ()
    assert_alike(once, twice)
    assert_alike(once, turned)


def test_a_basket_may_be_any_collection_of_ids(recommender):
    as_list = recommender.recommend([["item-00", "item-05"]])
    for kind in (tuple, set, frozenset, np.array, pd.Series, iter):
        assert recommender.recommend([kind(["item-00", "item-05"])]) == as_list


def test_seen_items_are_left_out_or_kept(recommender):
    basket = ["item-00", "item-01", "item-02"]
    (left_out,) = recommender.recommend([basket], k=9)
    (kept,) = recommender.recommend([basket], k=12, filter_seen=False)
    assert not set(items_of(left_out)) & set(basket)
    assert set(items_of(kept)) == set(recommender.catalogue_.items.ids)
    assert [r for r in kept if r.item not in basket] == list(left_out)


def test_no_baskets_get_no_answers(recommender):
    assert recommender.recommend([]) == []
    for kind in FRAMES.values():
        empty = kind({"user": pa.array([], pa.string()), "item": pa.array([], pa.string())})
        answer = recommender.recommend(empty)
        assert type(answer) is type(empty)
        assert len(answer) == 0
    ids, scores = recommender.recommend(sparse.csr_array((0, 12)), k=4)
    assert ids.shape == scores.shape == (0, 4)


# How many


@pytest.mark.parametrize("k", [0, -1, 2.5, "3", None, True])
def test_k_is_a_whole_number_from_one(recommender, k):
    for ask in (recommender.recommend, recommender.also_bought, recommender.similar_items):
        given = [["item-05"]] if ask == recommender.recommend else ["item-05"]
        with pytest.raises(InputError, match=rf"^k={k!r}; ask for a whole number of items, 1"):
            ask(given, k=k)


def test_more_items_than_remain_are_refused(recommender):
    with pytest.raises(
        InputError,
        match=r"^k=11 but only 10 items remain beside those of the basket; "
        r"ask for k <= 10 or set filter_seen=False \(--keep-seen\)$",
    ):
        recommender.recommend(BASKETS[:1], k=11)
    with pytest.raises(
        InputError, match=r"^k=50 .* remain beside those of the basket; ask for k <= 10$"
    ):
        recommender.recommend(BASKETS[:1], k=50)
    with pytest.raises(InputError, match=r"^k=50 but only 12 items remain; ask for k <= 12$"):
        recommender.recommend(BASKETS[:1], k=50, filter_seen=False)
    with pytest.raises(InputError, match=r"^k=13 but only 12 items remain; ask for k <= 12$"):
        recommender.recommend([[]], k=13)
    assert len(recommender.recommend([[]], k=12)[0]) == 12
    assert len(recommender.recommend(BASKETS[:1], k=10)[0]) == 10


def test_the_others_of_an_item_are_one_fewer_than_the_catalogue(recommender):
    for ask in (recommender.also_bought, recommender.similar_items):
        assert len(ask(["item-05"], k=11)["item-05"]) == 11
        with pytest.raises(InputError, match=r"^k=12 but .* 11 others .*; ask for k <= 11$"):
            ask(["item-05"], k=12)


def test_a_ranking_for_the_protocol_is_padded_where_items_run_out(recommender):
    given = sparse.csr_array(np.ones((1, 12), dtype=np.float32))
    given.data[:5] = 0
    given.eliminate_zeros()
    ranked = recommender.rank(given, 20, filter_seen=True)
    assert ranked.shape == (1, 20)
    assert set(ranked[0, :5]) == set(range(5))
    assert (ranked[0, 5:] == -1).all()


# Kinds


def frame_of(kind, baskets):
    users = [f"u{n}" for n, basket in enumerate(baskets) for _ in basket]
    return FRAMES[kind]({"user": users, "item": [item for basket in baskets for item in basket]})


@pytest.mark.parametrize("kind", FRAMES)
def test_a_frame_is_answered_with_a_frame_of_its_kind(recommender, kind):
    baskets = [*BASKETS, ["saucer"]]
    frame = recommender.recommend(frame_of(kind, baskets), k=4)
    assert isinstance(frame, pa.Table if kind == "pyarrow" else FRAMES[kind])
    table = pa.table(frame)
    assert table.column_names == ["user", "item", "score", "fallback", "rank"]
    rows = table.to_pydict()
    assert rows["user"] == [f"u{n}" for n in range(4) for _ in range(4)]
    assert rows["rank"] == [1, 2, 3, 4] * 4
    assert rows["fallback"] == [False] * 12 + [True] * 4
    expected = [r for answer in recommender.recommend(baskets, k=4) for r in answer]
    assert rows["item"] == [r.item for r in expected]
    np.testing.assert_allclose(rows["score"], [r.score for r in expected], rtol=1e-6)


@pytest.mark.parametrize("kind", FRAMES)
def test_users_of_a_frame_need_not_stand_together(recommender, kind):
    frame = FRAMES[kind]({"user": [9, 3, 9], "item": ["item-00", "item-05", "item-01"]})
    rows = pa.table(recommender.recommend(frame, k=2)).to_pydict()
    both, one = recommender.recommend([["item-00", "item-01"], ["item-05"]], k=2)
    assert rows["user"] == [9, 9, 3, 3]
    assert rows["item"] == items_of(both) + items_of(one)


def test_a_matrix_is_answered_with_ids_and_scores(recommender, purchases):
    ids, scores = recommender.recommend(purchases[:5], k=2)
    lists = recommender.recommend(
        [[f"item-{c:02d}" for c in purchases[[n]].indices] for n in range(5)], k=2
    )
    assert ids.tolist() == [items_of(answer) for answer in lists]
    np.testing.assert_allclose(scores, [[r.score for r in answer] for answer in lists], rtol=1e-6)


def test_in_a_matrix_places_without_an_item_name_none(name, make):
    matrix = sparse.csr_array([[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 0, 1.0]])
    fitted = Recommender(make()).fit(matrix)
    full, _ = fitted.recommend(matrix[[0, 3]], k=2)
    assert full.dtype == np.int64
    ids, scores = fitted.recommend(matrix[[0, 1]], k=2)
    assert ids[1].tolist() == [3, None]
    assert None not in ids[0]
    assert np.isfinite(scores).tolist() == [[True, True], [True, False]]
    none, scores = fitted.recommend(matrix[:1], k=2, rules=Rules(allowed=np.zeros(4, bool)))
    assert none.tolist() == [[None, None]]
    assert np.isneginf(scores).all()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("item-00", "baskets is a str"),
        (b"item-00", "baskets is a bytes"),
        (["item-00"], r"a basket is 'item-00'; give a list of baskets"),
        ({"item-00": 1}, "baskets is a dict"),
        ([{"item-00": 1}], "a basket is {'item-00': 1}; give"),
        ([7], "a basket is 7"),
        ([None], "a basket is None"),
        ([2.5], "a basket is 2.5"),
        (None, "baskets is a NoneType"),
        (5, "baskets is a int"),
        ([["item-00", float("nan")]], "an id is nan"),
        ([[float("nan")]], "an id is nan"),
        ([[None]], "an id is None"),
        ([["item-00", 1]], "ids mix str and int"),
        ([[1.0]], "an id is 1.0"),
        ([[["item-00"], ["item-01", "item-02"]]], r"an id is \['item-00'\]"),
        ([[[1, 2]]], r"an id is \[1, 2\]"),
        ([[2**63]], "an id is 9223372036854775808"),
        ([[2**70]], "an id is 1180591620717411303424"),
        (np.ones((2, 12)), "baskets is a ndarray"),
        (sparse.csr_array((1, 5)), "give 12 columns"),
        (sparse.csr_array([[-1.0] * 12]), "negative"),
        (sparse.csr_array([[np.nan] * 12]), "NaN"),
        (pd.DataFrame({"item": ["item-00"]}), "needs user and item"),
        (pd.DataFrame({"user": [1]}), "needs user and item"),
        (pd.DataFrame({"user": ["a", None], "item": ["item-00", "item-01"]}), "user has empty"),
        (pd.DataFrame({"user": ["a"], "item": [None]}), "an id is None"),
        (pd.DataFrame({"user": ["a", "a"], "item": ["item-00", 1]}), "mixed kinds"),
        (pd.DataFrame({"user": ["a"], "item": [1.5]}), "an id is 1.5"),
    ],
)
def test_what_is_no_basket_is_refused_in_one_line(recommender, given, says):
    with pytest.raises(InputError, match=says) as caught:
        recommender.recommend(given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("basket", "says"),
    [
        ("item-00", "a basket is 'item-00'"),
        ({"item-00": 1}, "a basket is {'item-00': 1}; give"),
        (None, "a basket is None"),
        (["item-00", 1], "ids mix"),
    ],
)
def test_what_is_no_basket_is_not_explained(recommender, basket, says):
    with pytest.raises(InputError, match=says):
        recommender.explain(basket, "item-05")


# Ids


def learn(name, make, baskets):
    return Recommender(make()).fit(baskets)


def test_integers_and_their_texts_are_the_same_ids(name, make):
    rng = np.random.default_rng(3)
    numbers = [rng.choice(np.arange(100, 106), 3, replace=False).tolist() for _ in range(30)]
    by_number = learn(name, make, numbers)
    by_text = learn(name, make, [[str(n) for n in basket] for basket in numbers])
    expected = by_number.recommend([[100, 101]], k=3)
    assert all(type(r.item) is int for r in expected[0])
    assert by_number.recommend([["100", "101"]], k=3) == expected
    assert [str(r.item) for r in expected[0]] == items_of(by_text.recommend([[100, 101]], k=3)[0])
    assert all(type(r.item) is str for r in by_text.recommend([[100]], k=3)[0])
    assert all(type(r.item) is int for r in by_number.explain([100, 101], 102))
    assert list(by_number.also_bought(np.array([100]), k=2)) == [100]


def test_a_fit_that_is_refused_leaves_what_was_learned(baskets):
    fitted = Recommender(LinearAutoencoder(l2=2.0)).fit(baskets)
    fitted.metrics = {"ndcg@20": 0.5}
    before = fitted.recommend(BASKETS, k=3), fitted.catalogue_
    fitted.model = LinearAutoencoder(l2=-1)
    for refused in (baskets, [["item-00", "saucer"], ["item-00", "saucer"]]):
        with pytest.raises(InputError, match="l2"):
            fitted.fit(refused)
        assert (fitted.recommend(BASKETS, k=3), fitted.catalogue_) == before
        assert fitted.metrics == {"ndcg@20": 0.5}


def test_leading_zeros_make_another_id(name, make):
    baskets = [["007", "7", "8"], ["007", "8"], ["7", "9"], ["007", "9"]] * 5
    recommender = learn(name, make, baskets)
    (answer,) = recommender.recommend([["007"]], k=3)
    assert sorted(items_of(answer)) == ["7", "8", "9"]
    assert recommender.recommend([["07"]], k=1)[0].unknown == ("07",)
    assert recommender.recommend([[7]], k=3)[0].unknown == ()


def test_whatever_stands_beside_it_a_basket_of_another_kind_is_refused(recommender):
    for baskets in ([[1]], [["item-00"], [1]], [[], [1], ["saucer"]]):
        with pytest.raises(InputError, match=r"they are int, such as 1, and the model's are str"):
            recommender.recommend(baskets, k=2)


@pytest.mark.parametrize(
    ("catalogue", "stranger", "known"),
    [(["007", "7", "tea"], 9, "tea"), ([7, 8, 9], "tea", "8"), ([7, 8, 9], "tea", 8)],
)
def test_whatever_stands_beside_it_an_id_that_could_be_known_is_a_stranger(
    catalogue, stranger, known
):
    fitted = Recommender(LinearAutoencoder(l2=2.0)).fit([catalogue, catalogue[:2], catalogue[1:]])
    (alone,) = fitted.recommend([[stranger]], k=1)
    assert alone.fallback
    assert alone.unknown == (stranger,)
    assert fitted.recommend([[known], [stranger]], k=1)[1] == alone


# Items


def test_support_is_the_number_of_baskets_with_both(recommender, baskets):
    held = [set(basket) for basket in baskets]
    for item, others in recommender.also_bought([f"item-{n:02d}" for n in range(12)], k=11).items():
        assert len(others) == 11
        for other in others:
            assert other.support == sum({item, other.item} <= basket for basket in held)


def test_also_bought_scores_are_those_of_a_basket_with_the_item_alone(recommender):
    found = recommender.also_bought(["item-05", "item-02"], k=4)
    alone = recommender.recommend([["item-05"], ["item-02"]], k=4)
    assert list(found) == ["item-05", "item-02"]
    for others, answer in zip(found.values(), alone, strict=True):
        assert [o.item for o in others] == items_of(answer)
        np.testing.assert_allclose(
            [o.score for o in others], [r.score for r in answer], rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("weighting", ["log", "linear"])
def test_also_bought_weighs_an_item_as_recommend_does(make, baskets, weighting):
    recommender = Recommender(make(), weighting=weighting).fit(baskets)
    (others,) = recommender.also_bought(["item-05"], k=4).values()
    (answer,) = recommender.recommend([["item-05"]], k=4)
    np.testing.assert_allclose(
        [o.score for o in others], [r.score for r in answer], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("kind", FRAMES)
def test_also_bought_of_a_frame_is_a_frame_of_its_kind(recommender, kind):
    frame = recommender.also_bought(FRAMES[kind]({"item": ["item-05", "item-02"]}), k=3)
    assert isinstance(frame, pa.Table if kind == "pyarrow" else FRAMES[kind])
    table = pa.table(frame)
    assert table.column_names == ["item", "other", "score", "support", "rank"]
    rows = table.to_pydict()
    expected = recommender.also_bought(["item-05", "item-02"], k=3)
    assert rows["item"] == ["item-05"] * 3 + ["item-02"] * 3
    assert rows["rank"] == [1, 2, 3] * 2
    assert rows["other"] == [o.item for others in expected.values() for o in others]
    assert rows["support"] == [o.support for others in expected.values() for o in others]


def test_no_items_have_no_others(recommender):
    assert recommender.also_bought([]) == {}
    assert recommender.similar_items([]) == {}
    frame = recommender.also_bought(pa.table({"item": pa.array([], pa.string())}))
    assert frame.num_rows == 0
    assert frame.column_names == ["item", "other", "score", "support", "rank"]


@pytest.mark.parametrize(
    ("items", "says"),
    [
        (["saucer"], "the item 'saucer' is not among the 12 items of the model;"),
        (["item-05", "saucer", "spoon"], r"'saucer' is not .* \(2 of the 3 given are unknown\)"),
        ("item-05", "items is 'item-05'; give a list of item ids"),
        (5, "give a list of item ids"),
        (None, "items is None"),
        ([float("nan")], "an id is nan"),
        (["item-05", 5], "ids mix"),
        (pd.DataFrame({"product": ["item-05"]}), "needs item"),
    ],
)
def test_what_are_no_items_of_the_catalogue_is_refused(recommender, items, says):
    for ask in (recommender.also_bought, recommender.similar_items):
        with pytest.raises(InputError, match=says) as caught:
            ask(items)
        assert "\n" not in str(caught.value)


def test_similar_items_are_those_whose_codes_point_the_same_way(recommender):
    codes = recommender.item_codes().astype(np.float64)
    assert codes.shape[0] == 12
    length = np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-12)
    cosine = (codes / length) @ (codes / length).T
    (found,) = recommender.similar_items(["item-05"], k=11).values()
    column = [int(r.item[-2:]) for r in found]
    assert sorted(column) == [n for n in range(12) if n != 5]
    np.testing.assert_allclose([r.score for r in found], cosine[5, column], atol=1e-5)
    assert all(one.score >= other.score for one, other in pairwise(found))


# Reasons


def score_of(recommender, basket, item):
    (answer,) = recommender.recommend([basket], k=12, filter_seen=False)
    return next(r.score for r in answer if r.item == item)


def test_effects_of_additive_types_add_up_to_the_score(recommender):
    if not recommender.model_.additive:
        return
    basket = ["item-00", "item-05", "item-09", "saucer"]
    for item in ("item-01", "item-05", "item-11"):
        effects = [reason.effect for reason in recommender.explain(basket, item)]
        assert len(effects) == 3
        assert sum(effects) == pytest.approx(score_of(recommender, basket, item), abs=1e-4)


def test_effects_of_other_types_are_what_leaving_an_item_out_takes_away(recommender):
    if recommender.model_.additive:
        return
    basket = ["item-00", "item-05", "item-09"]
    whole = score_of(recommender, basket, "item-01")
    reasons = recommender.explain([*basket, "saucer"], "item-01")
    assert sorted(reason.item for reason in reasons) == basket
    for reason in reasons:
        rest = [item for item in basket if item != reason.item]
        lost = whole - score_of(recommender, rest, "item-01")
        assert reason.effect == pytest.approx(lost, abs=1e-5)


def test_the_strongest_reason_comes_first(recommender):
    reasons = recommender.explain(["item-00", "item-05", "item-09"], "item-01")
    assert all(one.effect >= other.effect for one, other in pairwise(reasons))
    assert [reason.title for reason in reasons] == [reason.item for reason in reasons]


def test_the_reasons_of_a_list_are_those_of_each_item(recommender):
    basket, items = ["item-09", "saucer", "item-00"], ["item-01", "item-09", "item-05"]
    alone = [recommender.explain(basket, item) for item in items]
    for many, one in zip(recommender.explain_each(basket, items), alone, strict=True):
        assert [reason.item for reason in many] == [reason.item for reason in one]
        effects = [reason.effect for reason in many]
        assert effects == pytest.approx([reason.effect for reason in one], abs=1e-5)
    assert recommender.explain_each(basket, []) == []


def test_where_nothing_is_known_there_is_no_reason(recommender):
    assert recommender.explain(["saucer"], "item-01") == []
    assert recommender.explain([], "item-01") == []
    with pytest.raises(InputError, match="'saucer' is not among"):
        recommender.explain(["item-00"], "saucer")


# Learning


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ([], "empty"),
        ([["tea"]], "1 item"),
        ([["tea"], ["tea"]], "1 item"),
        ([["tea"], ["cup"], ["ink"]], "each of the 3 users has one item only"),
        ([["tea", "tea"], ["cup"]], "each of the 2 users has one item only"),
        (sparse.csr_array((4, 5)), "one item only"),
        ([["tea", 1]], "ids mix"),
        ([["tea", None]], "an id is None"),
        (sparse.csr_array([[1.0, -1.0], [1.0, 1.0]]), "negative"),
        (sparse.csr_array([[1.0, np.inf], [1.0, 1.0]]), "infinite"),
    ],
)
def test_logs_that_teach_nothing_are_refused(make, log, says):
    if "item only" in says and isinstance(make(), Popularity):
        pytest.skip("popularity learns from single purchases too")
    with pytest.raises(InputError, match=says) as caught:
        Recommender(make()).fit(log)
    assert "\n" not in str(caught.value)


def test_one_user_teaches_nothing(make):
    with pytest.raises(InputError, match="the log has purchases of 1 user; recommending is learn"):
        Recommender(make()).fit([["tea", "cup", "milk"]])


def test_every_kind_of_log_teaches_the_same(make, purchases, baskets):
    baskets = [basket for basket in baskets if basket]
    users = [user for user, basket in enumerate(baskets) for _ in basket]
    items = [item for basket in baskets for item in basket]
    frame = pd.DataFrame({"user": users, "item": items})
    log = Log.of(user=users, item=items)
    expected = Recommender(make()).fit(baskets).recommend(BASKETS, k=4)
    kinds = (log, log.interactions(), frame, pl.from_pandas(frame), pa.table(frame), tuple(baskets))
    for kind in kinds:
        assert Recommender(make()).fit(kind).recommend(BASKETS, k=4) == expected
    ids, _ = Recommender(make()).fit(purchases).recommend(purchases[:2], k=4)
    assert ids.dtype == np.int64


def test_a_fit_that_failed_leaves_nothing_to_answer_with(make, baskets):
    def stop(_):
        raise KeyboardInterrupt

    model = make()
    if "progress" not in model.get_params():
        return
    recommender = Recommender(model.set_params(progress=stop))
    with pytest.raises(KeyboardInterrupt):
        recommender.fit(baskets)
    with pytest.raises(ValueError, match="call fit first"):
        recommender.recommend([["item-05"]])


@pytest.fixture
def split(baskets):
    """By time, so that the refit knows more than the choice of epochs did."""
    rng = np.random.default_rng(5)
    users = [user for user, basket in enumerate(baskets) for _ in basket]
    items = [item for basket in baskets for item in basket]
    return global_time(Log.of(user=users, item=items, time=rng.permutation(len(items))))


def test_judged_by_a_split_a_copy_learns_from_what_came_before(make, split, tmp_path):
    assert split.refit is not split.train
    settings = {"checkpoint": tmp_path / "run"} if "checkpoint" in make().get_params() else {}
    recommender = Recommender(make(**settings))
    for repeats in (False, True):
        evaluation = recommender.evaluate(split, repeats=repeats)
        assert 0 < evaluation.mean("recall@20") <= 1
    assert not hasattr(recommender, "model_")


def test_epochs_are_chosen_on_validation_and_then_gone_through_again(make, split):
    fitted = Recommender(make()).fit_chosen(split)
    assert fitted.n_items == split.refit.n_items
    assert fitted.catalogue_.counts.tolist() == split.refit.item_counts.tolist()
    if "max_epochs" in make().get_params():
        chosen = Recommender(make()).fit(split.train, validation=split.validation)
        assert fitted.model_.n_epochs_ == max(1, chosen.model_.n_epochs_)
        assert fitted.model.get_params() == make().get_params()


def test_what_the_recommender_is_made_from_is_left_alone(make, baskets):
    model = make()
    Recommender(model).fit(baskets)
    with pytest.raises(ValueError, match="not fitted"):
        model.transform(np.ones((1, 12)))


def test_nothing_is_answered_before_fit(make, tmp_path):
    recommender = Recommender(make())
    for ask in (
        lambda: recommender.recommend([["tea"]]),
        lambda: recommender.also_bought(["tea"]),
        lambda: recommender.similar_items(["tea"]),
        lambda: recommender.explain(["tea"], "cup"),
        lambda: recommender.save(tmp_path / "a.model"),
    ):
        with pytest.raises(ValueError, match="call fit first"):
            ask()


def test_weights_count_as_asked(make):
    rng = np.random.default_rng(4)
    matrix = sparse.csr_array(rng.poisson(0.7, (40, 6)).astype(np.float32))
    for weighting, expected in {
        "binary": np.ones_like(matrix.data),
        "log": np.log1p(matrix.data),
        "linear": matrix.data,
    }.items():
        recommender = Recommender(make(), weighting=weighting)
        np.testing.assert_allclose(weighted(matrix, weighting).data, expected, rtol=1e-6)
        fitted = recommender.fit(Interactions.of_matrix(matrix))
        assert np.isfinite(fitted.recommend(matrix, k=1, filter_seen=False)[1]).all()
    with pytest.raises(InputError, match="weighting='sqrt'; it is one of binary, log, linear"):
        Recommender(make(), weighting="sqrt")


# Blocks


def test_answers_do_not_depend_on_the_size_of_the_blocks(recommender, purchases, monkeypatch):
    items = [f"item-{n:02d}" for n in range(12)]

    def ask():
        return (
            recommender.recommend(purchases, k=5),
            recommender.also_bought(pa.table({"item": items}), k=5).to_pydict(),
            recommender.similar_items(items, k=5),
        )

    (ids, scores), others, similar = ask()
    monkeypatch.setattr(module, "SCORE_BYTES", 1)
    monkeypatch.setattr(module, "CACHED_BYTES", 1)
    assert (
        len(list(recommender.scorer.blocks(60)))
        == len(list(recommender.scorer.blocks(60, cached=True)))
        == 60
    )
    (ids_again, scores_again), others_again, similar_again = ask()
    np.testing.assert_array_equal(ids_again, ids)
    np.testing.assert_allclose(scores_again, scores, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(others_again.pop("score"), others.pop("score"), atol=1e-5, rtol=1e-5)
    assert others_again == others
    for item in items:
        again, before = ([r.score for r in found[item]] for found in (similar_again, similar))
        np.testing.assert_allclose(again, before, atol=1e-5)  # ties in the last bits change places


def test_threads_take_their_own_blocks_and_open_no_threads_of_their_own(monkeypatch):
    baskets = [[n % 7, n % 5, 7] for n in range(40)]
    fitted = Recommender(LinearAutoencoder(l2=1.0)).fit(baskets)
    matrix = Interactions.of(baskets).matrix
    expected, _ = fitted.recommend(matrix, k=3)
    held, pools, scores = [], [], module.Scorer.scores

    def pool(n_threads):
        pools.append(n_threads)
        return ThreadPoolExecutor(n_threads)

    def watched(scorer, block):
        held.append(block.shape[0])
        return scores(scorer, block)

    monkeypatch.setattr("likewise.autoencoders.parts.ThreadPoolExecutor", pool)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    monkeypatch.setattr(module, "CACHED_BYTES", 4 * fitted.n_items * 4)
    monkeypatch.setattr(module.Scorer, "scores", watched)
    monkeypatch.setattr("likewise.recommend.topk.ROWS_AT_A_TIME", 1)
    again, _ = fitted.recommend(matrix, k=3)
    np.testing.assert_array_equal(again, expected)
    assert held == [4] * 10
    assert pools == [3]


# The model folder


def test_a_saved_recommender_answers_the_same(recommender, purchases, tmp_path):
    recommender.save(tmp_path / "shop.model")
    again = load(tmp_path / "shop.model")
    assert isinstance(again, Recommender)
    assert again.catalogue_.items == recommender.catalogue_.items
    for one, other in zip(
        recommender.recommend(purchases, k=5), again.recommend(purchases, k=5), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    items = recommender.catalogue_.items.ids.tolist()
    assert again.also_bought(items, k=5) == recommender.also_bought(items, k=5)
    assert again.similar_items(items, k=5) == recommender.similar_items(items, k=5)
    assert again.recommend([["saucer"]], k=5) == recommender.recommend([["saucer"]], k=5)


def test_titles_and_weighting_are_saved_with_it(make, tmp_path):
    frame = pd.DataFrame(
        {
            "user": [1, 1, 2, 2, 3, 3],
            "item": [7, 8, 7, 8, 8, 9],
            "quantity": [1, 2, 3, 4, 5, 6],
            "title": ["Tea", "Cup", "Tea", "Cup", "Cup", ""],
        }
    )
    recommender = Recommender(make(), weighting="log").fit(frame)
    recommender.save(tmp_path / "shop.model")
    again = load(tmp_path / "shop.model")
    assert again.weighting == "log"
    assert {r.item: r.title for r in again.recommend([[]], k=3)[0]} == {
        7: "Tea",
        8: "Cup",
        9: "9",
    }


def test_an_autoencoder_and_a_recommender_are_not_mistaken_for_each_other(
    make, name, recommender, purchases, tmp_path
):
    make().fit(purchases).save(tmp_path / "bare.model")
    recommender.save(tmp_path / "shop.model")
    assert isinstance(load(tmp_path / "bare.model"), Autoencoder)
    with pytest.raises(ModelFolderError, match=r"a recommender; read it with likewise\.load"):
        ALL_TYPES[name].load(tmp_path / "shop.model")
    other = next(kind for kind in ALL_TYPES.values() if kind.type_name != name)
    with pytest.raises(ModelFolderError, match=name):
        other.load(tmp_path / "bare.model")


def test_the_linear_autoencoder_is_what_recommends_by_default(baskets):
    recommender = Recommender().fit(baskets)
    assert isinstance(recommender.model_, LinearAutoencoder)
    assert issubclass(InputError, LikewiseError)
