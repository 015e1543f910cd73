"""What is said of what memory left no room for: a denser model, counts of pairs."""

from dataclasses import replace
from typing import TYPE_CHECKING

from likewise.errors import counted

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
    '200 neighbours'
    """
    whole = f", and {counted(taken.n_whole, 'column')} over all items" if taken.n_whole else ""
    said = counted(taken.n_neighbours, "neighbour") + whole
    if taken == room.densest:
        return said
    return f"{said}: memory has no room for {_numbers(room.densest)}, for which {enough} would do"


def of_items(room: "Room", n_items: int) -> "Room":
    """Return what there is room for, of so many items."""
    return replace(room, taken=room.taken.of_items(n_items), densest=room.densest.of_items(n_items))


def lost(recommender: "Recommender", room: "Room", enough: str) -> list[str]:
    """Say how dense a fit made it, if memory had no room for all."""
    from likewise.recommend.kept import densities_of

    room = of_items(room, recommender.n_items)
    (density,) = densities_of(recommender.model_)
    taken = replace(room.densest, **density)
    return [] if taken == room.densest else [f"took {words_of(taken, room, enough)}"]


def without_pairs(recommender: "Recommender") -> list[str]:
    """Say that pairs were not counted, if memory had no room for any."""
    if recommender.support_.pairs.nnz:
        return []
    return [
        "memory had no room for counts of what was bought together: the support that also-bought "
        "shows will be 0"
    ]


def _numbers(density: "Density") -> str:
    whole = f" and {density.n_whole:,}" if density.n_whole else ""
    return f"{density.n_neighbours:,}{whole}"
