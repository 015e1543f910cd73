"""Purchases that lose weight with time."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import likewise
from likewise import LinearAutoencoder, Recommender, decayed, global_time
from likewise.data.log import Log
from likewise.data.split import also_bought_split, before_test, cut_at
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.evaluate.protocol import evaluate
from likewise.recommend import excerpt, recency, selection
from likewise.recommend.auto import auto
from likewise.recommend.excerpt import Excerpt
from likewise.recommend.line_up import line_up
from likewise.recommend.recency import (
    FEWEST,
    HALF_LIVES,
    HalfLife,
    _level_with_best,
    _verdict,
    choose_half_life,
    cut_by_time,
    fading,
)
from likewise.recommend.remembered import remembered

DAY = 86_400_000_000


def turning(n_days=300):
    """Everybody buys a with b at first, and a with c from the 200th day on; 4 buy a day."""
    rng = np.random.default_rng(0)
    user, item, time = [], [], []
    for day in range(n_days):
        for customer in rng.choice(60, 4, replace=False):
            partner = 1 if day < 200 else 2
            for bought in (0, partner, rng.integers(3, 9)):
                user.append(int(customer) + 60 * (day // 50))
                item.append(int(bought))
                time.append(day * DAY)
    return Log.of(user=user, item=item, time=time)


def test_weights_halve():
    log = decayed(turning(), 30)
    days = log.time / DAY
    np.testing.assert_allclose(log.weight, 0.5 ** ((299 - days) / 30), rtol=1e-5)
    earlier = decayed(turning(), 30, until=200 * DAY).weight
    np.testing.assert_allclose(earlier, np.minimum(0.5 ** ((200 - days) / 30), 1), rtol=1e-5)


@pytest.mark.parametrize("half_life", [0, -1, np.nan, np.inf])
def test_a_half_life_that_is_no_time_is_refused(half_life):
    with pytest.raises(InputError, match="days, more than 0"):
        decayed(turning(), half_life)


def test_a_log_without_times_is_refused():
    with pytest.raises(InputError, match="needs times"):
        decayed(Log.of(user=[1, 1], item=[1, 2]), 30)


def test_what_was_bought_with_it_lately_comes_first():
    log, model = turning(), LinearAutoencoder(l2=1.0)
    whole = Recommender(model).fit(log)
    recent = Recommender(model, weighting="recent").fit(decayed(log, 20))
    assert whole.recommend([[0]], k=1)[0][0].item == 1
    assert recent.recommend([[0]], k=1)[0][0].item == 2


def test_rows_learned_from_are_capped_and_baskets_count_in_full():
    log = decayed(turning(), 50)
    X = log.interactions().matrix
    assert X.data.max() > 1
    recommender = Recommender(LinearAutoencoder(l2=1.0), weighting="recent").fit(log)
    X.data = np.minimum(X.data, 1)
    alone = LinearAutoencoder(l2=1.0).fit(X)
    np.testing.assert_allclose(recommender.model_.B_, alone.B_, atol=1e-5)
    basket = likewise.Interactions.of([[0, 4]]).matrix
    assert basket.shape == (1, 2)
    (found,) = recommender.recommend([[0, 4]], k=1)
    score = alone.B_[[0, 4]].sum(0)[recommender.catalogue_.items.encode([found[0].item])[0]]
    assert found[0].score == pytest.approx(score, rel=1e-4)


def test_weighting_is_saved(tmp_path):
    recommender = Recommender(weighting="recent").fit(decayed(turning(), 50))
    recommender.save(tmp_path / "a.model")
    assert likewise.load(tmp_path / "a.model").weighting == "recent"


def test_the_age_of_a_purchase_is_that_at_the_cut():
    log = turning()
    split = global_time(log, half_life=30)
    for learned, cut in ((split.fading.train, 239.5), (split.fading.refit, 269.5)):
        newest = learned.matrix.data.max()
        assert newest >= 0.9, cut
    plain = global_time(log)
    np.testing.assert_array_equal(split.fading.train.matrix.indices, plain.train.matrix.indices)
    np.testing.assert_array_equal(split.fading.test.held_out.indices, plain.test.held_out.indices)
    assert "recent linear" in line_up(split)
    assert "recent linear" not in line_up(plain)


def busy(turn=200, n_days=300, n_items=20, a_day=16):
    """Customers who come twice: i is followed by i + 1 at first, and by i + 7 from a day on."""
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(n_days), a_day)
    first = rng.integers(0, n_items, len(day))
    later = day + rng.integers(5, 25, len(day))
    second = (first + np.where(later < turn, 1, 7)) % n_items
    return Log.of(
        user=np.tile(np.arange(len(day)), 2).tolist(),
        item=np.concatenate([first, second]).tolist(),
        time=(np.concatenate([day, later]) * DAY).tolist(),
    )


def test_a_short_half_life_is_chosen_where_habits_turned():
    chosen = choose_half_life(busy(), max_seconds=20)
    assert chosen.days is not None
    assert chosen.days < 180
    assert chosen.gain.low > 0
    assert chosen.gain.n >= FEWEST
    tried = [trial.parameters["half_life"] for trial in chosen.trials]
    assert tried == [None, *HALF_LIVES][: len(tried)]
    assert chosen.days in tried
    score = {trial.parameters["half_life"]: trial.score for trial in chosen.trials}
    assert score[chosen.days] - score[None] == pytest.approx(chosen.gain.mean)
    assert json.loads(json.dumps(chosen.as_dict()))["days"] == chosen.days


def test_purchases_keep_their_weight_unless_that_is_worse_by_more_than_chance():
    steady = choose_half_life(busy(turn=1_000), max_seconds=20)
    assert steady.days is None
    assert steady.gain.low <= 0
    few = choose_half_life(busy().where(busy().user < 60))
    assert (few.days, few.gain, few.trials) == (None, None, [])
    assert re.fullmatch(
        "[0-9]+ customers? came back for something new in the last fifth .*", few.why
    )


def refilled():
    """Customers who only buy what they have: 300 of them, everything twice."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(300), 5)
    item, time = rng.integers(0, 30, len(user)), rng.integers(0, 100, len(user))
    return Log.of(user=[*user, *user], item=[*item, *item], time=[*time, *(time + 100)])


