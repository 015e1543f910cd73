"""Choosing settings on validation users, by climbing a lattice within a budget of time.

Every setting has a ladder of values. From a start, the climb tries the rungs next to it, one
setting at a time, and moves on while the validation score grows. The ladders are wide: an optimum
on a ladder's end is one on the end of what makes sense (no dropout, say), not of what was tried.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from likewise.autoencoders import LinearAutoencoder
from likewise.autoencoders.base import Autoencoder
from likewise.data.interactions import Interactions
from likewise.data.split import FoldIn, held_out_items
from likewise.evaluate.protocol import evaluate
from likewise.recommend.baselines import ItemNeighbours
from likewise.recommend.recommender import Recommender

METRIC = "ndcg@100"

LADDERS: dict[type[Autoencoder], dict[str, Sequence[Any]]] = {
    LinearAutoencoder: {
        "l2": [round(10 ** (n / 4), 3) for n in range(-4, 21)],
        "item_power": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        "dropout": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
        "user_power": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
        "relaxation": [0.0, 0.2, 0.4, 0.6, 0.8],
    },
    ItemNeighbours: {
        "n_neighbours": [10, 20, 50, 100, 200, 500, 1000, 2000],
        "shrinkage": [0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0],
        "discount": [0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0],
    },
}
"""For each type, its settings and the values that may be tried, in order."""

STARTS: dict[type[Autoencoder], dict[str, Any]] = {
    LinearAutoencoder: {"l2": 100.0},
    ItemNeighbours: {"n_neighbours": 100, "shrinkage": 10.0},
}


@dataclass(frozen=True)
class Trial:
    """One setting that was tried, and what it scored on the validation users."""

    parameters: dict[str, Any]
    score: float
    seconds: float


@dataclass(frozen=True)
class Choice:
    """The best of the trials, and all of them.

    Parameters
    ----------
    model : Autoencoder
        Unfitted, with the best settings.
    metric : str
        What was maximised.
    trials : list of Trial
        In the order tried.
    complete : bool
        False if time ran out before the climb had ended.
    """

    model: Autoencoder
    metric: str
    trials: list[Trial] = field(default_factory=list)
    complete: bool = True

    @property
    def best(self) -> Trial:
        """The trial with the highest score; the first of equals."""
        return max(self.trials, key=lambda trial: trial.score)


def choose(
    kind: type[Autoencoder],
    train: Interactions,
    validation: FoldIn | None = None,
    *,
    max_seconds: float = 60.0,
    weighting: str = "binary",
    on_trial: Callable[[Trial], None] | None = None,
) -> Choice:
    """Choose a type's settings by validation nDCG@100.

    Parameters
    ----------
    kind : type
        One that has a ladder in `LADDERS`.
    train, validation : Interactions, FoldIn
        What to learn from and to choose on. Without `validation`, a tenth of the users of `train`
        is held out.
    max_seconds : float
        No trial is started that would probably end later; the first one is always made.
    on_trial : callable, optional
        Told of every trial.

    Examples
    --------
    >>> baskets = [["tea", "cup", "milk"], ["ink", "pen", "pad"]] * 20
    >>> choice = choose(ItemNeighbours, Interactions.of(baskets), max_seconds=5)
    >>> choice.best.score
    1.0
    """
    if validation is None:
        train, validation = held_out_items(train)

    def score(parameters: dict[str, Any]) -> float:
        recommender = Recommender(kind(**parameters), weighting=weighting).fit(train, support=False)
        return evaluate(recommender, validation, metrics=(METRIC,)).mean(METRIC)

    ladders = LADDERS[kind]
    defaults = kind().get_params() | STARTS[kind]
    start = {name: defaults[name] for name in ladders}
    trials, complete = climb(ladders, start, score, max_seconds=max_seconds, on_trial=on_trial)
    best = max(trials, key=lambda trial: trial.score)
    return Choice(kind(**best.parameters), METRIC, trials, complete)


def climb(
    ladders: Mapping[str, Sequence[Any]],
    start: dict[str, Any],
    score: Callable[[dict[str, Any]], float],
    *,
    max_seconds: float,
    on_trial: Callable[[Trial], None] | None = None,
) -> tuple[list[Trial], bool]:
    """Climb to a setting none of whose neighbours scores higher.

    Returns
    -------
    trials : list of Trial
        In the order tried.
    complete : bool
        Whether the climb ended before the time did.

    Examples
    --------
    >>> trials, complete = climb(
    ...     {"x": range(10), "y": range(10)},
    ...     {"x": 0, "y": 9},
    ...     lambda p: -((p["x"] - 4) ** 2) - (p["y"] - 7) ** 2,
    ...     max_seconds=10,
    ... )
    >>> max(trials, key=lambda trial: trial.score).parameters, complete
    ({'x': 4, 'y': 7}, True)
    """
    attempt = _Attempts(score, max_seconds, on_trial)
    try:
        here, height, moved = start, attempt(start), True
        while moved:
            moved = False
            for name, step in product(ladders, (1, -1)):
                while (there := _neighbour(here, name, ladders[name], step)) is not None:
                    if (reached := attempt(there)) <= height:
                        break
                    here, height, moved = there, reached, True
    except _OutOfTimeError:
        return attempt.trials, False
    return attempt.trials, True


class _OutOfTimeError(Exception):
    """The next trial would probably end after the time allowed."""


@dataclass
class _Attempts:
    """Scores each setting once, and stops in time."""

    score: Callable[[dict[str, Any]], float]
    max_seconds: float
    on_trial: Callable[[Trial], None] | None
    trials: list[Trial] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    known: dict[tuple[Any, ...], float] = field(default_factory=dict)

    def __call__(self, parameters: dict[str, Any]) -> float:
        key = tuple(parameters.values())
        if key not in self.known:
            self._stop_in_time()
            started = time.monotonic()
            self.known[key] = self.score(parameters)
            trial = Trial(dict(parameters), self.known[key], time.monotonic() - started)
            self.trials.append(trial)
            if self.on_trial is not None:
                self.on_trial(trial)
        return self.known[key]

    def _stop_in_time(self) -> None:
        longest = max((trial.seconds for trial in self.trials), default=0.0)
        if self.trials and time.monotonic() - self.began + longest > self.max_seconds:
            raise _OutOfTimeError


def _neighbour(
    here: dict[str, Any], name: str, ladder: Sequence[Any], step: int
) -> dict[str, Any] | None:
    place = list(ladder).index(here[name]) + step
    return {**here, name: ladder[place]} if 0 <= place < len(ladder) else None
