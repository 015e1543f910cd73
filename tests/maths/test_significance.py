"""The intervals cover what they should, agree with SciPy's, and call nothing real by chance."""

import numpy as np
import pytest
from scipy import stats

from likewise.errors import InputError
from likewise.evaluate import significance
from likewise.evaluate.significance import (
    Difference,
    bootstrap_interval,
    bootstrap_means,
    paired_difference,
    paired_differences,
)


def metric_like(random: np.random.Generator, n_users: int) -> np.ndarray:
    """Values like a recall's: many zeros, the rest in (0, 1); their mean is 0.7 * 2 / 7 = 0.2."""
    return random.beta(2, 5, n_users) * (random.random(n_users) < 0.7)


def test_interval_agrees_with_scipy():
    values = metric_like(np.random.default_rng(0), 300)
    ours = bootstrap_interval(values, n_resamples=20_000, seed=1)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    # the quantiles of 20,000 draws are themselves known to a few hundredths of a standard error
    tolerance = 0.06 * values.std() / np.sqrt(len(values))
    assert ours.low == pytest.approx(theirs.low, abs=tolerance)
    assert ours.high == pytest.approx(theirs.high, abs=tolerance)


def test_difference_agrees_with_scipy():
    random = np.random.default_rng(3)
    a, b = metric_like(random, 400), metric_like(random, 400)
    ours = paired_difference(a, b, n_resamples=20_000)
    theirs = stats.bootstrap(
        (a - b,), np.mean, n_resamples=20_000, method="basic", rng=np.random.default_rng(4)
    ).confidence_interval
    tolerance = 0.1 * (a - b).std() / np.sqrt(len(a))  # the symmetric interval and the basic one
    assert ours.low == pytest.approx(theirs.low, abs=tolerance)
    assert ours.high == pytest.approx(theirs.high, abs=tolerance)


def test_means_agree_with_resampling_by_hand():
    values = np.random.default_rng(5).random((7, 3))
    random = np.random.default_rng(6)
    by_hand = [values[random.integers(7, size=7)].mean(axis=0) for _ in range(50)]
    np.testing.assert_allclose(bootstrap_means(values, 50, seed=6), by_hand, rtol=1e-12)


def test_the_interval_covers_the_true_mean_95_times_in_100():
    random = np.random.default_rng(7)
    n_trials = 400
    covered = 0
    for trial in range(n_trials):
        interval = bootstrap_interval(metric_like(random, 200), n_resamples=500, seed=trial)
        covered += interval.low <= 0.2 <= interval.high
    # ± 3.5 binomial standard errors around .95, and half a point for the bootstrap's small-n bias
    assert 0.905 <= covered / n_trials <= 0.99


def test_among_equal_models_hardly_ever_is_any_of_the_pairs_called_real():
    random = np.random.default_rng(8)
    n_trials, any_real, any_real_alone = 200, 0, 0
    for trial in range(n_trials):
        models = {str(m): metric_like(random, 150) for m in range(6)}
        pairs = paired_differences(models, n_resamples=400, seed=trial)
        any_real += any(pair.real for pair in pairs.values())
        alone = paired_difference(models["0"], models["1"], n_resamples=400, seed=trial)
        any_real_alone += alone.real
    assert any_real / n_trials <= 0.11  # 15 pairs, yet .05 ± 3.5 standard errors for all together
    assert any_real_alone / n_trials <= 0.11


def test_a_true_difference_is_found_with_its_sign_and_size():
    random = np.random.default_rng(9)
    base = metric_like(random, 2000)
    better = base + random.normal(0.02, 0.05, 2000)
    difference = paired_difference(better, base)
    assert difference.real
    assert difference.low < 0.02 < difference.high
    assert difference.mean == pytest.approx((better - base).mean())


def test_pairing_finds_what_two_separate_intervals_hide():
    random = np.random.default_rng(10)
    base = metric_like(random, 500)
    better = base + 0.01 + random.normal(0, 0.01, 500)
    assert bootstrap_interval(better).low < bootstrap_interval(base).high
    assert paired_difference(better, base).real


def test_identical_models_differ_by_exactly_0_and_not_really():
    values = metric_like(np.random.default_rng(11), 333)
    difference = paired_difference(values, values)
    assert (difference.mean, difference.low, difference.high) == (0, 0, 0)
    assert not difference.real


def test_a_twin_model_does_not_widen_the_other_intervals():
    random = np.random.default_rng(12)
    a, b = metric_like(random, 300), metric_like(random, 300)
    without = paired_differences({"a": a, "b": b})["a", "b"]
    with_twin = paired_differences({"a": a, "b": b, "twin of a": a})
    assert with_twin["a", "b"].half_width == pytest.approx(without.half_width)
    assert with_twin["a", "twin of a"].half_width == 0


def test_more_models_widen_the_intervals():
    random = np.random.default_rng(13)
    models = {str(m): metric_like(random, 300) for m in range(8)}
    two = paired_differences({name: models[name] for name in "01"})["0", "1"]
    eight = paired_differences(models)["0", "1"]
    assert eight.half_width > 1.2 * two.half_width
    assert eight.mean == two.mean


def test_every_ordered_pair_is_there_and_mirrored():
    random = np.random.default_rng(14)
    pairs = paired_differences({name: metric_like(random, 50) for name in "abc"})
    assert set(pairs) == {(a, b) for a in "abc" for b in "abc" if a != b}
    for (a, b), pair in pairs.items():
        mirror = pairs[b, a]
        assert (pair.mean, pair.low, pair.high) == (-mirror.mean, -mirror.high, -mirror.low)


def test_one_model_has_no_pairs():
    assert paired_differences({"a": np.ones(5)}) == {}


def test_the_seed_decides():
    values = metric_like(np.random.default_rng(15), 100)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


def test_the_blocks_do_not_change_the_draws(monkeypatch):
    values = np.random.default_rng(16).random((40, 2))
    whole = bootstrap_means(values, 100, seed=3)
    monkeypatch.setattr(significance, "_CELLS_AT_ONCE", 40 * 7)
    np.testing.assert_allclose(bootstrap_means(values, 100, seed=3), whole, rtol=1e-12)


def test_users_without_a_value_are_left_out():
    values = np.array([0.1, np.nan, 0.4, 0.2, np.nan])
    interval = bootstrap_interval(values)
    assert interval == bootstrap_interval(np.array([0.1, 0.4, 0.2]))
    assert interval.n == 3
    assert paired_difference(values + 1, values).n == 3


@pytest.mark.parametrize(
    ("low", "high", "n", "real"),
    [
        (0.1, 0.3, 20, True),
        (-0.3, -0.1, 20, True),
        (0.1, 0.3, 19, False),
        (0.0, 0.3, 99, False),
        (-0.1, 0.3, 99, False),
    ],
)
def test_real_means_0_is_outside_and_users_are_enough(low, high, n, real):
    assert Difference((low + high) / 2, low, high, n).real is real


def test_other_users_are_refused():
    with pytest.raises(InputError, match="different numbers of users"):
        paired_difference(np.ones(3), np.ones(4))
    with pytest.raises(InputError, match="a value for one model and none for another"):
        paired_difference(np.array([1.0, np.nan]), np.array([1.0, 2.0]))


def test_no_users_and_senseless_settings_are_refused():
    with pytest.raises(InputError, match="no user has a value"):
        bootstrap_interval(np.array([np.nan, np.nan]))
    with pytest.raises(InputError, match="n_resamples=0"):
        bootstrap_interval(np.ones(3), n_resamples=0)
    with pytest.raises(InputError, match="level=95"):
        paired_difference(np.ones(3), np.ones(3), level=95)
