"""Small tables of ids: baskets to answer, items to look up."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from likewise.data.engine import engine
from likewise.data.sources import open_source
from likewise.errors import LogError


def read_ids(path: str | Path, columns: Sequence[str]) -> pa.Table:
    """Read columns of ids from a csv, tsv, jsonl or parquet file, in the file's order.

    Text files give strings, so that leading zeros are kept.

    Raises
    ------
    LogError
        If the file cannot be read, a column is missing, or a value is.
    """
    with engine() as duck:
        relation = open_source(duck, path)
        missing = [name for name in columns if name not in relation.columns]
        if missing:
            raise LogError(
                f"{relation.name} has the columns {', '.join(relation.columns)}; "
                f"it needs {' and '.join(columns)}"
            )
        taken = ", ".join(f'{relation.columns[name].sql} AS "{name}"' for name in columns)
        table = duck.connection.sql(f"SELECT {taken} FROM {relation.sql}").to_arrow_table()
    for name in columns:
        if table[name].null_count:
            raise LogError(f"{relation.name} has rows without {name}; fill them, or leave them out")
    return table
