"""Purchases that lose weight with time."""

import numpy as np
import pytest

import likewise
from likewise import LinearAutoencoder, Recommender, decayed, global_time
from likewise.data.log import Log
from likewise.errors import InputError
from likewise.recommend.line_up import line_up
from likewise.recommend.recency import HALF_LIVES, choose_half_life, last_tenth

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


def test_a_short_half_life_is_chosen_where_habits_turned():
    half_life, trials = choose_half_life(last_tenth(turning()), max_seconds=20)
    assert half_life is not None
    assert half_life < 180
    tried = {trial.parameters["half_life"] for trial in trials}
    assert {None, 90.0, half_life} <= tried <= set(HALF_LIVES)


def test_a_purchase_however_old_stays_one():
    log = Log.of(user=[1, 1, 2], item=[7, 8, 8], time=[0, 3_000 * DAY, 3_000 * DAY])
    matrix = decayed(log, 1).interactions().matrix
    assert matrix.nnz == 3
    assert 0 < matrix.data.min() < 1e-30
