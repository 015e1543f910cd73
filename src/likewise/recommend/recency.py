"""Choosing how fast purchases of some time ago lose their weight."""

from collections.abc import Callable
from typing import Any

import numpy as np

from likewise.autoencoders import LinearAutoencoder
from likewise.data.fold import FoldIn
from likewise.data.interactions import Interactions
from likewise.data.log import Log
from likewise.data.split import global_time
from likewise.evaluate.protocol import evaluate
from likewise.recommend.climbing import Trial, climb
from likewise.recommend.recommender import Recommender
from likewise.recommend.searches import SEARCHES
from likewise.recommend.selection import METRIC

HALF_LIVES = (None, 720.0, 360.0, 180.0, 90.0, 60.0, 45.0, 30.0, 20.0, 14.0, 7.0)
"""In days; None for purchases that never lose weight."""

Parts = Callable[[float | None], tuple[Interactions, FoldIn]]
"""What to learn from and whom to judge on, with purchases of this half-life."""


def last_tenth(log: Log) -> Parts:
    """Return the parts that learn from the first nine tenths of a log, judged on the last.

    Examples
    --------
    >>> log = Log.of(user=[1, 1, 1, 1] * 5, item=[7, 8, 9, 8] * 5, time=range(20))
    >>> learned, judged = last_tenth(log)(None)
    >>> learned.n_users, len(judged)
    (1, 1)
    """

    def parts(half_life: float | None) -> tuple[Interactions, FoldIn]:
        cut = global_time(log, half_life=half_life)
        return cut.refit, cut.test

    return parts


def choose_half_life(
    parts: Parts, *, max_seconds: float = 20.0, metric: str = METRIC
) -> tuple[float | None, list[Trial]]:
    """Choose the half-life by how well a linear autoencoder serves customers after the cut.

    Parameters
    ----------
    parts : callable
        Such as `last_tenth`.
    max_seconds : float
        For all half-lives that are tried.

    Returns
    -------
    half_life : float or None
        In days; None if no loss of weight is best.
    trials : list of Trial
        What was tried.
    """

    def score(settings: dict[str, Any]) -> float:
        half_life = settings["half_life"]
        learned, judged = parts(half_life)
        model = _linear(learned, capped=half_life is not None)
        weighting = "binary" if half_life is None else "recent"
        recommender = Recommender(model, weighting=weighting).fit(learned, support=False)
        return evaluate(recommender, judged, metrics=(metric,)).mean(metric)

    ladders: dict[str, Any] = {"half_life": HALF_LIVES}
    trials, _ = climb(ladders, {"half_life": 90.0}, score, max_seconds=max_seconds)
    if all(trial.parameters["half_life"] is not None for trial in trials):
        none = {"half_life": None}
        trials.append(Trial(none, score(none), 0.0))
    return max(trials, key=lambda trial: trial.score).parameters["half_life"], trials


def _linear(learned: Interactions, *, capped: bool) -> LinearAutoencoder:
    """Return one whose ridge penalty is as strong against the weights as against ones."""
    search = SEARCHES[LinearAutoencoder]
    model = LinearAutoencoder(**search.model(search.start, learned).get_params())
    if capped:
        weights = np.minimum(learned.matrix.data, 1).astype(np.float64)
        model.l2 *= float(np.square(weights).mean())
    return model
