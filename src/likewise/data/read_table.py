"""Reading a table of mixed columns from a file; text files get the types that their values have."""

import os
from collections.abc import Mapping

import pyarrow as pa

from likewise.data.engine import Engine, engine, name_sql, own_errors, text_sql
from likewise.data.files import matching
from likewise.data.parquet import durations
from likewise.data.relation import Relation
from likewise.data.sources import open_source
from likewise.data.values import UNTYPED, text_of
from likewise.data.verdicts import require_well_formed
from likewise.errors import LogError

MISSING = ("na", "n/a", "#n/a", "nan", "null", "none", "<na>", "?")
"""What stands for a missing value in text files, beside nothing at all; in either case."""

TYPES = {
    "BIGINT": "regexp_full_match({v}, '[+-]?(0|[1-9][0-9]{{0,17}})')",
    "DOUBLE": "TRY_CAST({v} AS DOUBLE) IS NOT NULL AND NOT regexp_matches({v}, '^[+-]?0[0-9]')",
    "BOOLEAN": "lower({v}) IN ('true', 'false')",
    "DATE": "TRY_CAST({v} AS DATE) IS NOT NULL AND regexp_full_match({v}, '[0-9-]*')",
    "TIMESTAMP": "TRY_CAST({v} AS TIMESTAMP) IS NOT NULL",
}
"""Type -> the test that all values of a column must pass to have it; the first wins, else text."""


def read_table(path: str | os.PathLike[str]) -> pa.Table:
    r"""Read a csv, tsv, jsonl (also .gz, .zst) or parquet file as an Arrow table.

    A column of a text file becomes whole numbers, numbers, truth values, dates or times if all of
    its values are such, and else texts; codes with leading zeros stay texts. Empty fields and NA,
    NaN, null, None and ? are missing values.

    Raises
    ------
    LogError
        If the file cannot be read, a line is malformed, or there are no rows.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "houses.csv").write_text("zip,rooms,built\n00187,3,1990-05-01\n,NA,\n")
    ...     read_table(f"{folder}/houses.csv").to_pylist()
    [{'zip': '00187', 'rooms': 3, 'built': datetime.date(1990, 5, 1)},
     {'zip': None, 'rooms': None, 'built': None}]
    """
    with engine() as duck:
        relation = open_source(duck, path)
        with own_errors(relation.name):
            columns = ", ".join(
                f"{sql} AS {name_sql(name)}" for name, sql in _typed(duck, relation).items()
            )
            table = duck.connection.sql(f"SELECT {columns} FROM {relation.sql}").to_arrow_table()
        require_well_formed(duck, relation)
        if relation.sql.startswith("read_parquet"):
            table = _with_durations(table, durations(matching(os.fspath(path))[0]))
    if not table.num_rows:
        raise LogError(f"{relation.name} has columns but no rows; give a table with rows")
    return table


def _with_durations(table: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    fields = [field.with_type(types.get(field.name, field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))


def _typed(duck: Engine, relation: Relation) -> dict[str, str]:
    """Return column -> SQL that reads it with its type."""
    marks = ", ".join(map(text_sql, MISSING))
    values = {
        name: f"(CASE WHEN lower({text_of(column)}) NOT IN ({marks}) THEN {text_of(column)} END)"
        for name, column in relation.columns.items()
        if column.type in UNTYPED
    }
    tests = [
        f"coalesce(bool_and({test.format(v=value)}) FILTER ({value} IS NOT NULL), false)"
        for value in values.values()
        for test in TYPES.values()
    ]
    passed = iter(duck.rows(f"SELECT {', '.join(tests)} FROM {relation.sql}")[0] if tests else ())
    types = {name: [type_ for type_ in TYPES if next(passed)] for name in values}
    typed = {
        name: f"CAST({value} AS {(types[name] or ['VARCHAR'])[0]})"
        for name, value in values.items()
    }
    return {name: typed.get(name, column.sql) for name, column in relation.columns.items()}
