"""What the numbers can carry: bootstrap intervals over users, and which differences are real.

A metric's mean over the tested users would be another one had other users come by. The bootstrap
draws users with replacement again and again and looks how far the mean moves. Two models are
compared on the same users (paired), since users differ far more than models do.

Shapes: U users, M models or metrics, R resamples, P pairs of models.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from likewise.errors import InputError

Floats = NDArray[np.float64]

N_RESAMPLES = 2000
LEVEL = 0.95
FEWEST_USERS = 20
"""Below this many users a bootstrap interval is too narrow, and no difference is called real."""

_CELLS_AT_ONCE = 2**20


@dataclass(frozen=True)
class Interval:
    """A mean over `n` users, and the bounds it is likely to lie between."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Half the distance between the bounds."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Difference(Interval):
    """The mean difference of two models on the same users."""

    @property
    def real(self) -> bool:
        """Whether the interval leaves out 0, on at least `FEWEST_USERS` users."""
        return self.n >= FEWEST_USERS and (self.low > 0 or self.high < 0)


def bootstrap_interval(
    values: Floats, *, n_resamples: int = N_RESAMPLES, level: float = LEVEL, seed: int = 0
) -> Interval:
    """Give the percentile interval of a mean over users.

    Parameters
    ----------
    values : float array of shape (U,)
        One value a user; NaN where a user has none.

    Raises
    ------
    InputError
        If no user has a value.

    References
    ----------
    B. Efron, R. Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.

    Examples
    --------
    >>> interval = bootstrap_interval(np.array([0.0, 0.5, 1.0, np.nan, 0.5]))
    >>> interval.mean, interval.n, interval.low < 0.5 < interval.high
    (0.5, 4, True)
    """
    known_U1 = _checked(values[~np.isnan(values), None], n_resamples, level)
    means_R1 = bootstrap_means(known_U1, n_resamples, seed)
    low, high = np.quantile(means_R1, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(known_U1.mean()), float(low), float(high), len(known_U1))


def paired_difference(
    a: Floats, b: Floats, *, n_resamples: int = N_RESAMPLES, level: float = LEVEL, seed: int = 0
) -> Difference:
    """Give the interval of the mean of a - b over users; see :func:`paired_differences`.

    Examples
    --------
    >>> b = np.linspace(0, 1, 50)
    >>> paired_difference(b + 0.1, b).real, paired_difference(b, b).real
    (True, False)
    """
    pairs = paired_differences({"a": a, "b": b}, n_resamples=n_resamples, level=level, seed=seed)
    return pairs["a", "b"]


def paired_differences(
    values: Mapping[str, Floats],
    *,
    n_resamples: int = N_RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[tuple[str, str], Difference]:
    """Compare every two models on the same users, with intervals that hold all at once.

    Looking at many pairs, and at the winner of the same users, finds differences that are not
    there. So the intervals are widened together (max-t): with d the mean difference of a pair, s
    its bootstrap standard error, and * a resample,

        d ± c · s,   c = the `level` quantile over resamples of  max over pairs |d* - d| / s

    With probability `level` all of them cover the true differences. For two models this is the
    symmetric bootstrap interval.

    Parameters
    ----------
    values : mapping of name to float array of shape (U,)
        The same users in the same order in each; NaN where a user has no value.

    Returns
    -------
    dict
        For each ordered pair (a, b) of names, the difference a - b.

    Raises
    ------
    InputError
        If the arrays are of other users, or no user has a value.

    References
    ----------
    P. Westfall, S. Young, "Resampling-based multiple testing", 1993, section 2.3.
    """
    names = list(values)
    known_UM = _checked(_aligned(values), n_resamples, level)
    first, second = np.array(list(combinations(range(len(names)), 2)), dtype=int).reshape(-1, 2).T
    means_M = known_UM.mean(axis=0)
    moved_RM = bootstrap_means(known_UM, n_resamples, seed) - means_M
    half_P = _simultaneous_half_widths(moved_RM[:, first] - moved_RM[:, second], level)

    differences = {}
    for i, j, half in zip(first, second, half_P.tolist(), strict=True):
        mean = float(means_M[i] - means_M[j])
        differences[names[i], names[j]] = Difference(mean, mean - half, mean + half, len(known_UM))
        differences[names[j], names[i]] = Difference(
            -mean, -mean - half, half - mean, len(known_UM)
        )
    return differences


def bootstrap_means(values_UM: Floats, n_resamples: int, seed: int) -> Floats:
    """Return each resample's means, (R, M); every column is resampled by the same users.

    A resample is the number of times each user was drawn, so its means are one matrix product.
    Memory stays bounded: a few resamples at a time.
    """
    n_users = len(values_UM)
    random = np.random.default_rng(seed)
    at_once = max(1, _CELLS_AT_ONCE // n_users)
    means = []
    for start in range(0, n_resamples, at_once):
        n = min(at_once, n_resamples - start)
        drawn = random.integers(n_users, size=(n, n_users)) + n_users * np.arange(n)[:, None]
        times = np.bincount(drawn.ravel(), minlength=n * n_users).reshape(n, n_users)
        means.append(times.astype(np.float64) @ values_UM / n_users)
    return np.concatenate(means)


def _simultaneous_half_widths(moved_RP: Floats, level: float) -> Floats:
    spread_P = moved_RP.std(axis=0)
    spread_P[spread_P < 1e-12] = 0  # rounding: the two models agree on every user
    scaled_RP = np.abs(moved_RP) / np.where(spread_P > 0, spread_P, np.inf)
    return np.asarray(np.quantile(scaled_RP.max(axis=1, initial=0), level) * spread_P)


def _aligned(values: Mapping[str, Floats]) -> Floats:
    if len({array.shape for array in values.values()}) > 1:
        raise InputError(
            "the models were evaluated on different numbers of users; compare them on the same ones"
        )
    values_UM = np.column_stack(list(values.values())).astype(np.float64)
    missing = np.isnan(values_UM)
    if (missing.any(axis=1) != missing.all(axis=1)).any():
        raise InputError(
            "a user has a value for one model and none for another; compare them on the same users"
        )
    return values_UM[~missing.all(axis=1)]


def _checked(values: Floats, n_resamples: int, level: float) -> Floats:
    if not len(values):
        raise InputError("no user has a value to resample; evaluate on users with held-out items")
    if n_resamples < 1 or not 0 < level < 1:
        raise InputError(
            f"n_resamples={n_resamples} and level={level}; give at least 1 resample and a level "
            "between 0 and 1, such as 0.95"
        )
    return values
