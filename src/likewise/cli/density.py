"""What is said of what memory left no room for: a denser model, counts of pairs."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from likewise.autoencoders.density import Density, Room
    from likewise.recommend.recommender import Recommender


def enough_for(room: "Room") -> str:
    """Return what would have room for all, for a process that holds what this one does now."""
    from likewise.memory import limit_for, size

    limit = limit_for(room.densest_bytes)
    return f"{size(room.densest_bytes)} of free memory" if limit is None else f"--memory {limit}MiB"


def words_of(taken: "Density", room: "Room", enough: str) -> str:
    """Say how dense it is, and where it could be denser, what that takes.

    Examples
    --------
    >>> from likewise.autoencoders.density import Density, Room
    >>> words_of(Density(200, 0), Room(Density(200, 0), Density(200, 0), 2**30), "")
    '200 neighbours, and 0 columns over all items'
    """
    said = f"{taken.n_neighbours} neighbours, and {taken.n_whole} columns over all items"
    if taken == room.densest:
        return said
    return (
        f"{said}: memory has no room for {room.densest.n_neighbours} and {room.densest.n_whole}, "
        f"for which {enough} would do"
    )


def lost(recommender: "Recommender", room: "Room", enough: str) -> list[str]:
    """Say how dense a fit made it, if memory had no room for all."""
    from dataclasses import replace

    from likewise.recommend.kept import density_of

    taken = replace(room.densest, **density_of(recommender.model_))
    return [] if taken == room.densest else [f"took {words_of(taken, room, enough)}"]


def without_pairs(recommender: "Recommender") -> list[str]:
    """Say that pairs were not counted, if memory had no room for any."""
    if recommender.support_.pairs.nnz:
        return []
    return [
        "memory had no room for counts of what was bought together: the support that also-bought "
        "shows will be 0"
    ]
