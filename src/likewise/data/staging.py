"""One pass over an opened log: the needed columns, as ids, weights and times, into a table.

The table is ``raw``. Its columns are ``likewise_user``, ``likewise_item``, ``likewise_weight``,
``likewise_time`` (microseconds), ``likewise_title`` and ``likewise_basket`` (the baskets of rows
without a user), as far as the log has them, and what the user's conditions speak of.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from likewise.data.engine import Engine, own_errors
from likewise.data.relation import Relation
from likewise.data.values import UNTYPED, id_of, number_or_text, text_of, time_of, weight_of


@dataclass(frozen=True)
class Staged:
    """The table ``raw``.

    Parameters
    ----------
    roles : mapping of str to str
        Role -> the log's column for it.
    taken : mapping of str to str
        The columns of ``raw`` -> the SQL that they were read with.
    own : mapping of str to str
        The log's own column names -> SQL over ``raw``, for the user's conditions.
    """

    roles: Mapping[str, str]
    taken: Mapping[str, str]
    own: Mapping[str, str]


def stage(
    engine: Engine,
    relation: Relation,
    roles: Mapping[str, str],
    time_format: str | None,
    conditions: Iterable[str],
) -> Staged:
    """Read the log into ``raw`` and cut the engine off from files and the network."""
    buyer = roles.get("user", roles.get("basket", ""))
    user = id_of(engine, relation, buyer)
    item = id_of(engine, relation, roles["item"])
    taken = {"likewise_user": user, "likewise_item": item}
    own = {buyer: "likewise_user", roles["item"]: "likewise_item"}
    if "weight" in roles:
        taken["likewise_weight"] = weight_of(relation, roles["weight"])
        own[roles["weight"]] = "likewise_weight"
    if "time" in roles:
        _check_format(engine, time_format)
        taken["likewise_time"] = time_of(relation, roles["time"], time_format)
        own[roles["time"]] = "make_timestamp(likewise_time)"
    if "basket" in roles and "user" in roles:
        basket = text_of(relation.columns[roles["basket"]])
        taken["likewise_basket"] = f"CASE WHEN ({user}) IS NULL THEN {basket} END"
    if "title" in roles:
        taken["likewise_title"] = _titles(engine, relation, roles["title"])
    spoken = _spoken_of(relation, own, " ".join(conditions))
    for internal, name in spoken.items():
        column = relation.columns[name]
        taken[internal] = text_of(column) if column.type in UNTYPED else column.sql
    with own_errors(relation.name):
        engine.run(f"CREATE TEMP TABLE raw AS SELECT {_select(taken)} FROM {relation.sql}")
    engine.lock()
    for internal, name in spoken.items():
        untyped = relation.columns[name].type in UNTYPED
        own[name] = number_or_text(engine, "raw", internal) if untyped else internal
    return Staged(roles, taken, own)


def _select(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in columns.items())


def _titles(engine: Engine, relation: Relation, name: str) -> str:
    """Make an enumeration of the titles, so that a row holds a number and not a text."""
    title = f"nullif(trim({text_of(relation.columns[name])}), '')"
    titles = f"SELECT {title} AS title FROM {relation.sql}"
    distinct = f"SELECT DISTINCT title FROM ({titles}) WHERE title NOT NULL ORDER BY title"
    with own_errors(relation.name):
        engine.run(f"CREATE TYPE likewise_titles AS ENUM ({distinct})")
    return f"CAST({title} AS likewise_titles)"


def _spoken_of(relation: Relation, own: Mapping[str, str], conditions: str) -> dict[str, str]:
    """Return the further columns whose names occur in the conditions."""
    said = conditions.lower()
    names = [n for n in relation.columns if n and n not in own and n.lower() in said]
    return {f"likewise_own_{number}": name for number, name in enumerate(names)}


def _check_format(engine: Engine, time_format: str | None) -> None:
    if time_format is not None:
        with own_errors(f"time_format={time_format!r}"):
            engine.connection.execute("SELECT strftime(now(), ?)", [time_format])