def lonely():
    """Customers of one purchase, and 360 who buy a second one in the last tenth."""
    rng = np.random.default_rng(0)
    once = 3_600
    user, item = np.arange(once), rng.integers(0, 30, once)
    time = np.arange(once)
    back = np.arange(360)
    return Log.of(
        user=[*user, *back], item=[*item, *(item[back] + 30)], time=[*time, *(once + back)]
    )


@pytest.mark.parametrize(
    "log",
    [refilled(), lonely(), Log.of(user=[*range(90)] * 3, item=[*range(27)] * 10, time=[5] * 270)],
)
def test_where_nothing_tells_the_half_life_there_is_none(log):
    chosen = choose_half_life(log)
    assert (chosen.days, chosen.gain) == (None, None)
    assert "(100 are needed)" in chosen.why
    assert auto(log, budget=0.5, neural=False, support=False).recommender.weighting == "binary"


def test_half_lives_that_cannot_be_tried_are_none(monkeypatch):
    served = recency._served

    def refusing(few, days, metric):
        if days is not None:
            raise InputError("float32 is too coarse")
        return served(few, days, metric)

    monkeypatch.setattr(recency, "_served", refusing)
    assert choose_half_life(busy()).why == "float32 is too coarse"

    def short(few, days, metric):
        raise NotEnoughMemoryError("the Gram matrix needs 9 GiB")

    monkeypatch.setattr(recency, "_served", short)
    chosen = choose_half_life(busy())
    assert (chosen.days, chosen.why) == (None, "memory is short: the Gram matrix needs 9 GiB")


def test_a_search_begins_however_short_memory_is(monkeypatch):
    monkeypatch.setattr(selection, "_warm", set())

    def none_left(*_, **__):
        raise NotEnoughMemoryError("256 MiB are needed")

    monkeypatch.setattr(LinearAutoencoder, "_fit", none_left)
    found = choose_half_life(busy())
    assert (found.days, found.why) == (None, "memory is short: 256 MiB are needed")


def test_the_middle_of_what_is_level_with_the_best_is_taken():
    better, worse = np.tile([0.5, 0.7, np.nan], 50), np.tile([0.5, 0.4, np.nan], 50)
    about = better - np.tile([0.2, -0.18, np.nan], 50)  # .01 behind, .019 a standard error
    assert _level_with_best({20.0: better, 45.0: about, 90.0: worse}) == [20.0, 45.0]
    none = {None: worse - 0.1}
    assert _verdict(none | {90.0: worse, 45.0: about, 20.0: better}, []).days == 20
    assert _verdict(none | {45.0: about, 30.0: about, 20.0: better}, []).days == 30
    lost = _verdict({None: better, 90.0: worse, 45.0: worse}, [])
    assert lost.days is None
    assert lost.gain.high < 0


