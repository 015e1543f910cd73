"""Choosing settings on validation users, by climbing a lattice within a budget of time.

Every setting has a ladder of values. From a start, the climb tries the rungs next to it, one
setting at a time, and moves on while the validation score grows. The ladders are wide: an optimum
on a ladder's end is one on the end of what makes sense (no dropout, say), not of what was tried.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from likewise.autoencoders import (
    KernelAutoencoder,
    LinearAutoencoder,
    NeighbourhoodAutoencoder,
)
from likewise.autoencoders.base import Autoencoder
from likewise.data.interactions import Interactions
from likewise.data.split import FoldIn, held_out_items
from likewise.errors import InputError
from likewise.evaluate.protocol import evaluate
from likewise.memory import available_memory
from likewise.recommend.baselines import ItemNeighbours, RP3Beta
from likewise.recommend.recommender import Recommender

METRIC = "ndcg@100"

Score = Callable[[dict[str, Any]], float]
"""What a setting reaches on the validation users."""


@dataclass(frozen=True)
class Search:
    """What may be tried of a type.

    Parameters
    ----------
    ladders : mapping of str to sequence
        For each setting, its values in order.
    start : mapping of str to value
        Where the climb begins.
    model : callable
        Makes a model of settings, for the rows that it will learn from.
    """

    ladders: Mapping[str, Sequence[Any]]
    start: dict[str, Any]
    model: Callable[[dict[str, Any], Interactions], Autoencoder]


def _linear(kind: type[Autoencoder]) -> Search:
    """Return the search that is common to the exact and to the sparse linear autoencoder."""

    def model(settings: dict[str, Any], train: Interactions) -> Autoencoder:
        """Scale l2 as `user_power` scales the Gram matrix, so that the two are climbed apart."""
        length = np.maximum(np.diff(train.matrix.indptr), 1).astype(np.float64)
        weight = (length ** (1 - settings["user_power"])).sum() / length.sum()
        return kind(**settings | {"l2": float(f"{settings['l2'] * weight:.4g}")})

    return Search(
        {
            "l2": [float(f"{10 ** (n / 4):.3g}") for n in range(-4, 21)],
            "item_power": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
            "user_power": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
            "dropout": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
            "relaxation": [0.0, 0.2, 0.4, 0.6, 0.8],
        },
        {"l2": 100.0, "item_power": 0.1, "user_power": 0.4, "dropout": 0.2, "relaxation": 0.0},
        model,
    )


SEARCHES: dict[type[Autoencoder], Search] = {
    LinearAutoencoder: _linear(LinearAutoencoder),
    NeighbourhoodAutoencoder: _linear(NeighbourhoodAutoencoder),
    KernelAutoencoder: Search(
        {
            "l2": [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0],
            "gamma": [0.125, 0.25, 0.5, 1.0, 2.0, 4.0],
            "item_power": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
            "n_landmarks": [250, 500, 1000, 2000, 4000],
        },
        {"l2": 3.0, "gamma": 1.0, "item_power": 0.3, "n_landmarks": 1000},
        lambda settings, _train: KernelAutoencoder(random_state=0, **settings),
    ),
    ItemNeighbours: Search(
        {
            "n_neighbours": [10, 20, 50, 100, 200, 500, 1000, 2000],
            "shrinkage": [0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0],
            "discount": [0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0],
        },
        {"n_neighbours": 100, "shrinkage": 10.0, "discount": 0.5},
        lambda settings, _train: ItemNeighbours(**settings),
    ),
    RP3Beta: Search(
        {
            "n_neighbours": [10, 20, 50, 100, 200, 500, 1000, 2000],
            "alpha": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0],
            "beta": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0],
        },
        {"n_neighbours": 200, "alpha": 0.8, "beta": 0.4},
        lambda settings, _train: RP3Beta(**settings),
    ),
}
"""The types whose settings can be chosen."""


def linear_kind(n_items: int) -> type[Autoencoder]:
    """Return the exact linear autoencoder where memory allows it, else the sparse one.

    Examples
    --------
    >>> linear_kind(1_000).__name__, linear_kind(10_000_000).__name__
    ('LinearAutoencoder', 'NeighbourhoodAutoencoder')
    """
    fits = LinearAutoencoder.bytes_for(n_items) <= available_memory()
    return LinearAutoencoder if fits else NeighbourhoodAutoencoder


def closed_forms(n_items: int) -> list[type[Autoencoder]]:
    """Return the types to choose among for so many items, the linear one that fits them first.

    Examples
    --------
    >>> [kind.type_name for kind in closed_forms(1_000)][:2]
    ['linear', 'kernel']
    """
    linear = {LinearAutoencoder, NeighbourhoodAutoencoder}
    return [linear_kind(n_items), *(kind for kind in SEARCHES if kind not in linear)]


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
    metric: str = METRIC,
    weighting: str = "binary",
    on_trial: Callable[[Trial], None] | None = None,
    through: Callable[[Score], Score] = lambda score: score,
) -> Choice:
    """Choose a type's settings by how well it serves the validation users.

    Parameters
    ----------
    kind : type
        One of `SEARCHES`.
    train, validation : Interactions, FoldIn
        What to learn from and to choose on. Without `validation`, a tenth of the users of `train`
        is held out.
    max_seconds : float
        No trial is started that would probably end later; the first one is always made.
    metric : str
        What to maximise.
    on_trial : callable, optional
        Told of every trial.
    through : callable, optional
        Wraps the scoring of a setting, to remember what it answers.

    Examples
    --------
    >>> baskets = [["tea", "cup", "milk"], ["ink", "pen", "pad"]] * 20
    >>> choice = choose(ItemNeighbours, Interactions.of(baskets), max_seconds=5)
    >>> choice.best.score
    1.0
    """
    search = SEARCHES[kind]
    learned, judged = held_out_items(train) if validation is None else (train, validation)

    def score(settings: dict[str, Any]) -> float:
        recommender = Recommender(search.model(settings, learned), weighting=weighting)
        try:
            recommender.fit(learned, support=False)
        except InputError:  # such as a Gram matrix that this l2 leaves singular
            return -math.inf
        return evaluate(recommender, judged, metrics=(metric,)).mean(metric)

    trials, complete = climb(
        search.ladders, search.start, through(score), max_seconds=max_seconds, on_trial=on_trial
    )
    best = max(trials, key=lambda trial: trial.score)
    if best.score == -math.inf:
        raise InputError(
            f"none of {len(trials)} settings of {kind.__name__} could be fitted; "
            "check the log's weights, or use weighting='binary'"
        )
    return Choice(search.model(best.parameters, train), metric, trials, complete)


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
