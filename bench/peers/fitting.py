"""How a peer is fitted and timed: over a grid of settings, or epoch by epoch.

Settings and epochs are chosen by nDCG@20 on the validation part, in the same way for every peer.
"""

import argparse
import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from harness import Matrix, ScoreRows, Split, peak_rss_mib, validation_ndcg

PATIENCE = 10  # epochs without a better validation nDCG before training stops
L2_GRID = (250.0, 500.0, 1000.0, 100.0, 2000.0, 30.0, 5000.0, 10.0)
"""Every peer's EASE chooses among the same; RecBole's default and cornac's first."""

Settings = dict[str, Any]
Fit = Callable[[Matrix, Settings], ScoreRows]


@dataclass
class Clock:
    """Adds up the seconds spent in named parts of a fit."""

    parts: dict[str, float] = field(default_factory=dict)

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its time added to a part."""

        def run(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.parts[part] = self.parts.get(part, 0.0) + time.perf_counter() - start

        return run


def l2_grid(l2: float | None) -> list[Settings]:
    """Return the settings an EASE is tried with: the one asked for, or the common grid."""
    return [{"l2": value} for value in (L2_GRID if l2 is None else (l2,))]


def run_grid(
    split: Split, fit: Fit, clock: Clock, grid: list[Settings], arguments: argparse.Namespace
) -> tuple[ScoreRows, dict[str, Any]]:
    """Fit each setting on `train` while the budget lasts, and fit the best on validation again.

    Seconds are those of one fit (median over those tried), part by part as `fit` tells the clock;
    the peak is taken after the first fit, before any scoring.
    """
    before, peak, tried = peak_rss_mib(), 0.0, []
    start = time.perf_counter()
    for settings in grid:
        clock.parts = {}
        score_rows = fit(split.train, settings)
        peak = peak or peak_rss_mib()
        quality = validation_ndcg(score_rows, split)
        tried.append({**settings, "validation_ndcg": quality, "seconds": dict(clock.parts)})
        del score_rows  # two models at once would count twice
        if time.perf_counter() - start > arguments.budget:
            break
    best = max(range(len(tried)), key=lambda index: tried[index]["validation_ndcg"])
    train = split.refit if arguments.refit else split.train
    return fit(train, grid[best]), {
        "settings": grid[best],
        "trained_on": "refit" if arguments.refit else "train",
        "validation_ndcg": tried[best]["validation_ndcg"],
        "fit_seconds": {
            part: median(row["seconds"][part] for row in tried) for part in tried[0]["seconds"]
        },
        "rss_before_fit_mib": before,
        "peak_rss_mib": peak,
        "tried": tried,
        "not_tried": len(grid) - len(tried),
    }


class Enough(Exception):
    """Ends a training from inside a peer's own loop."""


@dataclass
class Watch:
    """The times of a network's epochs and its best weights, kept in memory."""

    budget: float = math.inf
    start: float = field(default_factory=time.perf_counter)
    before: float = field(default_factory=peak_rss_mib)
    seconds: list[float] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)
    best_weights: Any = None
    wall_to_best: float = 0.0

    @classmethod
    def of(cls, split: Split, arguments: argparse.Namespace) -> "Watch":
        """Leave half of the budget for the training that follows, where one does."""
        again = arguments.refit and split.refit is not split.train
        return cls(arguments.budget / 2 if again else arguments.budget)

    @contextlib.contextmanager
    def epoch(self) -> Iterator[None]:
        """Time the training of one epoch, without its validation."""
        start = time.perf_counter()
        yield
        self.seconds.append(time.perf_counter() - start)

    def validated(self, quality: float, weights: Callable[[], Any]) -> None:
        """Note the validation nDCG of the last epoch; keep its weights if it is the best."""
        if quality > max(self.quality, default=-1.0):
            self.best_weights = weights()
            self.wall_to_best = time.perf_counter() - self.start
        self.quality.append(quality)

    @property
    def best_epoch(self) -> int:
        """The epoch of the best validation nDCG, counted from 1."""
        return 1 + self.quality.index(max(self.quality))

    @property
    def is_over(self) -> bool:
        """Whether the last epochs brought nothing better, or the budget is spent."""
        spent = time.perf_counter() - self.start
        return spent > self.budget or len(self.quality) - self.best_epoch >= PATIENCE

    def record(self) -> dict[str, Any]:
        """Return what the benchmark reports of a training run."""
        return {
            "validation_ndcg": max(self.quality),
            "seconds_per_epoch": median(self.seconds),
            "epochs": len(self.seconds),
            "best_epoch": self.best_epoch,
            "training_seconds_to_best": sum(self.seconds[: self.best_epoch]),
            "wall_seconds_to_best": self.wall_to_best,
            "wall_seconds": time.perf_counter() - self.start,
            "rss_before_fit_mib": self.before,
            "peak_rss_mib": peak_rss_mib(),
            "quality_by_epoch": self.quality,
        }
