"""What the speed scripts rest on: logs with what makes real ones costly, and fitted exponents."""

import sys
from pathlib import Path

import numpy as np
import pytest

SPEED = Path(__file__).resolve().parents[2] / "bench" / "speed"


@pytest.fixture(scope="module")
def speed():
    if not SPEED.is_dir():
        pytest.skip("bench/ is not part of the source distribution")
    sys.path.insert(0, str(SPEED))
    try:
        import common
        import logs
    finally:
        sys.path.remove(str(SPEED))
    return common, logs


def test_a_made_up_log_is_popular_at_the_top_and_clustered(speed):
    _, logs = speed
    X = logs.made_up(logs.Shape(2_000, 1_000, 30.0))
    assert X.shape == (2_000, 1_000)
    assert set(X.data.tolist()) == {1.0}
    assert 15 < X.nnz / 2_000 < 30
    counts = np.sort(np.bincount(X.indices, minlength=1_000))[::-1]
    assert counts[:100].sum() > 0.3 * counts.sum()
    by_chance = X.copy()
    by_chance.indices = np.random.default_rng(0).permutation(X.indices)
    by_chance.sum_duplicates()
    by_chance.data[:] = 1
    assert pairs_squared(X) > 1.3 * pairs_squared(by_chance)


def pairs_squared(X):
    """Return the sum of squared counts of pairs: large where the same ones are bought again."""
    together = (X.T @ X).toarray()
    np.fill_diagonal(together, 0)
    return np.square(together).sum()


def test_a_log_is_the_same_each_time_and_another_by_another_seed(speed):
    _, logs = speed
    shape = logs.Shape(200, 300, 10.0)
    one, again, other = (logs.made_up(shape, seed) for seed in (1, 1, 2))
    assert (one != again).nnz == 0
    assert (one != other).nnz > 0


def test_an_exponent_is_the_slope_of_the_logarithms(speed):
    common, _ = speed
    assert common.exponent([1.0, 10.0, 100.0], [2.0, 200.0, 20_000.0]) == pytest.approx(2)
    assert common.exponent([5.0], [1.0]) is None