def test_no_half_life_is_looked_for_in_too_little_time():
    hurried = choose_half_life(busy(), max_seconds=1e-6)
    assert hurried.days is None
    assert [trial.parameters["half_life"] for trial in hurried.trials] == [None]
    assert hurried.why.startswith("a trial takes")
    assert hurried.unsettled
    assert not choose_half_life(busy(turn=1_000)).unsettled


def test_what_only_time_decided_is_not_kept(tmp_path):
    log, folder = busy(), tmp_path / "trials"
    short = HalfLife(None, why="a trial takes 2 s", unsettled=True)
    for chosen in (short, short, HalfLife(None, why="none is ahead")):
        assert remembered(folder, log, lambda _, chosen=chosen: chosen) == chosen
    assert remembered(folder, log, lambda _: 1 / 0).why == "none is ahead"


def test_trials_that_were_made_without_a_half_life_are_not_gone_on_with_if_there_is_one(tmp_path):
    given = {"neural": False, "support": False, "trials": tmp_path / "t"}
    hurried = auto(busy(), budget=0.01, **given).recommender.metrics["half_life"]
    assert hurried["why"].endswith("give a longer budget")
    with pytest.raises(InputError, match=r"no half-life, as none .* name another folder, or go on"):
        auto(busy(), budget=4, **given)
    assert auto(busy(), budget=0.5, half_life=None, **given).trials


def test_a_customer_of_whom_nothing_new_is_to_be_found_is_not_counted():
    log = busy()
    chosen = choose_half_life(log)
    few = [Excerpt.of(log, *cut) for cut in pairwise(np.quantile(log.time, [0.8, 0.9, 1]))]
    judged = [cut_at(one.log, one.instant)[1] for one in few]
    new = sum(
        int(((one.held_out - one.held_out.multiply(one.given > 0)).sum(axis=1) > 0).sum())
        for one in judged
    )
    assert chosen.gain.n == pytest.approx(new, abs=30)  # quantiles are not quite those instants


def test_the_items_bought_most_tell_the_half_life(monkeypatch):
    monkeypatch.setattr(excerpt, "MOST_ITEMS", 10)
    monkeypatch.setattr(excerpt, "MOST_JUDGED", 20)
    monkeypatch.setattr(excerpt, "MOST_LEARNED", 100)
    log = busy()
    few = Excerpt.of(log, 240 * DAY, 270 * DAY)
    most = np.argsort(-np.bincount(log.item), kind="stable")[:10]
    assert few.log.items.ids.tolist() == sorted(log.items.ids[most].tolist())
    assert few.log.time.max() <= 270 * DAY
    learned, judged = cut_at(few.log, few.instant)
    assert len(judged) == 20
    assert learned.n_users == 120
    assert len(few.log.users) == 120


def test_what_heeds_no_half_life_is_the_same_with_one_and_without():
    log = busy()
    plain, split = global_time(log), global_time(log, half_life=9)
    for name in ("personal frequency", "popularity", "item k-NN"):
        scores = [
            evaluate(line_up(one, [name], budget=0.1)[name](one, 0), one.test, repeats=True)
            for one in (plain, split)
        ]
        assert scores[0].as_dict() == scores[1].as_dict()
    with pytest.raises(InputError, match="recent linear needs a half-life"):
        line_up(plain, ["recent-linear"])
    one_given = also_bought_split(global_time(turning(), half_life=9))
    np.testing.assert_array_equal(one_given.fading.test.given.indices, one_given.test.given.indices)


def test_a_purchase_that_is_dated_years_ahead_spoils_nothing():
    log = busy()
    odd = replace(log, time=np.r_[log.time[:-1], 80 * 365 * DAY])
    now, then = (fading(one, 10).interactions().matrix for one in (log, odd))
    np.testing.assert_allclose(then.data[:1000], now.data[:1000], rtol=0.2)
    recommender = Recommender(LinearAutoencoder(l2=1.0), weighting="recent").fit(fading(odd, 10))
    assert recommender.recommend([[0]], k=1)[0][0].item == 7


