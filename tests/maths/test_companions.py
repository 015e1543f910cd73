"""Also bought: what is kept of each item, how it is judged, and that everything answers from it."""

import dataclasses
import json

import numpy as np
import pytest

from likewise import ItemNeighbours, LinearAutoencoder, Popularity, Recommender, memory
from likewise.artifact import write_folder
from likewise.data.fold import FoldIn, folded, held_out_items, hidden, masked
from likewise.data.held_out import random_share
from likewise.data.interactions import Interactions
from likewise.data.split import Split, also_bought_split
from likewise.data.vocabulary import Vocabulary
from likewise.errors import InputError, ModelFolderError, NotEnoughMemoryError
from likewise.evaluate.protocol import METRIC, evaluate
from likewise.evaluate.significance import paired_difference
from likewise.recommend import companions as module
from likewise.recommend import search
from likewise.recommend.alone import Alone
from likewise.recommend.auto import auto
from likewise.recommend.companions import Companions
from likewise.recommend.estimate import estimate, scores_bytes
from likewise.recommend.folder import load
from likewise.recommend.found import Found
from likewise.recommend.line_up import line_up
from likewise.recommend.searches import SEARCHES
from likewise.recommend.weights import Weights


@pytest.fixture(scope="module")
def shop():
    """Customers who keep to one of three groups of items; some items are bought by everybody."""
    rng = np.random.default_rng(0)
    own = np.arange(15) // 5 == rng.integers(0, 3, 900)[:, None]
    bought = rng.random((900, 15)) < np.where(own, 0.6, 0.1) + 0.2 * (np.arange(15) % 5 == 0)
    return Interactions.of([[f"i{n:02}" for n in np.flatnonzero(row)] for row in bought])


@pytest.fixture
def recommender(shop):
    """One whose companions are those of another model."""
    found = Recommender(LinearAutoencoder(l2=5.0)).fit(shop)
    found.companions_ = Companions.of(Recommender(LinearAutoencoder(l2=500.0)).fit(shop))
    return found


def test_companions_are_the_best_others_of_a_basket_with_the_item_alone(shop):
    fitted = Recommender(LinearAutoencoder(l2=5.0, item_power=0.5)).fit(shop)
    kept = Companions.of(fitted)
    B = fitted.model_.B_
    assert not np.allclose(B, B.T)
    for item in range(15):
        others = [other for other in np.argsort(-B[item]) if other != item]
        np.testing.assert_array_equal(kept.items[item], others)
        np.testing.assert_array_equal(kept.scores[item], B[item, others])
    fitted_answers = fitted.also_bought(["i03", "i14"], k=14)
    fitted.companions_ = kept
    assert fitted.also_bought(["i03", "i14"], k=14) == fitted_answers


def test_also_bought_answers_from_them_and_nothing_else_does(shop, recommender):
    plain = Recommender(LinearAutoencoder(l2=5.0)).fit(shop)
    own = Recommender(LinearAutoencoder(l2=500.0)).fit(shop)
    items = ["i03", "i14", "i00"]
    assert recommender.also_bought(items, k=6) == own.also_bought(items, k=6)
    assert recommender.also_bought(items, k=6) != plain.also_bought(items, k=6)
    assert recommender.recommend([["i03"]], k=6) == plain.recommend([["i03"]], k=6)
    assert recommender.explain(["i03"], "i04") == plain.explain(["i03"], "i04")
    assert recommender.similar_items(items, k=6) == plain.similar_items(items, k=6)
    assert recommender.fit(shop).companions_ is None


def test_no_more_others_are_listed_than_are_kept(shop, monkeypatch):
    monkeypatch.setattr(module, "MOST_OTHERS", 4)
    found = Recommender(LinearAutoencoder(l2=5.0)).fit(shop)
    assert found.n_others == 14
    found.companions_ = Companions.of(found)
    assert found.n_others == 4
    assert len(found.also_bought(["i03"], k=4)["i03"]) == 4
    with pytest.raises(InputError, match="ask for k <= 4"):
        found.also_bought(["i03"], k=5)


def test_a_model_folder_keeps_them(shop, recommender, tmp_path):
    recommender.save(tmp_path / "shop.model")
    again = load(tmp_path / "shop.model")
    items = recommender.catalogue_.items.ids.tolist()
    assert again.also_bought(items, k=14) == recommender.also_bought(items, k=14)
    Recommender().fit(shop).save(tmp_path / "plain.model")
    assert load(tmp_path / "plain.model").companions_ is None


