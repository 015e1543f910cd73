"""SQL that makes ids, weights and times of a log's columns, whatever type they came in."""

from likewise.data.engine import Engine, text_sql
from likewise.data.relation import Column, Relation
from likewise.errors import LogError

INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
    | {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}
)
WRITTEN = frozenset({"TEXT", "JSON", "MIXED", "VARCHAR", "UUID", "NULL"})
UNTYPED = frozenset({"TEXT", "JSON"})
"""Written by a format that has no types (or few): a number may stand there as a text."""

TYPED = ("TIMESTAMP", "DATE")
"""What the names of types of times begin with."""

EXACT = {"FLOAT": 2**24, "DOUBLE": 2**53}
"""Type -> from where on it does not hold all whole numbers."""

WITHOUT_OFFSET = "____-__-_____:__:__"
"""How most times are written, as LIKE has it: to the second, in UTC, a blank or a T between."""


def text_of(column: Column) -> str:
    """Return SQL for a column as text, null where it is empty."""
    text = f"{column.sql} ->> '$'" if column.type == "JSON" else f"CAST({column.sql} AS VARCHAR)"
    return f"nullif({text}, '')"


def id_of(engine: Engine, relation: Relation, name: str) -> str:
    """Return SQL for a column of ids, as BIGINT or VARCHAR, null where there is none.

    Raises
    ------
    LogError
        If the column mixes numbers and texts, or holds neither.
    """
    column = relation.columns[name]
    type_ = _json_type(engine, relation, column) if column.type == "JSON" else column.type
    number = text_of(column) if column.type == "JSON" else column.sql
    if type_ in INTEGERS:
        return f"CAST({number} AS BIGINT)"
    if _is_fraction(type_):
        if type_.startswith("DECIMAL"):
            return _whole(name, number)
        exact = f"nullif(CAST({number} AS DOUBLE), 'nan'::DOUBLE)"
        return _whole(name, exact, EXACT[type_])
    if type_ == "MIXED":
        where = _first_of_another(engine, relation, name) if column.type == "JSON" else ""
        raise LogError(
            f"{where}ids in column {name!r} mix texts and numbers; make them all one kind"
        )
    if _is_text(type_):
        return text_of(column)
    raise LogError(f"column {name!r} is {type_}; ids are texts or whole numbers")


def weight_of(relation: Relation, name: str) -> str:
    """Return SQL for a column of weights as DOUBLE, null where it is no number."""
    column = relation.columns[name]
    if _is_text(column.type):
        return f"TRY_CAST({text_of(column)} AS DOUBLE)"
    if column.type in INTEGERS or _is_fraction(column.type) or column.type == "BOOLEAN":
        return f"CAST({column.sql} AS DOUBLE)"
    raise LogError(f"column {name!r} is {column.type}; a weight is a number")


def time_of(relation: Relation, name: str, time_format: str | None) -> str:
    """Return SQL for a column of times as microseconds since 1970 UTC, null where it is none.

    A number counts seconds, milliseconds, microseconds or nanoseconds: which, its size tells.
    """
    column = relation.columns[name]
    text = f"trim({text_of(column)})"
    if column.type.startswith(TYPED):
        has_zone = "Z" in column.type  # to give a zone, or to take it, costs more than to read
        type_ = "TIMESTAMPTZ" if has_zone else "TIMESTAMP"
        return f"epoch_us(CAST({column.sql} AS {type_}))"
    is_number = column.type in INTEGERS or _is_fraction(column.type)
    if not (is_number or _is_text(column.type)):
        raise LogError(
            f"column {name!r} is {column.type}; a time is a date, a timestamp or a number"
        )
    if time_format is not None:
        if column.type == "FLOAT":
            text = f"CASE WHEN abs({column.sql}) < {EXACT['FLOAT']} THEN {text} END"
        return _formatted(text, time_format)
    epoch = _epoch(f"TRY_CAST({text} AS DOUBLE)")
    if is_number:
        return epoch
    any_other = f"coalesce(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)), {epoch})"
    written = text_of(column)
    plain = f"epoch_us(TRY_CAST({written} AS TIMESTAMP))"  # quicker, but ignores offsets
    return f"CASE WHEN {written} LIKE '{WITHOUT_OFFSET}' THEN {plain} ELSE {any_other} END"


