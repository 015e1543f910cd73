"""How a peer is fitted and timed: over a grid of settings, or epoch by epoch.

Settings and epochs are chosen by nDCG@20 on the validation part, in the same way for every peer.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from harness import Lists, Matrix, ScoreRows, Split, peak_rss_mib, top_lists, validation_ndcg

PATIENCE = 10  # epochs without a better validation nDCG before training stops
L2_GRID = (100.0, 250.0, 500.0, 1000.0, 2000.0)  # every peer's EASE chooses among the same

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
    split: Split, fit: Fit, clock: Clock, grid: list[Settings], refit: bool
) -> tuple[Lists, dict[str, Any]]:
    """Fit each setting on train_fit, keep the best on validation, and return its lists.

    Seconds are those of one fit (median over the grid), part by part as `fit` tells the clock;
    the peak is taken after the first fit, before any scoring.
    """
    before, peak, tried = peak_rss_mib(), 0.0, []
    for settings in grid:
        clock.parts = {}
        score_rows = fit(split.train_fit, settings)
        peak = peak or peak_rss_mib()
        quality = validation_ndcg(score_rows, split)
        tried.append({**settings, "validation_ndcg": quality, "seconds": dict(clock.parts)})
        del score_rows  # two models at once would count twice
    best = max(range(len(grid)), key=lambda index: tried[index]["validation_ndcg"])
    train = split.train_full if refit else split.train_fit
    lists = top_lists(fit(train, grid[best]), split.train_full)
    return lists, {
        "settings": grid[best],
        "trained_on": "train_full" if refit else "train_fit",
        "validation_ndcg": tried[best]["validation_ndcg"],
        "fit_seconds": {
            part: median(row["seconds"][part] for row in tried) for part in tried[0]["seconds"]
        },
        "rss_before_fit_mib": before,
        "peak_rss_mib": peak,
        "tried": tried,
    }


@dataclass
class Watch:
    """The times of a network's epochs and its best weights, kept in memory."""

    start: float = field(default_factory=time.perf_counter)
    before: float = field(default_factory=peak_rss_mib)
    seconds: list[float] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)
    best_weights: Any = None
    wall_to_best: float = 0.0

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
    def patience_is_out(self) -> bool:
        """Whether the last epochs brought nothing better."""
        return len(self.quality) - self.best_epoch >= PATIENCE

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
