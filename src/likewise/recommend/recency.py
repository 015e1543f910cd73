"""Choosing how fast purchases of some time ago lose their weight."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from likewise.autoencoders import LinearAutoencoder
from likewise.data.fold import FoldIn
from likewise.data.interactions import Interactions
from likewise.data.log import Log
from likewise.data.recency import decayed
from likewise.data.split import Split, before_test, cut_at, global_time, instant_after
from likewise.errors import InputError, NotEnoughMemoryError, counted
from likewise.evaluate.metrics import Floats
from likewise.evaluate.protocol import METRIC, evaluate
from likewise.evaluate.significance import Difference, paired_differences
from likewise.recommend.climbing import Trial
from likewise.recommend.excerpt import Excerpt
from likewise.recommend.recommender import Recommender
from likewise.recommend.searches import BEGIN, SEARCHES
from likewise.recommend.selection import warm

HALF_LIVES = (30.0, 90.0, 14.0, 180.0, 45.0, 20.0, 7.0, 360.0)
"""In days, in the order that they are tried in: those that time allows are far apart."""

CUTS = (0.8, 0.9)
"""Shares of a log that are learned from; judged are those who come back in the tenth behind. Two of
them, as there is chance in what is learned too."""

FEWEST = 100
"""Customers judged on, of whom fewer tell half-lives apart by little but chance."""

MOST_SECONDS = 20.0
"""For all half-lives that are tried, beside no budget."""

Days = float | Literal["auto"] | None
"""A half-life; to be chosen, where the log has times; or none."""


@dataclass(frozen=True)
class HalfLife:
    """How fast purchases lose weight, and what says so.

    Parameters
    ----------
    days : float or None
        After which a purchase counts half; None if purchases keep their weight.
    gain : Difference or None
        By how much it, or what would have been taken, is ahead of none for the customers judged on;
        None where none was looked for.
    trials : list of Trial
        What was tried.
    why : str
        Why none was looked for, or that it was given.
    unsettled : bool
        Whether only time or memory was short: with more of it there may be one.
    """

    days: float | None
    gain: Difference | None = None
    trials: list[Trial] = field(default_factory=list)
    why: str = ""
    unsettled: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        tried = [{**t.parameters, "score": t.score, "seconds": t.seconds} for t in self.trials]
        gain = None if self.gain is None else asdict(self.gain)
        return {"days": self.days, "gain": gain, "trials": tried, "why": self.why}


def given_days(days: float | None) -> HalfLife:
    """Return a half-life that is given, or that there is to be none."""
    return HalfLife(days, why="none was asked for" if days is None else "it was given")


def last_tenth(log: Log, half_life: float | None = None) -> tuple[Interactions, FoldIn]:
    """Return the first nine tenths of a log to learn from, and who is judged on the last.

    Examples
    --------
    >>> log = Log.of(user=[1, 1, 1, 1] * 5, item=[7, 8, 9, 8] * 5, time=range(20))
    >>> learned, judged = last_tenth(log)
    >>> learned.n_users, len(judged)
    (1, 1)
    """
    return cut_at(log, instant_after(log, 0.9), half_life=half_life)


def fading(log: Log, half_life: float) -> Log:
    """Return the log with what is left of each purchase when all but a hundredth had been made.

    A single purchase that is dated years ahead would make nothing of all others if it were now.
    """
    return decayed(log, half_life, instant_after(log, 0.99))


def choose_half_life(
    log: Log,
    *,
    max_seconds: float = MOST_SECONDS,
    metric: str = METRIC,
    seed: int = 0,
    on_trial: Callable[[str, Trial], None] | None = None,
) -> HalfLife:
    """Choose the half-life by how well a linear autoencoder serves customers who come back.

    Twice: those of the last tenth of the log, with what is learned from the nine before, and those
    of the tenth before that. Taken is the middle of the half-lives that are not behind the best by
    more than a standard error. Purchases keep their weight unless it is ahead of that by more than
    chance among these customers, and where they are fewer than `FEWEST`.

    Memory: some 20 bytes an event of the log, and what an excerpt takes (see `Excerpt`).

    Parameters
    ----------
    log : Log
        With times.
    max_seconds : float
        For all half-lives that are tried. Where there is time for a few only, none is chosen.
    on_trial : callable, optional
        Told of every trial.

    References
    ----------
    L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and regression trees", 1984,
    section 3.4.3: what is within a standard error of the best is as good.
    """
    warm(LinearAutoencoder)
    began = time.monotonic()
    try:
        judged = _judged(log, metric, seed)
    except NotEnoughMemoryError as error:
        return HalfLife(None, why=f"memory is short: {error}", unsettled=True)
    values: dict[float | None, Floats] = {None: np.concatenate([[], *(none for _, none in judged)])}
    seconds = time.monotonic() - began
    if (n_judged := int(np.isfinite(values[None]).sum())) < FEWEST:
        people = counted(n_judged, "customer")
        why = f"{people} came back for something new in the last fifth of the log"
        return HalfLife(None, why=f"{why}, too few to tell ({FEWEST} are needed)")

    def tell(days: float | None, seconds: float) -> None:
        trials.append(Trial({"half_life": days}, float(np.nanmean(values[days])), seconds))
        if on_trial is not None:
            on_trial("half-life", trials[-1])

    why, trials = "", list[Trial]()
    tell(None, seconds)
    if seconds > max_seconds / 4:
        why = f"a trial takes {seconds:.2g} s, and there are {max_seconds:.2g} s for all"
        return HalfLife(None, None, trials, f"{why}; give a longer budget", unsettled=True)
    for days in HALF_LIVES:
        start = time.monotonic()
        if start - began + max(trial.seconds for trial in trials) > max_seconds:
            break
        try:
            values[days] = np.concatenate([_served(few, days, metric) for few, _ in judged])
        except (InputError, NotEnoughMemoryError) as error:
            why = str(error)  # such as that what is left of old purchases is too little for float32
            continue
        tell(days, time.monotonic() - start)
    return _verdict(values, trials) if len(values) > 1 else HalfLife(None, None, trials, why)


def _verdict(values: dict[float | None, Floats], trials: list[Trial]) -> HalfLife:
    """Return the middle of the half-lives that are level with the best, if it is ahead of none."""
    level = sorted(_level_with_best({days: one for days, one in values.items() if days}))
    middle = level[(len(level) - 1) // 2 : len(level) // 2 + 1]
    days = max(middle, key=lambda days: float(np.nanmean(values[days])))
    gaps = paired_differences({str(days): served for days, served in values.items()})
    gain = gaps[str(days), "None"]
    return HalfLife(days if gain.low > 0 else None, gain, trials)


def _level_with_best(values: dict[Any, Floats]) -> list[Any]:
    """Return which are not behind the best one by more than a standard error of the difference."""
    best = max(values.values(), key=lambda served: float(np.nanmean(served)))
    behind = {key: best - served for key, served in values.items()}
    error = {key: np.nanstd(one) / np.sqrt((~np.isnan(one)).sum()) for key, one in behind.items()}
    return [key for key, one in behind.items() if np.nanmean(one) <= error[key]]


def cut_by_time(log: Log, half_life: Days = "auto") -> tuple[Split, HalfLife]:
    """Cut a log as `global_time` does; "auto" chooses the half-life on what is before the test."""
    chosen = choose_half_life(before_test(log)) if half_life == "auto" else given_days(half_life)
    return global_time(log, half_life=chosen.days), chosen


def _judged(log: Log, metric: str, seed: int) -> list[tuple[Excerpt, Floats]]:
    """Return an excerpt for each cut, and how well its customers are served with no half-life."""
    instants = [*(instant_after(log, share) for share in CUTS), instant_after(log, 1)]
    found = []
    for start, stop in pairwise(instants):
        try:
            few = Excerpt.of(log, start, stop, seed)
            found.append((few, _served(few, None, metric)))
        except InputError:  # nobody came back for something new, nothing was bought together
            continue
    return found


def _served(few: Excerpt, days: float | None, metric: str) -> Floats:
    """Return how well each customer who came back is served, with purchases of a half-life."""
    learned, judged = cut_at(few.log, few.instant, half_life=days)
    weighting = "binary" if days is None else "recent"
    model = _linear(learned, capped=days is not None)
    recommender = Recommender(model, weighting=weighting).fit(learned, support=False)
    return evaluate(recommender, judged, metrics=(metric,)).per_user[metric]


def _linear(learned: Interactions, *, capped: bool) -> LinearAutoencoder:
    """Return one whose ridge penalty is as strong against the weights as against ones."""
    search = SEARCHES[LinearAutoencoder]
    model = LinearAutoencoder(**search.model(BEGIN, learned).get_params())
    if capped:
        weights = np.minimum(learned.matrix.data, 1).astype(np.float64)
        model.l2 *= float(np.square(weights).mean())
    return model
