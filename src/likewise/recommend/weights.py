"""Choosing how much each part of a blend counts, on validation users.

Shapes: U users, I items.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likewise.data.interactions import CSR, Vocabulary
from likewise.data.split import FoldIn
from likewise.evaluate.protocol import evaluate
from likewise.recommend.blend import CALIBRATIONS
from likewise.recommend.recommender import Recommender
from likewise.recommend.selection import climb
from likewise.recommend.topk import top_k

LADDER = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0, 10.0)
"""Weights that are tried, beside the first part's 1."""

START = 0.5
MOST_USERS = 1_000
TABLE_BYTES = 64 * 1024**2
"""Scores kept of each part; with very many items they are those of fewer users."""


@dataclass(frozen=True)
class Weights:
    """How much each part counts, and what that scored."""

    calibration: str
    weights: tuple[float, ...]
    score: float


def choose_weights(
    parts: Sequence[Recommender], fold: FoldIn, metric: str, *, max_seconds: float = 60.0
) -> Weights:
    """Choose calibration and weights; the first part alone wins unless another blend is better.

    Parameters
    ----------
    parts : sequence of Recommender
        Fitted, the best first: its weight is 1.
    fold : FoldIn
        Whom to choose on.
    max_seconds : float
        For climbing to the weights.
    """
    some = _some(fold, parts[0].n_items)
    raw = [part._scores(some.given) for part in parts]
    start = (1.0, *[START] * (len(parts) - 1))
    calibrated = {name: [one(scores) for scores in raw] for name, one in CALIBRATIONS.items()}
    calibration = max(
        calibrated, key=lambda name: _score(calibrated[name], start, some, metric)
    )  # the first of equals
    tables = calibrated[calibration]
    return Weights(calibration, *_climbed(tables, some, metric, max_seconds))


def _climbed(
    tables: list[NDArray[np.float32]], fold: FoldIn, metric: str, max_seconds: float
) -> tuple[tuple[float, ...], float]:
    """Climb from the first part alone, and from all parts."""
    names = [str(number) for number in range(1, len(tables))]
    trials = []
    for start in (0.0, START):
        found, _ = climb(
            dict.fromkeys(names, LADDER),
            dict.fromkeys(names, start),
            lambda others: _score(tables, (1.0, *others.values()), fold, metric),
            max_seconds=max_seconds / 2,
        )
        trials += found
    best = max(trials, key=lambda trial: trial.score)
    return (1.0, *best.parameters.values()), best.score


def _score(
    tables: list[NDArray[np.float32]], weights: tuple[float, ...], fold: FoldIn, metric: str
) -> float:
    return evaluate(_Summed(tables, weights), fold, metrics=(metric,)).mean(metric)


def _some(fold: FoldIn, n_items: int) -> FoldIn:
    n = max(1, min(len(fold), MOST_USERS, TABLE_BYTES // (4 * n_items)))
    rows = np.linspace(0, len(fold) - 1, n).astype(np.int64)
    return FoldIn(fold.given[rows], fold.held_out[rows], Vocabulary(fold.users.ids[rows]))


@dataclass(frozen=True)
class _Summed:
    """Ranks the very users whose scores it has."""

    tables: list[NDArray[np.float32]]
    weights: tuple[float, ...]

    def rank(self, given: CSR, k: int, *, filter_seen: bool) -> NDArray[np.int64]:
        total = self.tables[0] * np.float32(self.weights[0])
        for table, weight in zip(self.tables[1:], self.weights[1:], strict=True):
            if weight:
                total += np.float32(weight) * table
        if filter_seen:
            total[np.repeat(np.arange(len(total)), np.diff(given.indptr)), given.indices] = -np.inf
        return top_k(total, k)[0]
