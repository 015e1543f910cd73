"""Choosing how much each part of a blend counts, on validation users.

Shapes: U users, I items.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from likewise.data.fold import FoldIn
from likewise.data.interactions import CSR
from likewise.evaluate.protocol import evaluate
from likewise.memory import available_memory
from likewise.recommend.blend import CALIBRATIONS
from likewise.recommend.budget import Budget
from likewise.recommend.climbing import climb
from likewise.recommend.topk import top_k

LADDER = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0, 10.0)
"""Weights that are tried, beside the first part's 1."""

START = 0.5
LEAST_SHARE = 0.1
"""Of the seconds, without which no further calibration is tried."""

MOST_USERS = 4_000
LEAST_BYTES, MOST_BYTES = 16 * 1024**2, 256 * 1024**2
"""Scores kept of each part: a 64th of the memory there is, within these bounds."""


@dataclass(frozen=True)
class Weights:
    """How much each part counts, and what that scored."""

    calibration: str
    weights: tuple[float, ...]
    score: float


def choose_weights(
    raw: Sequence[NDArray[np.float32]],
    fold: FoldIn,
    metric: str,
    *,
    repeats: bool = False,
    known: Sequence[float] | None = None,
    max_seconds: float = 60.0,
) -> Weights:
    """Choose calibration and weights; the first part alone wins unless another blend is better.

    Parameters
    ----------
    raw : sequence of ndarray of shape (U, I)
        What each part scores the items for the users of `fold`, the best part first: its weight
        is 1, or 0 where what is known leaves it out and nothing else is as good.
    fold : FoldIn
        Whom to choose on, see `weighed_on`.
    repeats : bool
        Whether buying again counts.
    known : sequence of float, optional
        Weights of z-scores that are known to be good: the answer is no worse than these.
    max_seconds : float
        Half of it is for climbing to weights of z-scores, and half of what is left for each other
        calibration in turn. They do not change the order of a part that is alone.
    """
    score, budget = partial(_score, fold=fold, metric=metric, repeats=repeats), Budget(max_seconds)
    equal = (1.0, *[START] * (len(raw) - 1))
    seen = () if known is None or not any(known) else _scaled(known)
    starts = [seen, equal] if seen and seen[0] else [equal]
    best = Weights(next(iter(CALIBRATIONS)), (1.0, *[0.0] * (len(raw) - 1)), -math.inf)
    for name in list(CALIBRATIONS)[: 1 if len(raw) == 1 else None]:
        tables: list[NDArray[np.float32]] = []
        for scores in raw:
            if best.score > -math.inf and budget.left < max_seconds * LEAST_SHARE:
                return best
            tables.append(CALIBRATIONS[name](scores))
        found = _climbed(tables, score, [best.weights, *starts], budget.left / 2)
        best = max(best, Weights(name, *found), key=lambda weights: weights.score)
        if seen and not seen[0]:  # which no climb begins at
            best = max(best, Weights(name, seen, score(tables, seen)), key=lambda one: one.score)
        starts, seen = [equal], ()
    return best


def _scaled(known: Sequence[float]) -> tuple[float, ...]:
    """Return weights as they are beside a 1 of the first that is not 0.

    Examples
    --------
    >>> _scaled([2.0, 1.0]), _scaled([0.0, 2.0])
    ((1.0, 0.5), (0.0, 1.0))
    """
    first = next(weight for weight in known if weight)
    return tuple(weight / first for weight in known)


def _climbed(
    tables: list[NDArray[np.float32]],
    score: Callable[..., float],
    starts: list[tuple[float, ...]],
    max_seconds: float,
) -> tuple[tuple[float, ...], float]:
    """Climb to the weights of all tables but the first, from each start in turn."""
    names = [str(number) for number in range(1, len(tables))]
    trials = []
    for start in starts:
        found, _ = climb(
            {name: sorted({*LADDER, own}) for name, own in zip(names, start[1:], strict=True)},
            dict(zip(names, start[1:], strict=True)),
            lambda others: score(tables, (1.0, *others.values())),
            max_seconds=max_seconds / len(starts),
        )
        trials += found
    best = max(trials, key=lambda trial: trial.score)
    return (1.0, *best.parameters.values()), best.score


def _score(
    tables: list[NDArray[np.float32]],
    weights: tuple[float, ...],
    *,
    fold: FoldIn,
    metric: str,
    repeats: bool,
) -> float:
    return evaluate(Summed(tables, weights), fold, (metric,), repeats=repeats).mean(metric)


def weighed_on(fold: FoldIn, n_items: int) -> FoldIn:
    """Return the users of a fold that weights are chosen on: so many that their scores fit."""
    return some_of(fold, _whose_scores_fit(n_items))


def table_bytes(n_users: int, n_items: int) -> int:
    """Return the bytes of what a part scores the items for those of so many whom it is weighed on.

    Examples
    --------
    >>> table_bytes(1, 1_000)
    4000
    """
    return 4 * n_items * max(1, min(n_users, _whose_scores_fit(n_items)))


def _whose_scores_fit(n_items: int) -> int:
    table = min(MOST_BYTES, max(LEAST_BYTES, available_memory() // 64))
    return min(MOST_USERS, table // (4 * n_items))


def some_of(fold: FoldIn, n: int) -> FoldIn:
    """Return n users of a fold, or all if they are fewer; at least one."""
    if len(fold) <= n:
        return fold
    rows = np.linspace(0, len(fold) - 1, max(1, n)).astype(np.int64)
    return fold.take(rows)


@dataclass(frozen=True)
class Summed:
    """Ranks the very users whose scores it has."""

    tables: list[NDArray[np.float32]]
    weights: tuple[float, ...]

    def rank(self, given: CSR, k: int, *, filter_seen: bool) -> NDArray[np.int64]:
        """Rank by the weighted sum; see :class:`~likewise.evaluate.protocol.Ranker`."""
        total = self.tables[0] * np.float32(self.weights[0])
        for table, weight in zip(self.tables[1:], self.weights[1:], strict=True):
            if weight:
                total += np.float32(weight) * table
        if filter_seen:
            total[np.repeat(np.arange(len(total)), np.diff(given.indptr)), given.indices] = -np.inf
        return top_k(total, k)[0]