SWAPPED = np.array([[1, 2], [0, 2], [0, 1]], np.int32)
SCORES = np.array([[2, 1], [2, 1], [2, 1]], np.float32)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"items": None}, "two tensors"),
        ({"scores": None}, "two tensors"),
        ({"more": SCORES}, "two tensors"),
        ({"items": SWAPPED.astype(np.int64)}, "int32"),
        ({"scores": SCORES.astype(np.float64)}, "float32"),
        ({"items": SWAPPED[:2], "scores": SCORES[:2]}, "as many for each"),
        ({"items": SWAPPED[:, :1]}, "as many for each"),
        ({"items": SWAPPED[:, :0], "scores": SCORES[:, :0]}, "as many for each"),
        ({"items": np.array([[1, 2], [0, 3], [0, 1]], np.int32)}, "among 3"),
        ({"items": np.array([[1, -1], [0, 2], [0, 1]], np.int32)}, "among 3"),
        ({"items": np.array([[1, 1], [0, 2], [0, 1]], np.int32)}, "named once"),
        ({"items": np.array([[0, 2], [0, 2], [0, 1]], np.int32)}, "other items"),
        ({"scores": -SCORES}, "best first"),
        ({"scores": SCORES * np.float32(np.inf)}, "finite"),
    ],
)
def test_companions_that_are_none_are_refused(changed, why):
    tensors = {"items": SWAPPED, "scores": SCORES} | changed
    given = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    Companions.from_tensors({"items": SWAPPED, "scores": SCORES}, 3)
    with pytest.raises(InputError, match=why):
        Companions.from_tensors(given, 3)


def test_a_folder_with_wrong_companions_is_refused(recommender, tmp_path):
    contents = recommender.contents()
    wrong = {"companions.items": contents.tensors["companions.items"] + 1}
    write_folder(
        tmp_path / "shop.model",
        dataclasses.replace(contents, tensors=contents.tensors | wrong),
    )
    with pytest.raises(ModelFolderError, match="companions are other items"):
        load(tmp_path / "shop.model")


# How they are judged


def customers(held_out):
    held = Interactions.of_matrix(np.asarray(held_out, dtype=np.float32)).matrix
    nothing = Interactions.of_matrix(np.zeros(held.shape, np.float32)).matrix
    return FoldIn(nothing, held, Vocabulary(np.arange(held.shape[0])))


def test_half_choose_and_the_others_judge(shop):
    _, fold = held_out_items(shop)
    alone = Alone.of(hidden(fold), METRIC)
    choosing, judging = set(alone.choosing.users.ids), set(alone.judging.users.ids)
    assert not choosing & judging
    assert len(choosing) - len(judging) in {0, 1}
    rows = {user: row for row, user in enumerate(fold.users.ids)}
    whole = fold.given + fold.held_out
    for part in (alone.choosing, alone.judging):
        mine = whole[[rows[user] for user in part.users.ids]]
        assert (np.diff(part.given.indptr) == 1).all()
        np.testing.assert_array_equal((part.given + part.held_out).toarray(), mine.toarray())


def test_too_few_customers_tell_nothing():
    assert Alone.of(customers(np.ones((39, 3))), METRIC) is None
    assert Alone.of(customers(np.ones((40, 3))), METRIC) is not None
    assert Alone.of(customers(np.eye(90)), METRIC) is None


def found(name, alone, hits):
    """Return what puts a wanted item first for so many of those who judge."""
    scores = np.tile(np.arange(10, 0, -1, dtype=np.float32), (len(alone.judging), 1))
    scores[:, 9] = np.where(np.arange(len(scores)) < hits, 11.0, 0.0)
    model = ItemNeighbours() if "item-knn" in name else Popularity()
    return Found(name, model, scores, 0.0, 0.0, scores)


@pytest.mark.parametrize(
    ("linear", "counts", "model"),
    [(8, 8, None), (5, 8, None), (9, 9, "linear"), (30, 31, "linear"), (30, 60, "item-knn"),
     (2, 9, None), (2, 40, "item-knn"), (None, 9, None), (None, 40, "item-knn")],
)  # fmt: skip
def test_a_co_count_is_taken_only_where_it_is_really_ahead(linear, counts, model):
    held_out = np.zeros((160, 10))
    held_out[:, [0, 9]] = 1
    alone = Alone.of(customers(held_out), "ndcg@1")
    alone.judging.given.indices[:] = 0
    alone.judging.held_out.indices[:] = 9
    winner = found("linear", alone, 8)
    candidates = [found("also bought: item-knn", alone, counts)]
    if linear is not None:
        candidates = [found("also bought: linear", alone, linear), *candidates]
    best, record = alone.verdict([winner], Weights("z-score", (1.0,), 0.0), candidates)
    assert record["model"] == model
    assert (None if best is None else best.name) == (model and f"also bought: {model}")
    assert record["scores"]["the winner on whole baskets"] == pytest.approx(0.1)
    reached = {"linear": linear, "item-knn": counts, None: 8}[model] / 80
    assert record["score"] == pytest.approx(reached)
    assert record["gain"]["mean"] == pytest.approx(reached - 0.1)
    assert record["gain"]["low"] <= record["gain"]["mean"] <= record["gain"]["high"]


# In `auto`


@pytest.fixture
def _timeless(monkeypatch):
    """Let no time pass: what is tried shall not depend on how busy the machine is."""
    monkeypatch.setattr("time.monotonic", lambda: 0.0)


