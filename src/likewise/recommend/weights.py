"""Choosing how much each part of a blend counts, on validation users.

Shapes: U users, I items.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from likewise.data.fold import FoldIn
from likewise.data.interactions import CSR
from likewise.evaluate.protocol import evaluate
from likewise.recommend.blend import CALIBRATIONS
from likewise.recommend.budget import Budget
from likewise.recommend.climbing import climb
from likewise.recommend.topk import top_k

LADDER = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0, 10.0)
"""Weights that are tried, beside the first part's 1."""

START = 0.5
MOST_USERS = 4_000
TABLE_BYTES = 64 * 1024**2
"""Scores kept of each part; with very many items they are those of fewer users."""


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
    max_seconds: float = 60.0,
) -> Weights:
    """Choose calibration and weights; the first part alone wins unless another blend is better.

    Parameters
    ----------
    raw : sequence of ndarray of shape (U, I)
        What each part scores the items for the users of `fold`, the best part first: its weight
        is 1.
    fold : FoldIn
        Whom to choose on, see `some_of`.
    repeats : bool
        Whether buying again counts.
    max_seconds : float
        For trying calibrations (the first is always tried), then for climbing to the weights.
    """
    score = partial(_score, fold=fold, metric=metric, repeats=repeats)
    budget, start = Budget(max_seconds), (1.0, *[START] * (len(raw) - 1))
    best: tuple[float, str, list[NDArray[np.float32]]] | None = None
    for name in CALIBRATIONS:
        tables = []
        for scores in raw:
            if best is not None and budget.left < max_seconds / 2:
                break
            tables.append(CALIBRATIONS[name](scores))
        else:
            reached = score(tables, start)
            if best is None or reached > best[0]:
                best = reached, name, tables
    assert best is not None  # noqa: S101 - for the type checker: the first is always tried
    _, calibration, tables = best
    return Weights(calibration, *_climbed(tables, score, budget.left))


def _climbed(
    tables: list[NDArray[np.float32]], score: Callable[..., float], max_seconds: float
) -> tuple[tuple[float, ...], float]:
    """Climb from the first part alone, and from all parts."""
    names = [str(number) for number in range(1, len(tables))]
    trials = []
    for start in (0.0, START):
        found, _ = climb(
            dict.fromkeys(names, LADDER),
            dict.fromkeys(names, start),
            lambda others: score(tables, (1.0, *others.values())),
            max_seconds=max_seconds / 2,
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


def some_of(fold: FoldIn, n_items: int) -> FoldIn:
    """Return the users of a fold that weights are chosen on: so many that their scores fit."""
    n = max(1, min(len(fold), MOST_USERS, TABLE_BYTES // (4 * n_items)))
    rows = np.linspace(0, len(fold) - 1, n).astype(np.int64)
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
