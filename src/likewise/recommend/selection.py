"""Choosing a type's settings on validation users, within a budget of time."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from likewise.autoencoders.base import Autoencoder
from likewise.data.fold import FoldIn, held_out_items
from likewise.data.interactions import Interactions
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.evaluate.protocol import METRIC, evaluate
from likewise.recommend.climbing import Lasted, Trial, climb
from likewise.recommend.ladders import Ladders
from likewise.recommend.recommender import Recommender
from likewise.recommend.searches import SEARCHES

Score = Callable[[dict[str, Any]], float]
"""What a setting reaches on the validation users."""


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
    repeats: bool = False,
    value: Callable[[Recommender], float] | None = None,
    search: Ladders | None = None,
    on_trial: Callable[[Trial], None] | None = None,
    through: Callable[[Score], Score] = lambda score: score,
    lasted: Lasted = lambda _: None,
    on_better: Callable[[Recommender, float, float], None] | None = None,
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
    repeats : bool
        Whether buying again counts.
    value : callable, optional
        How good a fitted one is; what it reaches for the validation users if None.
    search : Ladders, optional
        What may be tried; all that makes sense of the type if None.
    on_trial : callable, optional
        Told of every trial.
    through : callable, optional
        Wraps the scoring of a setting, to remember what it answers.
    lasted : callable, optional
        Of a setting that is remembered how long it took, as `climb` is told.
    on_better : callable, optional
        Given each fitted model that is better than all fitted before it, its score, and the seconds
        that fitting it took.

    Examples
    --------
    >>> from likewise import ItemNeighbours
    >>> baskets = [["tea", "cup", "milk"], ["ink", "pen", "pad"]] * 20
    >>> choice = choose(ItemNeighbours, Interactions.of(baskets), max_seconds=5)
    >>> choice.best.score
    1.0
    """
    learned, judged = held_out_items(train) if validation is None else (train, validation)
    search = (search or SEARCHES[kind]).within(learned)
    warm(kind)
    refusals, scores = [], [-math.inf]

    def alone(recommender: Recommender) -> float:
        return evaluate(recommender, judged, (metric,), repeats=repeats).mean(metric)

    def score(settings: dict[str, Any]) -> float:
        recommender = Recommender(search.model(settings, learned), weighting=weighting)
        began = time.monotonic()
        try:
            recommender.fit(learned, support=False)
        except (InputError, NotEnoughMemoryError) as error:
            refusals.append(str(error))  # such as a Gram matrix that this l2 leaves singular
            return -math.inf
        seconds = time.monotonic() - began
        reached = (value or alone)(recommender)
        if on_better is not None and reached > max(scores):
            on_better(recommender, reached, seconds)
        scores.append(reached)
        return reached

    trials, complete = climb(
        search.ladders, search.start, through(score), max_seconds=max_seconds, on_trial=on_trial,
        work=lambda settings: search.work(settings, learned), lasted=lasted,
    )  # fmt: skip
    best = max(trials, key=lambda trial: trial.score)
    if best.score == -math.inf:
        raise InputError(
            f"none of {len(trials)} settings of {kind.__name__} could be fitted; "
            + (refusals or ["check the log's weights, or use weighting='binary'"])[-1]
        )
    return Choice(search.model(best.parameters, train), metric, trials, complete)


_warm: set[str] = set()


def warm(kind: type[Autoencoder]) -> None:
    """Fit a type once in a process, on a small log, and judge it.

    Loops are compiled at their first use: for the first trial this would be taken for the time of a
    trial, and no second one begun. The log has an item that all have, and more items than a
    neighbourhood has whole columns or ALS steps: on a smaller one not all loops would run.
    """
    if kind.type_name in _warm:
        return
    _warm.add(kind.type_name)
    few = Interactions.of([["0", *map(str, range(n, n + 5))] for n in range(1, 236)])
    search, fold = SEARCHES[kind].within(few), FoldIn(few.matrix, few.matrix, few.users)
    try:
        recommender = Recommender(search.model(search.start, few)).fit(few, support=False)
    except NotEnoughMemoryError:  # the trial itself says so, of the rows that it is for
        return
    evaluate(recommender, fold, ("ndcg@2",), repeats=True)
