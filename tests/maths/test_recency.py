"""Purchases that lose weight with time."""

import json
from dataclasses import replace

import numpy as np
import pytest

import likewise
from likewise import LinearAutoencoder, Recommender, decayed, global_time
from likewise.data.log import Log
from likewise.data.split import before_test
from likewise.errors import InputError
from likewise.recommend import recency
from likewise.recommend.auto import auto
from likewise.recommend.line_up import line_up
from likewise.recommend.recency import (
    FEWEST,
    HALF_LIVES,
    _longest,
    choose_half_life,
    cut_by_time,
    excerpt,
)

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
    for learned, cut in ((split.train, 239.5), (split.refit, 269.5)):
        newest = learned.matrix.data.max()
        assert newest >= 0.9, cut
    plain = global_time(log)
    np.testing.assert_array_equal(split.train.matrix.indices, plain.train.matrix.indices)
    np.testing.assert_array_equal(split.test.held_out.indices, plain.test.held_out.indices)
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
    tried = {trial.parameters["half_life"] for trial in chosen.trials}
    assert {None, 90.0, chosen.days} <= tried <= set(HALF_LIVES)
    score = {trial.parameters["half_life"]: trial.score for trial in chosen.trials}
    assert score[chosen.days] - score[None] == pytest.approx(chosen.gain.mean)
    assert json.loads(json.dumps(chosen.as_dict()))["days"] == chosen.days


def test_purchases_keep_their_weight_unless_that_is_worse_by_more_than_chance():
    steady = choose_half_life(busy(turn=1_000), max_seconds=20)
    assert steady.days is None
    assert steady.gain.low <= 0
    few = choose_half_life(turning())
    assert (few.days, few.gain, few.trials) == (None, None, [])
    assert few.why.startswith("42 customers bought before")
    everything_at_once = Log.of(user=[1, 1, 2] * 99, item=[7, 8, 8] * 99, time=[5] * 297)
    assert choose_half_life(everything_at_once).why.startswith("0 customers bought before")


def test_the_longest_half_life_within_a_standard_error_is_taken():
    better, worse = np.tile([0.5, 0.7, np.nan], 50), np.tile([0.5, 0.4, np.nan], 50)
    about = better - np.tile([0.2, -0.18, np.nan], 50)  # .01 behind, .019 a standard error
    assert _longest({20.0: better, 45.0: about, 90.0: worse}) == 45.0
    assert _longest({20.0: better, 90.0: worse}) == 20.0


def test_no_half_life_is_looked_for_in_too_little_time():
    hurried = choose_half_life(busy(), max_seconds=1e-6)
    assert hurried.days is None
    assert [trial.parameters["half_life"] for trial in hurried.trials] == [None]
    assert hurried.why.startswith("a trial takes")


def test_the_items_bought_most_tell_the_half_life(monkeypatch):
    monkeypatch.setattr(recency, "MOST_ITEMS", 4)
    monkeypatch.setattr(recency, "MOST_CUSTOMERS", 300)
    log = busy()
    few = excerpt(log)
    kept = np.unique(few.item)
    counts = np.bincount(log.item)
    assert sorted(counts[kept]) == sorted(counts)[-4:]
    assert len(np.unique(few.user)) <= 300
    assert len(few.users) == len(log.users)


def test_the_test_is_not_known_to_the_half_life():
    log = busy()
    split = cut_by_time(log)
    cut = np.sort(log.time)[int(len(log) * 0.9)]
    other = replace(log, item=np.where(log.time >= cut, (log.item + 1) % 20, log.item))
    assert split.half_life is not None
    assert cut_by_time(other).half_life == split.half_life
    assert f"a half-life of {split.half_life:g} days" in split.name
    assert cut_by_time(log, None).name == "global time"
    assert len(before_test(log)) == (log.time < cut).sum()


def test_auto_lets_purchases_of_a_log_with_times_lose_weight(tmp_path):
    given = {"budget": 10, "neural": False, "support": False}
    found = auto(busy(), **given)
    choice = found.recommender.metrics["choice"]
    days = choice["half_life"]["days"]
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
        assert never.recommender.metrics["choice"]["half_life"]["days"] is None
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
        auto(busy(), budget=1, **given)
    with pytest.raises(InputError, match="needs a log with times"):
        auto(busy().interactions(), half_life=30, budget=1)


def test_a_purchase_however_old_stays_one():
    log = Log.of(user=[1, 1, 2], item=[7, 8, 8], time=[0, 3_000 * DAY, 3_000 * DAY])
    matrix = decayed(log, 1).interactions().matrix
    assert matrix.nnz == 3
    assert 0 < matrix.data.min() < 1e-30
