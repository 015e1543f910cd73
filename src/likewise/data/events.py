"""From the kept rows of the table ``raw`` to arrays: row numbers, weights, times, titles.

Shapes: N events, U users, I items.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.data.engine import Engine
from likewise.data.interactions import Vocabulary
from likewise.data.relation import Relation
from likewise.data.staging import Staged
from likewise.data.values import id_of, text_of
from likewise.data.verdicts import KEPT

OF_BASKET = "basket:"
"""What the id of a user begins with who is known by a basket only."""


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
    user = _user(engine, staged)
    users = _vocabulary(engine, "users", user)
    items = _vocabulary(engine, "items", "likewise_item")
    wanted = {"user": _code("users", user), "item": _code("items", "likewise_item")}
    if "weight" in staged.roles:
        wanted["weight"] = "CAST(likewise_weight AS FLOAT)"
    if "time" in staged.roles:
        wanted["time"] = "likewise_time"
    columns = ", ".join(f"{sql} AS {name}" for name, sql in wanted.items())
    arrays = engine.arrays(f"SELECT {columns} FROM {KEPT}")
    weight = arrays.get("weight")
    if weight is None:
        weight = np.ones(len(arrays["user"]), dtype=np.float32)
    return Events(arrays["user"], arrays["item"], weight, arrays.get("time"), users, items)


def summed(events: Events) -> Events:
    """Return the events with those of the same user, item and time summed into the first."""
    key = events.user.astype(np.int64) * len(events.items) + events.item
    keys = (key,) if events.time is None else (events.time, key)
    order = np.lexsort(keys)  # stable: the first of a group stays first
    starts = np.flatnonzero(_begins(order, *keys))
    if len(starts) == len(order):
        return events
    weight = np.add.reduceat(events.weight[order].astype(np.float64), starts)
    first = order[starts]
    by_row = np.argsort(first)
    rows = first[by_row]
    return replace(
        events,
        user=events.user[rows],
        item=events.item[rows],
        weight=weight[by_row].astype(np.float32),
        time=None if events.time is None else events.time[rows],
    )


def count_baskets(engine: Engine, staged: Staged) -> int:
    """Return how many kept rows have a basket for want of a user."""
    if "likewise_basket" not in staged.taken:
        return 0
    count: int = engine.rows(f"SELECT count(*) FROM {KEPT} AND likewise_user IS NULL")[0][0]
    return count


def stage_titles(engine: Engine, relation: Relation, item: str, title: str) -> None:
    """Count the titles of each item of a table of titles, as the table ``titled``."""
    ids = id_of(engine, relation, item)
    columns = f"CAST({ids} AS VARCHAR) AS item, trim({text_of(relation.columns[title])}) AS title"
    engine.run(
        "CREATE TEMP TABLE titled AS SELECT item, title, count(*) AS n "
        f"FROM (SELECT {columns} FROM {relation.sql}) GROUP BY ALL"
    )


def fetch_titles(engine: Engine, items: Vocabulary, table: str) -> NDArray[Any]:
    """Return the title of each item, of shape (I,): its most frequent one, ties alphabetical."""
    rank = "row_number() OVER (PARTITION BY item ORDER BY n DESC, title)"
    best: Mapping[str, str] = dict(
        engine.rows(f"SELECT item, title FROM {table} WHERE title <> '' QUALIFY {rank} = 1")
    )
    return np.array([best.get(str(id_), "") for id_ in items.ids.tolist()], dtype=object)


TITLED_IN_LOG = (
    "(SELECT CAST(likewise_item AS VARCHAR) AS item, CAST(likewise_title AS VARCHAR) AS title, "
    f"count(*) AS n FROM {KEPT} GROUP BY ALL)"
)
"""The counted titles of each item where the log itself has them."""


def _user(engine: Engine, staged: Staged) -> str:
    if not count_baskets(engine, staged):
        return "likewise_user"
    basket = f"'{OF_BASKET}' || likewise_basket"
    return f"coalesce(CAST(likewise_user AS VARCHAR), {basket})"


def _vocabulary(engine: Engine, name: str, sql: str) -> Vocabulary:
    """Make an enumeration of the ids, sorted, whose codes are their row numbers."""
    ids = f"SELECT DISTINCT {sql} AS id FROM {KEPT} ORDER BY id"
    engine.run(f"CREATE TEMP TABLE {name} AS {ids}")
    engine.run(f"CREATE TYPE {name}_enum AS ENUM (SELECT CAST(id AS VARCHAR) FROM {name})")
    return Vocabulary(engine.arrays(f"SELECT id FROM {name}")["id"])


def _code(name: str, sql: str) -> str:
    return f"CAST(enum_code(CAST(CAST({sql} AS VARCHAR) AS {name}_enum)) AS INTEGER)"


def _begins(order: NDArray[np.intp], *keys: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell, in the order given, which event differs from the one before."""
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = False
    for key in keys:
        ordered = key[order]
        begins[1:] |= ordered[1:] != ordered[:-1]
    return begins
