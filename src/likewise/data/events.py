"""From the kept rows of the table ``raw`` to arrays: row numbers, weights, times.

Shapes: N events, U users.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from likewise.data.engine import BATCH_ROWS, Engine
from likewise.data.staging import Staged
from likewise.data.verdicts import KEPT, LARGEST
from likewise.data.vocabulary import Vocabulary
from likewise.errors import LogError, counted
from likewise.memory import require_memory

OF_BASKET = "basket:"
"""What the id of a user begins with who is known by a basket only."""

PART_ROWS = 1 << 20
"""Rows, of whole users, that are looked at together for what repeats."""

ID_BYTES = 80
"""What an id takes beside its text, which is there up to four times while ids are sorted."""

TYPES = {"user": np.int32, "item": np.int32, "weight": np.float32, "time": np.int64}


@dataclass(frozen=True, eq=False)
class Events:
    """Who bought what, when, in the order of the log; each array has shape (N,)."""

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    weight: NDArray[np.float32]
    time: NDArray[np.int64] | None
    users: Vocabulary
    items: Vocabulary


def fetch(engine: Engine, staged: Staged) -> Events:
    """Return the kept rows, with their users and items numbered."""
    buyer, users = _buyers(engine, staged)
    wanted = {"user": buyer, "item": "likewise_item"}
    if "weight" in staged.roles:
        wanted["weight"] = "CAST(likewise_weight AS FLOAT)"
    if "time" in staged.roles:
        wanted["time"] = "likewise_time"
    columns = ", ".join(f"{sql} AS {name}" for name, sql in wanted.items())
    ((n_events,),) = engine.rows(f"SELECT count(*) FROM {KEPT}")
    types = {name: np.dtype(TYPES[name]) for name in ("weight", *wanted)}
    _require_room(engine, n_events, types.values(), (users, staged.numbered["likewise_item"]))
    arrays = {name: np.empty(n_events, type_) for name, type_ in types.items()}
    arrays["weight"][:] = 1
    start = 0
    for batch in engine.batches(f"SELECT {columns} FROM {KEPT}"):
        place = slice(start, start := start + batch.num_rows)
        for name in wanted:
            arrays[name][place] = batch[name].to_numpy()
    user, item, weight = (arrays[name] for name in ("user", "item", "weight"))
    vocabularies = _sort(user, users), _sort(item, staged.numbered["likewise_item"])
    return Events(user, item, weight, arrays.get("time"), *vocabularies)


def _require_room(
    engine: Engine, n_events: int, types: Iterable[np.dtype[Any]], numbered: Iterable[pa.Array]
) -> None:
    """Refuse events that would not fit, though what DuckDB holds went to disk.

    They are there twice while repeated ones are summed, with a place, a weight and a mark of each.
    """
    needed = (2 * sum(type_.itemsize for type_ in types) + 9) * n_events
    needed += sum(4 * ids.nbytes + ID_BYTES * len(ids) for ids in numbered)
    engine.make_room(needed)
    require_memory(needed, f"the log of {counted(n_events, 'event')}", "read less (with --drop)")


def _sort(numbers: NDArray[np.int32], ids: pa.Array) -> Vocabulary:
    """Replace the numbers, in place, by those of the sorted ids that occur; return these."""
    occurs = np.zeros(len(ids), dtype=bool)
    occurs[numbers] = True
    old = np.flatnonzero(occurs)
    found = ids.take(pa.array(old))
    order = pc.sort_indices(found)
    coded = found.take(order).dictionary_encode()  # a basket's id may be a user's too
    new = np.empty(len(ids), np.int32)
    new[old[order]] = coded.indices
    for start in range(0, len(numbers), BATCH_ROWS):
        part = numbers[start : start + BATCH_ROWS]
        part[:] = new[part]
    return Vocabulary(coded.dictionary.to_numpy(zero_copy_only=False))


def summed(events: Events) -> Events:
    """Return the events with those of the same user, item and time summed into the first."""
    weight, later = events.weight.copy(), []
    for rows, bounds in _user_by_user(events.user, len(events.users)):
        grouped, begins = _repeated(events, rows, bounds)
        if begins.all():
            continue
        starts = np.flatnonzero(begins)
        total = np.add.reduceat(events.weight[grouped].astype(np.float64), starts)
        _require_finite(events, grouped[starts], total)
        weight[grouped[starts]] = total
        later.append(grouped[~begins])
    if not later:
        return events
    kept = np.ones(len(weight), dtype=bool)
    kept[np.concatenate(later)] = False
    return replace(
        events,
        user=events.user[kept],
        item=events.item[kept],
        weight=weight[kept],
        time=None if events.time is None else events.time[kept],
    )


def _require_finite(events: Events, firsts: NDArray[Any], total: NDArray[np.float64]) -> None:
    most = int(total.argmax())
    if total[most] > LARGEST:
        user, item = (
            vocabulary.ids[rows[firsts[most:][:1]]].tolist()[0]
            for vocabulary, rows in ((events.users, events.user), (events.items, events.item))
        )
        raise LogError(
            f"the weights of user {user!r} and item {item!r} sum to {total[most]:g}, and a weight "
            f"is at most {LARGEST:g}; mend them, or leave such rows out with drop= (--drop)"
        )


def _user_by_user(
    user: NDArray[np.int32], n_users: int
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield the places of whole users' events, user by user, and where each user's begin.

    Some users at a time: what a part then needs does not grow with N.
    """
    from likewise.data.loops import group  # numba takes half a second to import

    bounds = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=n_users))])
    places = np.empty(len(user), np.int32 if len(user) < np.iinfo(np.int32).max else np.int64)
    group(user, bounds[:-1].copy(), places)
    ends = np.searchsorted(bounds, np.arange(PART_ROWS, len(user), PART_ROWS))
    for first, last in pairwise(np.unique([0, *ends, n_users])):
        part = bounds[first : last + 1]
        yield places[part[0] : part[-1]], part - part[0]


