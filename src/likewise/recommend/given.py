"""What a search is given: what to learn from, whom it is judged on, how purchases lose weight.

A log that has times can be cut: where purchases lose weight with time, or where buying again
counts, its last tenth tells better which model serves than customers who are held out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from likewise.data.fold import FoldIn, held_out_items
from likewise.data.interactions import Interactions
from likewise.data.log import Log
from likewise.data.recency import require_days
from likewise.errors import InputError
from likewise.recommend.checks import as_interactions, as_log, require_judges
from likewise.recommend.recency import Days, HalfLife, fading, given_days, last_tenth


@dataclass(frozen=True)
class Given:
    """What settings are chosen on, and what the winner learns from.

    Parameters
    ----------
    learned, judged, everything : Interactions, FoldIn, Interactions
        What is learned from, who is judged on, and what the winners are fitted on.
    weighting : str
        As of the recommender: "recent" where purchases lose weight.
    half_life : HalfLife
        How fast they do.
    strangers : bool
        Whether nothing was learned from those who are judged on.
    """

    learned: Interactions
    judged: FoldIn
    everything: Interactions
    weighting: str
    half_life: HalfLife
    strangers: bool = False


def given_to_search(
    train: Any,
    validation: FoldIn | None,
    refit: Any,
    *,
    weighting: str,
    half_life: Days,
    repeats: bool,
    seed: int,
    choose: Callable[[Log], HalfLife],
) -> Given:
    """Take parts as they are; cut a log in time where that tells more, and else hold customers out.

    Memory: of a log that is cut, some 40 bytes an event beside it.

    Parameters
    ----------
    train, validation, refit, weighting, half_life, repeats, seed
        As of `auto`.
    choose : callable
        Chooses the half-life of a log.
    """
    whole = as_log(train)
    is_cut = validation is not None or refit is not None
    log = whole if isinstance(whole, Log) and whole.time is not None and not is_cut else None
    if isinstance(half_life, float) and log is None:
        raise InputError(
            f"half_life={half_life:g} needs a log with times that is not cut yet; give one as "
            "train, without validation and refit"
        )
    if half_life != "auto":
        lost = given_days(half_life)
    elif log is None:
        lost = HalfLife(None, why="nothing with times was given that is still to be cut")
    elif weighting != "binary":
        lost = HalfLife(None, why=f"purchases count by their weights ({weighting})")
    else:
        lost = choose(log)
    if log is not None and (repeats or lost.days):
        return _in_time(log, weighting, lost)
    learned = as_interactions(whole)
    everything = learned if refit is None else as_interactions(refit)
    if validation is not None:
        return Given(learned, validation, everything, weighting, lost)
    require_judges(learned)
    rest, judged = held_out_items(learned, seed=seed)
    return Given(rest, judged, everything, weighting, lost, strangers=True)


def _in_time(log: Log, weighting: str, lost: HalfLife) -> Given:
    """Learn from nine tenths of a log, be judged on the last."""
    try:
        learned, judged = last_tenth(log, lost.days)
    except InputError as error:
        raise InputError(
            f"the last tenth of the log cannot be judged on: {error}; read it without times "
            "(--time '', train=log.interactions()), and with no half-life"
        ) from error
    if lost.days is None:
        return Given(learned, judged, log.interactions(), weighting, lost)
    return Given(learned, judged, fading(log, lost.days).interactions(), "recent", lost)


def checked_days(half_life: Days, weighting: str) -> Days:
    """Return a half-life that was given, as a float; refuse what is none, and weights beside it."""
    if half_life is None or half_life == "auto":
        return half_life
    try:
        require_days(half_life)
    except InputError as error:
        raise InputError(f'{error}, "auto", or None for none') from error
    if weighting != "binary":
        raise InputError(
            f"half_life={half_life!r} takes the place of weights; leave weighting={weighting!r} out"
        )
    return float(half_life)
