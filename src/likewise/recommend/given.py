"""What a search is given: what to learn from, whom it is judged on, how purchases lose weight.

A log that has times can be cut: where purchases lose weight with time, or where buying again
counts, its last tenth tells better which model serves than customers who are held out.
"""

from dataclasses import dataclass
from typing import Any, Literal

from likewise.data.fold import FoldIn, held_out_items
from likewise.data.interactions import Interactions
from likewise.data.log import Log
from likewise.data.recency import decayed, require_days
from likewise.errors import InputError
from likewise.recommend.checks import as_interactions, as_log, require_judges
from likewise.recommend.recency import HalfLife, choose_half_life, last_tenth

Days = float | Literal["auto"] | None
"""A half-life; to be chosen, where the log has times; or none."""


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
    **choosing: Any,
) -> Given:
    """Take parts as they are; cut a log in time where that tells more, and else hold customers out.

    Parameters
    ----------
    train, validation, refit, weighting, half_life, repeats, seed
        As of `auto`.
    **choosing
        Given to `choose_half_life`.
    """
    whole = as_log(train)
    log = whole if isinstance(whole, Log) and validation is None and refit is None else None
    log = None if log is None or log.time is None else log
    lost = _half_life(log, weighting, half_life, seed, choosing)
    if log is not None and (repeats or lost.days):
        fading = log if lost.days is None else decayed(log, lost.days)
        weighting = weighting if lost.days is None else "recent"
        return Given(*last_tenth(log, lost.days), fading.interactions(), weighting, lost)
    learned = as_interactions(whole)
    everything = learned if refit is None else as_interactions(refit)
    if validation is not None:
        return Given(learned, validation, everything, weighting, lost)
    require_judges(learned)
    rest, judged = held_out_items(learned, seed=seed)
    return Given(rest, judged, everything, weighting, lost, strangers=True)


def _half_life(
    log: Log | None, weighting: str, half_life: Days, seed: int, choosing: dict[str, Any]
) -> HalfLife:
    """Return the half-life that was given, or one that is ahead where purchases can lose weight."""
    if half_life is None or half_life == "auto":
        look = log is not None and half_life == "auto" and weighting == "binary"
        return choose_half_life(log, seed=seed, **choosing) if log and look else HalfLife(None)
    require_days(half_life)
    if log is None:
        raise InputError(
            f"half_life={half_life!r} needs a log with times that is not cut yet; give one as "
            "train, without validation and refit"
        )
    if weighting != "binary":
        raise InputError(
            f"half_life={half_life!r} takes the place of weights; leave weighting={weighting!r} out"
        )
    return HalfLife(float(half_life))
