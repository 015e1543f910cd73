"""One pass over an opened log: the needed columns, as numbers, into a table.

The table is ``raw``. Its columns are ``likewise_user``, ``likewise_item``, ``likewise_basket`` (the
baskets of rows without a user) and ``likewise_title``, all four as numbers of what is in them,
``likewise_weight`` and ``likewise_time`` (microseconds), as far as the log has them, and what the
user's conditions speak of.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from likewise.data.engine import Engine, own_errors
from likewise.data.numbering import Numbering
from likewise.data.relation import Relation
from likewise.data.values import UNTYPED, id_of, number_or_text, text_of, time_of, weight_of

NUMBERED = ("likewise_user", "likewise_item", "likewise_basket", "likewise_title")


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
    numbered : mapping of str to Array
        The columns of ``raw`` that hold numbers -> the id, or title, of each number.
    """

    roles: Mapping[str, str]
    taken: Mapping[str, str]
    own: Mapping[str, str]
    numbered: Mapping[str, pa.Array]


def stage(
    engine: Engine,
    relation: Relation,
    roles: Mapping[str, str],
    time_format: str | None,
    conditions: Iterable[str],
) -> Staged:
    """Read the log into ``raw`` and cut the engine off from files and the network."""
    buyer = roles.get("user", roles.get("basket", ""))
    ids = {name: id_of(engine, relation, name) for name in (buyer, roles["item"])}
    taken = {"likewise_user": ids[buyer], "likewise_item": ids[roles["item"]]}
    own = {}
    if "weight" in roles:
        taken["likewise_weight"] = weight_of(relation, roles["weight"])
        own[roles["weight"]] = "likewise_weight"
    if "time" in roles:
        _check_format(engine, time_format)
        taken["likewise_time"] = time_of(relation, roles["time"], time_format)
        own[roles["time"]] = "make_timestamp(likewise_time)"
    if "basket" in roles and "user" in roles:
        basket = text_of(relation.columns[roles["basket"]])
        taken["likewise_basket"] = f"CASE WHEN ({ids[buyer]}) IS NULL THEN {basket} END"
    if "title" in roles:
        title = text_of(relation.columns[roles["title"]])
        taken["likewise_title"] = f"nullif(trim({title}), '')"
    spoken = _spoken_of(relation, own, " ".join(conditions))
    for internal, name in spoken.items():
        column = relation.columns[name]
        as_it_is = text_of(column) if column.type in UNTYPED else column.sql
        taken[internal] = ids.get(name, as_it_is)
    with own_errors(relation.name):
        numbered = _fill(engine, relation, taken)
    engine.lock()
    for internal, name in spoken.items():
        is_untyped = name not in ids and relation.columns[name].type in UNTYPED
        own[name] = number_or_text(engine, "raw", internal) if is_untyped else internal
    return Staged(roles, taken, own, numbered)


def _fill(engine: Engine, relation: Relation, taken: Mapping[str, str]) -> dict[str, pa.Array]:
    """Fill the table ``raw`` batch by batch; return what its numbers stand for."""
    numberings = {name: Numbering() for name in taken if name in NUMBERED}
    kinds = ["NULL::INTEGER" if name in numberings else sql for name, sql in taken.items()]
    engine.run(f"CREATE TABLE raw AS SELECT {_select(taken, kinds)} FROM {relation.sql} LIMIT 0")
    batches = engine.batches(f"SELECT {_select(taken, taken.values())} FROM {relation.sql}")
    with (
        engine.connection.cursor() as writer,  # the connection itself is busy reading
        ThreadPoolExecutor(min(engine.threads(), len(numberings))) as pool,
    ):
        for batch in batches:

            def column(name: str, batch: pa.RecordBatch = batch) -> pa.Array:
                numbering = numberings.get(name)
                return batch[name] if numbering is None else numbering.numbers(batch[name])

            columns = dict(zip(taken, pool.map(column, taken), strict=True))
            writer.register("batch", pa.table(columns))
            writer.execute("INSERT INTO raw FROM batch")
    return {name: numbering.ids for name, numbering in numberings.items()}


def _select(names: Iterable[str], expressions: Iterable[str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in zip(names, expressions, strict=True))


def _spoken_of(relation: Relation, own: Mapping[str, str], conditions: str) -> dict[str, str]:
    """Return the further columns whose names occur in the conditions."""
    said = conditions.lower().replace('""', '"')
    names = [n for n in relation.columns if n and n not in own and n.lower() in said]
    return {f"likewise_own_{number}": name for number, name in enumerate(names)}


def _check_format(engine: Engine, time_format: str | None) -> None:
    if time_format is not None:
        with own_errors(f"time_format={time_format!r}"):
            engine.connection.execute("SELECT strftime(now(), ?)", [time_format])