@pytest.mark.usefixtures("_timeless")
def test_auto_chooses_what_answers_also_bought(shop, tmp_path):
    result = auto(shop, budget=8, neural=False)
    recommender, choice = result.recommender, result.recommender.metrics["choice"]
    also = choice["also_bought"]
    assert json.loads(json.dumps(choice)) == choice
    assert {"also bought: linear", "also bought: item-knn"} <= {name for name, _ in result.trials}
    assert also["customers"] == 44
    assert (recommender.companions_ is None) == (also["model"] is None)
    recommender.save(tmp_path / "shop.model")
    again = load(tmp_path / "shop.model")
    assert again.also_bought(["i03"], k=5) == recommender.also_bought(["i03"], k=5)
    assert again.metrics["choice"]["also_bought"] == also


@pytest.fixture
def poor(monkeypatch):
    """Let nothing but a poor linear autoencoder be found for whole baskets."""
    start = {"l2": 0.1, "item_power": 0.6, "user_power": 0.0, "dropout": 0.0, "relaxation": 0.8}
    ladders = dataclasses.replace(SEARCHES[LinearAutoencoder], ladders={}, start=start)
    monkeypatch.setattr(search, "closed_forms", lambda *_: [LinearAutoencoder])
    monkeypatch.setitem(search.SEARCHES, LinearAutoencoder, ladders)


@pytest.mark.usefixtures("_timeless", "poor")
def test_the_gain_is_that_of_the_judges(shop):
    """Learned from the same rows, companions and model score what the record says."""
    is_held = random_share(shop.matrix.indptr, 0.6, np.random.default_rng(1))
    learned = shop.with_matrix(masked(shop.matrix, ~is_held))
    held_out = masked(shop.matrix, is_held)
    fold = folded(learned.matrix, held_out, shop.users)
    split = also_bought_split(Split("shop", learned, fold, learned, fold))
    assert split.whole is fold
    answers = line_up(split, ["blend"], budget=8)["blend"](split, 0)
    also = answers.recommender.metrics["choice"]["also_bought"]
    assert also["model"] == "linear"
    judging = Alone.of(fold, METRIC).judging
    one, other = (
        evaluate(ranker, judging, (METRIC,)).per_user[METRIC]
        for ranker in (answers, answers.recommender)
    )
    gain = paired_difference(one, other)
    assert one.mean() == pytest.approx(also["score"])
    assert gain.mean > 0
    assert [gain.mean, gain.low, gain.high] == pytest.approx([*also["gain"].values()])


@pytest.mark.usefixtures("_timeless", "poor")
def test_companions_that_do_not_fit_in_memory_are_left_out(shop, monkeypatch):
    fit = search.Search.fitted

    def refuse(self, model, interactions, validation=None):
        if interactions is shop and model.relaxation == 0:
            raise NotEnoughMemoryError("no room")
        return fit(self, model, interactions, validation)

    monkeypatch.setattr(search.Search, "fitted", refuse)
    recommender = auto(shop, budget=8, neural=False).recommender
    assert recommender.companions_ is None
    assert recommender.metrics["choice"]["also_bought"] is None
    assert recommender.metrics["choice"]["skipped"]["also bought: linear"] == "no room"


@pytest.mark.usefixtures("_timeless")
def test_without_also_bought_nothing_is_tried_for_it(shop):
    result = auto(shop, budget=8, neural=False, support=False)
    assert not any(name.startswith("also bought") for name, _ in result.trials)
    assert result.recommender.companions_ is None
    assert result.recommender.metrics["choice"]["also_bought"] is None


def test_where_there_is_no_time_for_a_trial_none_is_begun(shop, monkeypatch):
    """A clock that moves a second whenever it is looked at: a trial takes seconds."""
    seconds = iter(range(10**9))
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))
    result = auto(shop, budget=20, neural=False)
    assert not any(name.startswith("also bought") for name, _ in result.trials)
    skipped = result.recommender.metrics["choice"]["skipped"]
    assert skipped["also bought: linear"] == "there was no time left for a trial"


def test_one_trial_is_made_beyond_the_share_where_there_is_time(shop, monkeypatch):
    """By the same clock: a share of nothing, and time for one trial of each."""
    seconds = iter(range(10**9))
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))
    monkeypatch.setattr(search, "ALONE_SHARE", 0.0)
    trials = [name for name, _ in auto(shop, budget=1_000, neural=False).trials]
    assert trials.count("also bought: linear") == trials.count("also bought: item-knn") == 1


def test_they_are_refused_where_memory_is_short(shop, monkeypatch):
    recommender = Recommender(LinearAutoencoder(l2=1.0)).fit(shop)
    monkeypatch.setattr(memory, "available_memory", lambda: 8 * 15 * 14 - 1)
    with pytest.raises(NotEnoughMemoryError, match="the 14 best others of 15 items"):
        Companions.of(recommender)


def test_the_estimate_counts_them_where_auto_may_keep_them(shop):
    named, chosen = (estimate(shop, model) for model in (LinearAutoencoder(), None))
    beside = chosen.memory_bytes - named.memory_bytes - scores_bytes(900, 15)
    assert beside == Companions.bytes_for(15) == 15 * 14 * 8
    assert Companions.bytes_for(1_000_000) <= 8 * module.MAX_PAIRS
