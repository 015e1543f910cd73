"""Climbing a lattice of settings, within a budget of time.

Every setting has a ladder of values. From a start, the climb tries the rungs next to it, one
setting at a time, and moves on while the score grows.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

Work = Callable[[dict[str, Any]], float]
"""How much work a setting is, beside another."""

Lasted = Callable[[dict[str, Any]], float | None]
"""The seconds that a setting's trial took when it was made; None if it is still to be made."""


@dataclass(frozen=True)
class Trial:
    """One setting that was tried, and what it scored on the validation users."""

    parameters: dict[str, Any]
    score: float
    seconds: float
    refused: str = ""
    """Why it could not be fitted, where it was not and that is known."""


def climb(
    ladders: Mapping[str, Sequence[Any]],
    start: dict[str, Any],
    score: Callable[[dict[str, Any]], float],
    *,
    max_seconds: float,
    on_trial: Callable[[Trial], None] | None = None,
    work: Work = lambda _: 1.0,
    lasted: Lasted = lambda _: None,
) -> tuple[list[Trial], bool]:
    """Climb to a setting none of whose neighbours scores higher.

    Parameters
    ----------
    ladders, start : mapping
        The values of each setting in order, and where to begin.
    score : callable
        What a setting reaches.
    max_seconds : float
        No trial is started that would probably end later; the first one is always made.
    on_trial : callable, optional
        Told of every trial.
    work : callable, optional
        How much work a setting is; trials are taken to last as long as their work is much.
    lasted : callable, optional
        Of a setting that `score` knows already how long that took; knowing it takes no time.

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
    attempt = _Attempts(score, max_seconds, on_trial, work, lasted)
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
    work: Work
    lasted: Lasted
    trials: list[Trial] = field(default_factory=list)
    began: float = field(default_factory=lambda: time.monotonic())
    rates: list[float] = field(default_factory=list)
    known: dict[tuple[Any, ...], float] = field(default_factory=dict)

    def __call__(self, parameters: dict[str, Any]) -> float:
        key = tuple(parameters.values())
        if key not in self.known:
            if (before := self.lasted(parameters)) is None:
                self._stop_in_time(parameters)
            started = time.monotonic()
            self.known[key] = self.score(parameters)
            trial = Trial(dict(parameters), self.known[key], time.monotonic() - started)
            self.trials.append(trial)
            self.rates.append((before or trial.seconds) / self.work(parameters))
            if self.on_trial is not None:
                self.on_trial(trial)
        return self.known[key]

    def _stop_in_time(self, parameters: dict[str, Any]) -> None:
        predicted = max(self.rates, default=0.0) * self.work(parameters)
        if self.trials and time.monotonic() - self.began + predicted > self.max_seconds:
            raise _OutOfTimeError


def _neighbour(
    here: dict[str, Any], name: str, ladder: Sequence[Any], step: int
) -> dict[str, Any] | None:
    place = list(ladder).index(here[name]) + step
    return {**here, name: ladder[place]} if 0 <= place < len(ladder) else None