def _repeated(
    events: Events, rows: NDArray[Any], bounds: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return the events of pairs that occur more than once, grouped, and where a group begins.

    Most of a log need not be sorted.
    """
    from likewise.data.loops import mark_repeated

    is_repeated = np.zeros(len(rows), dtype=bool)
    mark_repeated(events.item[rows], bounds, np.full(len(events.items), -1), is_repeated)
    rows = rows[is_repeated]
    keys = [events.item[rows], events.user[rows]]
    if events.time is not None:
        keys.insert(0, events.time[rows])
    order = np.lexsort(keys)  # stable: the first of a group stays first
    return rows[order], _begins(order, *keys)


def count_baskets(engine: Engine, staged: Staged) -> int:
    """Return how many kept rows have a basket for want of a user."""
    if "likewise_basket" not in staged.taken:
        return 0
    count: int = engine.rows(f"SELECT count(*) FROM {KEPT} AND likewise_user IS NULL")[0][0]
    return count


def _buyers(engine: Engine, staged: Staged) -> tuple[str, pa.Array]:
    """Return SQL for the number of the user, or basket, and what the numbers stand for."""
    users = staged.numbered["likewise_user"]
    if not count_baskets(engine, staged):
        return "likewise_user", users
    begin, end = (pa.scalar(text, pa.large_string()) for text in (OF_BASKET, ""))
    baskets = pc.binary_join_element_wise(begin, staged.numbered["likewise_basket"], end)
    ids = pa.concat_arrays([users.cast(pa.large_string()), baskets])
    return f"coalesce(likewise_user, {len(users)} + likewise_basket)", ids


def _begins(order: NDArray[np.intp], *keys: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell, in the order given, which event differs from the one before."""
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = False
    for key in keys:
        ordered = key[order]
        begins[1:] |= ordered[1:] != ordered[:-1]
    return begins
