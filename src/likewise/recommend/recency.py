"""Choosing how fast purchases of some time ago lose their weight."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from likewise.autoencoders import LinearAutoencoder
from likewise.data.fold import FoldIn
from likewise.data.interactions import Interactions
from likewise.data.log import Log
from likewise.data.split import Split, before_test, cut_at, global_time
from likewise.errors import InputError, counted
from likewise.evaluate.metrics import Floats
from likewise.evaluate.protocol import evaluate
from likewise.evaluate.significance import Difference, paired_difference
from likewise.recommend.climbing import Trial, climb
from likewise.recommend.recommender import Recommender
from likewise.recommend.searches import SEARCHES
from likewise.recommend.selection import METRIC, warm

HALF_LIVES = (None, 720.0, 360.0, 180.0, 90.0, 60.0, 45.0, 30.0, 20.0, 14.0, 7.0)
"""In days; None for purchases that never lose weight."""

MOST_ITEMS, MOST_CUSTOMERS = 2_000, 50_000
"""The items bought most, and customers drawn, that tell the half-life: a trial takes part of a
second, and more of either choose the same one."""

FEWEST = 100
"""Customers judged on, of whom fewer tell half-lives apart by little but chance."""


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
        Why none was looked for.
    """

    days: float | None
    gain: Difference | None = None
    trials: list[Trial] = field(default_factory=list)
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        tried = [{**t.parameters, "score": t.score, "seconds": t.seconds} for t in self.trials]
        gain = None if self.gain is None else asdict(self.gain)
        return {"days": self.days, "gain": gain, "trials": tried, "why": self.why}


def last_tenth(log: Log, half_life: float | None = None) -> tuple[Interactions, FoldIn]:
    """Return the first nine tenths of a log to learn from, and who is judged on the last.

    Examples
    --------
    >>> log = Log.of(user=[1, 1, 1, 1] * 5, item=[7, 8, 9, 8] * 5, time=range(20))
    >>> learned, judged = last_tenth(log)
    >>> learned.n_users, len(judged)
    (1, 1)
    """
    return cut_at(log, 0.9, half_life=half_life)


def choose_half_life(
    log: Log,
    *,
    max_seconds: float = 20.0,
    metric: str = METRIC,
    seed: int = 0,
    on_trial: Callable[[str, Trial], None] | None = None,
) -> HalfLife:
    """Choose the half-life by how well a linear autoencoder serves customers of the last tenth.

    It learns from the nine tenths before, of the items bought most and of some of the customers.
    Taken is the longest half-life that is within a standard error of the best one: the shorter, the
    fewer purchases are learned from. Purchases keep their weight unless it is ahead of that by more
    than chance, and where fewer than `FEWEST` customers bought before and after.

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
    section 3.4.3 (the rule of one standard error).
    """
    began, few = time.monotonic(), excerpt(log, seed)
    try:
        n_judged = len(last_tenth(few)[1])
    except InputError:  # nobody on both sides of the cut, or no two times
        n_judged = 0
    if n_judged < FEWEST:
        people = counted(n_judged, "customer")
        why = f"{people} bought before the last tenth of the log and in it"
        return HalfLife(None, why=f"{why}, {FEWEST} would tell")
    warm(LinearAutoencoder)
    values: dict[float | None, Floats] = {}

    def score(settings: dict[str, Any]) -> float:
        days = settings["half_life"]
        if days not in values:
            values[days] = _served(few, days, metric)
        return float(np.nanmean(values[days]))

    def tell(trial: Trial) -> None:
        if on_trial is not None:
            on_trial("half-life", trial)

    start = time.monotonic()
    none = Trial({"half_life": None}, score({"half_life": None}), time.monotonic() - start)
    tell(none)
    if none.seconds > max_seconds / 4:
        why = f"a trial takes {none.seconds:.1f} s and there are {max_seconds:.1f} s for all"
        return HalfLife(None, None, [none], why)
    ladders: dict[str, Any] = {"half_life": HALF_LIVES}
    left = max_seconds - (time.monotonic() - began)
    tried, _ = climb(ladders, {"half_life": 90.0}, score, max_seconds=left, on_trial=tell)
    trials = [none, *(trial for trial in tried if trial.parameters["half_life"] is not None)]
    days = _longest({half_life: served for half_life, served in values.items() if half_life})
    gain = paired_difference(values[days], values[None])
    return HalfLife(days if gain.real and gain.low > 0 else None, gain, trials)


def _longest(values: dict[float, Floats]) -> float:
    """Return the longest half-life that serves as well as the best one, within a standard error."""
    best = max(values.values(), key=lambda served: float(np.nanmean(served)))
    behind = {days: best - served for days, served in values.items()}
    error = {days: np.nanstd(one) / np.sqrt((~np.isnan(one)).sum()) for days, one in behind.items()}
    return max(days for days, one in behind.items() if np.nanmean(one) <= error[days])


def cut_by_time(log: Log, half_life: float | Literal["auto"] | None = "auto") -> Split:
    """Cut a log as `global_time` does; "auto" chooses the half-life on what is before the test."""
    chosen = choose_half_life(before_test(log)).days if half_life == "auto" else half_life
    return global_time(log, half_life=chosen)


def excerpt(log: Log, seed: int = 0) -> Log:
    """Return the purchases of the items bought most, by at most so many customers."""
    counts = np.bincount(log.item, minlength=len(log.items))
    items, users = np.zeros(len(log.items), bool), np.zeros(len(log.users), bool)
    items[np.argsort(-counts, kind="stable")[:MOST_ITEMS]] = True
    users[np.random.default_rng(seed).permutation(len(log.users))[:MOST_CUSTOMERS]] = True
    return log.where(items[log.item] & users[log.user])


def _served(log: Log, days: float | None, metric: str) -> Floats:
    """Return how well each customer of the last tenth is served, with purchases of a half-life."""
    learned, judged = last_tenth(log, days)
    weighting = "binary" if days is None else "recent"
    model = _linear(learned, capped=days is not None)
    recommender = Recommender(model, weighting=weighting).fit(learned, support=False)
    return evaluate(recommender, judged, metrics=(metric,)).per_user[metric]


def _linear(learned: Interactions, *, capped: bool) -> LinearAutoencoder:
    """Return one whose ridge penalty is as strong against the weights as against ones."""
    search = SEARCHES[LinearAutoencoder]
    model = LinearAutoencoder(**search.model(search.start, learned).get_params())
    if capped:
        weights = np.minimum(learned.matrix.data, 1).astype(np.float64)
        model.l2 *= float(np.square(weights).mean())
    return model
