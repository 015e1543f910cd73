"""Opening whatever a log comes in: files, data frames and Arrow tables, databases."""

import os
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from likewise.data.columns import require_distinct
from likewise.data.databases import is_database, open_database
from likewise.data.engine import Engine, name_sql
from likewise.data.files import open_files
from likewise.data.relation import Column, Place, Relation
from likewise.errors import LogError


def open_source(engine: Engine, source: Any, query: str | None = None) -> Relation:
    """Open a path, several, a pattern, a frame, an Arrow table, or a database's answer to `query`.

    Raises
    ------
    LogError
        If the source cannot be opened, or is of another kind.
    """
    if is_database(source):
        return open_database(engine, source, query)
    if query is not None:
        raise LogError(
            "query is for databases; give it with sqlite:///path or postgresql://host/db"
        )
    if isinstance(source, str | os.PathLike):
        return open_files(engine, [source])
    if hasattr(source, "__arrow_c_stream__"):
        return _open_frame(engine, source)
    if isinstance(source, list | tuple) and all(isinstance(p, str | os.PathLike) for p in source):
        return open_files(engine, source)
    raise LogError(
        f"a {type(source).__name__} was given; give a path, a list of paths, a pattern, "
        "a pandas or polars frame, an Arrow table, or a database's address with a query"
    )


def _open_frame(engine: Engine, frame: Any) -> Relation:
    name = f"the {type(frame).__module__.split('.')[0]} {type(frame).__name__}"
    table, mixed = _arrow(frame, name)
    alias = f"frame_{id(table)}"
    engine.connection.register(alias, table)
    columns = {
        column: Column(name_sql(column), "MIXED" if column in mixed else type_)
        for column, type_ in engine.types(alias).items()
    }

    def locate(row: int, column: str) -> Place:
        return Place(0, row, f"{name} row {row + 1}", table[column][row].as_py())

    return Relation(name, alias, columns, locate)


def _arrow(frame: Any, name: str) -> tuple[pa.Table, set[str]]:
    """Return a frame as an Arrow table, and its columns that mixed texts and numbers."""
    if not hasattr(frame, "dtypes") or not hasattr(frame, "items"):  # anything but pandas
        try:
            table = pa.table(frame)
        except pa.ArrowException as error:
            raise LogError(f"{name} cannot be read: {error}") from error
        require_distinct(table.column_names, name)
        return table, set()
    require_distinct([str(column) for column in frame.columns], name)
    arrays: dict[str, pa.Array] = {}
    mixed: set[str] = set()
    for column, values in frame.items():
        try:
            arrays[str(column)] = pa.array(values, from_pandas=True)
        except pa.ArrowException:  # a pandas object column may hold anything
            arrays[str(column)] = pa.array(_texts(values), pa.string())
            mixed.add(str(column))
    return pa.table(arrays), mixed


def _texts(values: Iterable[Any]) -> list[str | None]:
    return [None if value is None or value != value else str(value) for value in values]
