"""Opening Parquet files as a log."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from likewise.data.engine import Engine, name_sql, own_errors
from likewise.data.relation import Column, Place, Relation, called, listed
from likewise.errors import LogError

MARK = b"PAR1"
"""What a Parquet file begins and ends with."""

SMALLEST = 12
"""Bytes of the least Parquet file: two marks, and the length of what describes it."""


def open_parquet(engine: Engine, files: Sequence[str], name: str | None = None) -> Relation:
    """Open Parquet files with the same columns; `name` stands for them in messages.

    Raises
    ------
    LogError
        If a file is damaged, or its columns are not those of the first.
    """
    types: dict[str, str] = {}
    for file in files:
        _require_whole(file)
        with own_errors(file):
            found = engine.types(f"read_parquet({listed([file])})")
        types = types or found
        _check_same(types, found, files[0], file)
    columns = {column: Column(name_sql(column), type_) for column, type_ in types.items()}

    def locate(row: int, column: str) -> Place:
        return _cell(files, row, column, name)

    return Relation(name or called(files), f"read_parquet({listed(files)})", columns, locate)


def durations(file: str) -> dict[str, pa.DataType]:
    """Return the columns of a Parquet file that are durations, and their types.

    Parquet itself has none: Arrow (pandas, polars) writes whole numbers and notes what they were,
    and DuckDB reads the numbers.
    """
    fields = pq.read_schema(file)
    return {field.name: field.type for field in fields if pa.types.is_duration(field.type)}


def _require_whole(file: str) -> None:
    """Refuse a file that does not begin and end as Parquet does, and say which of the two."""
    with Path(file).open("rb") as content:
        head = content.read(len(MARK))
        content.seek(0, os.SEEK_END)
        size = content.tell()
        content.seek(max(0, size - len(MARK)))
        tail = content.read()
    if head != MARK:
        raise LogError(f"{file} is no Parquet file; give one, or name it by what it holds")
    if size < SMALLEST or tail != MARK:
        raise LogError(f"{file} is cut off: its end is missing; copy it, or write it, once more")


def _check_same(first: Mapping[str, str], found: Mapping[str, str], one: str, other: str) -> None:
    for column in [*first, *found]:
        if first.get(column) != found.get(column):
            kinds = [kind or "missing" for kind in (first.get(column), found.get(column))]
            raise LogError(
                f"{one} and {other} have different columns: {column!r} is {kinds[0]} in the one "
                f"and {kinds[1]} in the other; give files with the same columns"
            )


def _cell(files: Sequence[str], row: int, column: str, name: str | None) -> Place:
    for number, file in enumerate(files):
        with pq.ParquetFile(file) as parquet:
            if row >= parquet.metadata.num_rows:
                row -= parquet.metadata.num_rows
                continue
            is_inside = column in parquet.schema_arrow.names
            value = _in_group(parquet, row, column) if is_inside else _of_folder(file, column)
            return Place(number, row + 1, f"{name or file} row {row + 1}", value)
    raise LookupError(f"row {row} is beyond the files")


def _of_folder(file: str, column: str) -> str | None:
    """Return a column's value that a folder's name holds, as in ``month=5/log.parquet``."""
    parts = (part.partition("=") for part in Path(file).parts[:-1])
    return next((unquote(value) for name, _, value in parts if name == column), None)


def _in_group(parquet: pq.ParquetFile, row: int, column: str) -> Any:
    for group in range(parquet.metadata.num_row_groups):
        length = parquet.metadata.row_group(group).num_rows
        if row < length:
            return parquet.read_row_group(group, [column])[column][row].as_py()
        row -= length
    raise LookupError(f"row {row} is beyond the row groups")