def _formatted(text: str, time_format: str) -> str:
    """Return SQL for times written in a format, also where 20241231 became 20241231.0."""
    whole = rf"regexp_extract({text}, '^([0-9]+)\.0+$', 1)"
    tried = (f"try_strptime({one}, {text_sql(time_format)})" for one in (text, whole))
    return f"epoch_us(coalesce({', '.join(tried)}))"


def number_or_text(engine: Engine, table: str, name: str) -> str:
    """Return SQL for a column of texts: as numbers if all of them are, else as they are."""
    are_numbers = f"bool_and(TRY_CAST({name} AS DOUBLE) IS NOT NULL)"
    found = engine.rows(f"SELECT {are_numbers} FROM {table} WHERE {name} NOT NULL")
    return f"CAST({name} AS DOUBLE)" if found[0][0] else name


def _json_type(engine: Engine, relation: Relation, column: Column) -> str:
    """Return the one type of a column of JSON values."""
    value = f"nullif({column.sql}, '\"\"')"
    sql = f"SELECT DISTINCT json_type({value}) FROM {relation.sql} WHERE {value} NOT NULL"
    found = {row[0] for row in engine.rows(sql)}
    if found <= {"UBIGINT", "BIGINT"}:
        return "BIGINT" if found else "VARCHAR"
    if found <= {"UBIGINT", "BIGINT", "DOUBLE"}:
        return "DOUBLE"
    return found.pop() if len(found) == 1 else "MIXED"


def _first_of_another(engine: Engine, relation: Relation, name: str) -> str:
    """Return where the first value stands whose kind is not that of the values before it."""
    kind = f"nullif({relation.columns[name].sql}, '\"\"')"
    numbered = f"SELECT row_number() OVER () - 1 AS row, json_type({kind}) AS kind"
    numbers = "('UBIGINT', 'BIGINT', 'DOUBLE')"
    firsts = engine.rows(
        f"SELECT min(row) FROM ({numbered} FROM {relation.sql}) WHERE kind NOT NULL "
        f"GROUP BY if(kind IN {numbers}, 'number', kind) ORDER BY 1"
    )
    place = relation.locate(firsts[1][0], name)
    return f"{place.where}: {place.value!r:.80} is of another kind than before: "


def _is_fraction(type_: str) -> bool:
    return type_ in {"FLOAT", "DOUBLE"} or type_.startswith("DECIMAL")


def _is_text(type_: str) -> bool:
    return type_ in WRITTEN or type_.startswith("ENUM")


def _whole(name: str, number: str, limit: int | None = None) -> str:
    """Return SQL that lets only whole numbers pass: integers with gaps come as floats."""
    message = text_sql(f"column {name} holds ")
    rounded = text_sql(
        ", and so large a number may have been rounded where it became one with a fraction; "
        "give ids as texts, or all as integers"
    )
    too_large = f"WHEN abs({number}) >= {limit} THEN error({message} || {number} || {rounded}) "
    return (
        f"CASE WHEN {number} IS NULL THEN NULL {too_large if limit else ''}"
        f"WHEN {number} = trunc({number}) THEN CAST({number} AS BIGINT) "
        f"ELSE error({message} || {number} || '; ids are texts or whole numbers') END"
    )


def _epoch(number: str) -> str:
    return (
        f"TRY_CAST(CASE WHEN abs({number}) < 1e11 THEN round({number} * 1e6) "
        f"WHEN abs({number}) < 1e14 THEN round({number} * 1e3) "
        f"WHEN abs({number}) < 1e17 THEN round({number}) ELSE floor({number} / 1e3) END AS BIGINT)"
    )
