"""Small tables of ids, such as items to look up, and the staging that larger ones share."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from likewise.data.columns import find_columns
from likewise.data.engine import Engine, engine, name_sql, own_errors
from likewise.data.relation import Relation
from likewise.data.sources import open_source
from likewise.data.values import id_of
from likewise.data.verdicts import require_well_formed
from likewise.errors import LogError


def read_ids(path: str | Path, columns: Sequence[str]) -> pa.Table:
    r"""Read columns of ids from a csv, tsv, jsonl or parquet file, in the file's order.

    Columns are found by their names as those of a log are, and come out by their roles; ids are
    read as those of a log are, so the same texts and integers come out.

    Raises
    ------
    LogError
        If the file cannot be read, a column is missing, or a line or a value is bad.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "baskets.csv").write_text("customer,sku,qty\nann,007,1\n")
    ...     read_ids(f"{folder}/baskets.csv", ["user", "item"]).to_pylist()
    [{'user': 'ann', 'item': '007'}]
    """
    with engine() as duck:
        stage_ids(duck, path, columns)
        return duck.connection.sql("SELECT * FROM ids ORDER BY rowid").to_arrow_table()


def stage_ids(duck: Engine, path: str | Path, columns: Sequence[str]) -> None:
    """Make the table ``ids`` of a file's columns of ids, in the file's order.

    Raises
    ------
    LogError
        As :func:`read_ids`.
    """
    relation = open_source(duck, path)
    taken = find_columns(list(relation.columns), {}, columns)
    if len(taken) < len(columns):
        raise LogError(
            f"{relation.name} has the columns {', '.join(relation.columns)}; "
            f"it needs {' and '.join(columns)}"
        )
    ids = ", ".join(
        f"{id_of(duck, relation, column)} AS {name_sql(role)}" for role, column in taken.items()
    )
    with own_errors(relation.name):
        duck.run(f"CREATE TEMP TABLE ids AS SELECT {ids} FROM {relation.sql}")
    _check(duck, relation, taken.items())


def _check(duck: Engine, relation: Relation, taken: Iterable[tuple[str, str]]) -> None:
    """Refuse a table with a line or a value that is missing, or with none."""
    require_well_formed(duck, relation)
    for role, column in taken:
        ((row,),) = duck.rows(f"SELECT min(rowid) FROM ids WHERE {name_sql(role)} IS NULL")
        if row is not None:
            where = relation.locate(row, column).where
            raise LogError(f"{where}: no {role}; fill it in, or leave the row out")
    if duck.rows("SELECT count(*) FROM ids") == [(0,)]:
        raise LogError(f"{relation.name} has columns but no rows; give a table with rows")