def test_the_test_is_not_known_to_the_half_life():
    log = busy()
    split, chosen = cut_by_time(log)
    assert chosen.days == split.half_life
    cut = np.sort(log.time)[int(len(log) * 0.9)]
    other = replace(log, item=np.where(log.time >= cut, (log.item + 1) % 20, log.item))
    assert split.half_life is not None
    again = cut_by_time(other)[1]
    assert (again.days, again.gain) == (chosen.days, chosen.gain)
    assert f"a half-life of {split.half_life:g} days" in split.name
    assert cut_by_time(log, None)[0].name == "global time"
    assert len(before_test(log)) == (log.time < cut).sum()
    mostly_at_once = Log.of(user=[1, 2] * 200, item=[7, 8] * 200, time=[0] * 399 + [9])
    with pytest.raises(InputError, match="too few distinct times to be cut twice"):
        cut_by_time(mostly_at_once)


def test_auto_lets_purchases_of_a_log_with_times_lose_weight():
    given = {"budget": 10, "neural": False, "support": False}
    found = auto(busy(), **given)
    days = found.recommender.metrics["half_life"]["days"]
    assert days < 180
    assert found.recommender.weighting == "recent"
    assert found.recommender.recommend([[0]], k=1)[0][0].item == 7
    same = auto(busy(), half_life=days, **given).recommender
    assert same.weighting == "recent"
    for never in (
        auto(busy(), half_life=None, **given),
        auto(busy().interactions(), **given),
        auto(busy(turn=1_000), **given),
    ):
        assert never.recommender.metrics["half_life"]["days"] is None
        assert never.recommender.weighting == "binary"
    counted = auto(busy(), weighting="log", **given).recommender
    assert counted.weighting == "log"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"half_life": 0}, "half_life=0; give days, more than 0"),
        ({"half_life": "soon"}, "half_life='soon'; give days, more than 0"),
        ({"half_life": 30, "weighting": "log"}, "takes the place of weights"),
        ({"half_life": 30, "refit": busy()}, "needs a log with times that is not cut yet"),
    ],
)
def test_auto_refuses_a_half_life_that_it_cannot_heed(given, why):
    with pytest.raises(InputError, match=why):
        auto("nosuch.csv" if "refit" not in given else busy(), budget=1, **given)


def test_auto_refuses_a_half_life_of_what_has_no_times():
    with pytest.raises(InputError, match="half_life=30 needs a log with times"):
        auto(busy().interactions(), half_life=30, budget=1)
    at_once = Log.of(user=[1, 1, 2] * 99, item=[7, 8, 8] * 99, time=[5] * 297)
    with pytest.raises(InputError, match=r"cannot be judged on: .*train=log.interactions"):
        auto(at_once, repeats=True, budget=1)


def test_a_search_that_is_gone_on_with_has_the_half_life_it_began_with(tmp_path, monkeypatch):
    given = {"budget": 4, "neural": False, "support": False, "trials": tmp_path / "t"}
    first = auto(busy(), **given).recommender.metrics
    monkeypatch.setattr("likewise.recommend.auto.choose_half_life", lambda *_, **__: 1 / 0)
    again = auto(busy(), **given).recommender.metrics
    assert again["half_life"] == first["half_life"]
    assert again["half_life"]["days"] is not None
    tried = [[t["parameters"] for t in one["choice"]["trials"] if t["model"] == "linear"]
             for one in (first, again)]  # fmt: skip
    assert tried[1][: len(tried[0])] == tried[0]
    with pytest.raises(InputError, match=r"half-life.json is of another log, metric or seed"):
        auto(busy(turn=150), **given)
    kept = tmp_path / "t" / "half-life.json"
    odd = json.loads(kept.read_text()) | {"days": -3}
    for text in ("{", "[]", json.dumps(odd), json.dumps(odd | {"days": "x"})):
        kept.write_text(text)
        with pytest.raises(InputError, match=r"half-life.json is damaged"):
            auto(busy(), **given)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.txt").write_text("x")
    with pytest.raises(InputError, match=r"holds x.txt, which is no trial"):
        auto(busy(), **given | {"trials": tmp_path / "other"})


def test_a_purchase_however_old_stays_one():
    log = Log.of(user=[1, 1, 2], item=[7, 8, 8], time=[0, 3_000 * DAY, 3_000 * DAY])
    matrix = decayed(log, 1).interactions().matrix
    assert matrix.nnz == 3
    assert 0 < matrix.data.min() < 1e-30
