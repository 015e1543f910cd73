"""`likewise fit --dry-run`: what a fit would take, without beginning it."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from likewise.cli.density import enough_for, of_items, words_of
from likewise.cli.output import Output

if TYPE_CHECKING:
    from likewise.data.interactions import Interactions
    from likewise.recommend.estimate import Estimate
    from likewise.recommend.recency import Days
    from likewise.recommend.recommender import Recommender

SMALLEST = "popularity"
"""The model that takes least."""

STEPS_AFTER = "the classic autoencoder of `likewise steps` and the map"
"""What `fit` does after learning, which neither the foreseen time nor a budget covers."""


def report(
    interactions: "Interactions",
    named: "Recommender | None",
    budget: float,
    half_life: "Days",
    output: Output,
) -> None:
    """Print what the linear model that is tried first, or the one that was named, would take.

    Parameters
    ----------
    named : Recommender or None
        Of the model that was named; None where it is chosen within the budget.
    budget : float
        Seconds.
    half_life : float, "auto" or None
        In days; "auto" where it is to be chosen.

    Raises
    ------
    InputError
        If the model's own fit would refuse its settings or these rows.
    """
    from likewise.recommend.estimate import estimate, require_accepted
    from likewise.recommend.scorer import weighted

    model = None if named is None else named.model
    if named is not None and model is not None:
        require_accepted(model, weighted(interactions.matrix, named.weighting, learning=True))
    found = estimate(interactions, model, budget)
    if found.density is not None:
        found = replace(found, density=of_items(found.density, found.items))
    seconds = found.seconds
    if model is None:  # a first trial and the last fit are made in any case
        seconds = max(budget, 2 * (seconds or 0))
    output.lines(
        f"model      {found.model} ({found.why})",
        f"learns     {found.purchases:,} purchases of {found.items:,} items "
        f"by {found.users:,} users",
        *_density(found),
        f"memory     {_memory(found)}",
        "time       " + ("not foreseen" if seconds is None else f"about {_words(seconds)}")
        + (f", to choose among models too (--budget {_words(budget)})" if model is None else ""),
        f"           beside reading, {STEPS_AFTER}, some seconds each",
        *_half_life(half_life, within_budget=named is None),
        "nothing was written",
    )  # fmt: skip
    output.json(asdict(found) | {"fits": found.fits, "seconds": seconds, "half_life": half_life})


def _density(found: "Estimate") -> list[str]:
    """Say how dense a sparse one would be; where it is not named, trials decide that."""
    room = found.density
    if room is None or found.why != "named" or not found.fits:
        return []
    return [f"density    {words_of(room.taken, room, enough_for(room))}"]


def _memory(found: "Estimate") -> str:
    """Say what would be taken of what is free, and what becomes of what does not fit."""
    from likewise.memory import size

    free, least = size(found.free_bytes), size(found.least_bytes)
    if found.memory_bytes <= found.free_bytes:
        return f"{size(found.memory_bytes)} of {free} free"
    if found.fits:
        return (
            f"{least} of {free} free, and {size(found.memory_bytes)} with counts of pairs and all "
            "that is tried: what has no room is left out"
        )
    refused = "it would be refused"
    if found.why != "named":
        refused = "it would be left out, and the fit refused unless another type has room"
    return f"{least} needed, {free} free: {refused}; {_way_out(found)}"


def _way_out(found: "Estimate") -> str:
    """Say what to do about a model that memory has no room for."""
    from likewise.memory import limit_for

    enough = limit_for(found.least_bytes)
    smaller = [] if found.model == SMALLEST else [f"name a smaller model, such as {SMALLEST}"]
    more = "free some memory" if enough is None else f"give --memory {enough}MiB or more"
    return ", ".join(["leave out rare items with --drop", *smaller, f"or {more}"])


def _half_life(half_life: "Days", *, within_budget: bool) -> list[str]:
    """Say how fast purchases would lose weight, and what choosing that would take."""
    from likewise.recommend.auto import HALF_LIFE_SHARE
    from likewise.recommend.recency import MOST_SECONDS

    if half_life != "auto":
        return [] if half_life is None else [f"half-life  {half_life:g} days"]
    most = f"{100 * HALF_LIFE_SHARE:g} % of it" if within_budget else _words(MOST_SECONDS)
    return [f"half-life  chosen first, in {most} at most (--half-life none for none)"]


def _words(seconds: float) -> str:
    """Return a time as people say it.

    Examples
    --------
    >>> _words(0.2), _words(75), _words(7000)
    ('1 s', '75 s', '117 min')
    """
    return f"{max(1, round(seconds))} s" if seconds < 120 else f"{seconds / 60:.0f} min"
