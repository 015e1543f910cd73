"""Opening a database's answer to a query as a log: SQLite and PostgreSQL, read only, streamed.

The answer goes batch by batch into a temporary Parquet file, so that it may be larger than memory
and can be scanned more than once.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from likewise.data.engine import Engine, name_sql, useful_line
from likewise.data.parquet import open_parquet
from likewise.data.relation import Column, Relation
from likewise.errors import LogError, MachineError
from likewise.extras import how_to_install

POSTGRES = ("postgresql://", "postgres://")
SQLITE = "sqlite:///"
BATCH = 50_000
"""Rows of a SQLite answer that are held at once."""


def is_database(source: object) -> bool:
    """Tell a database's address from anything else."""
    return isinstance(source, str) and source.startswith((SQLITE, *POSTGRES))


def open_database(engine: Engine, url: str, query: str | None) -> Relation:
    """Open the answer of the database at `url` to `query`.

    Raises
    ------
    LogError
        If there is no query, no such database, or the query fails.
    """
    if not query:
        raise LogError(f"{_public(url)} was given without a query; give query= (--query) with SQL")
    file = str(engine.folder / "answer.parquet")
    if url.startswith(SQLITE):
        types = _spool_sqlite(url.removeprefix(SQLITE), query, file)
        return _typed(open_parquet(engine, [file], "the query's answer"), types)
    _spool_postgres(url, query, file)
    return open_parquet(engine, [file], "the query's answer")


def _spool_sqlite(path: str, query: str, file: str) -> dict[str, str]:
    """Write the answer as text and return column -> DuckDB type, from the values that came.

    SQLite's columns have no type that its values must keep, so it is known at the end.
    """
    if not Path(path).is_file():
        raise LogError(f"{path} does not exist or is no file; give sqlite:///path/to.db")
    try:
        address = f"file:{quote(path)}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            cursor = database.execute(query)
            names = _column_names(cursor.description)
            kinds: list[set[type]] = [set() for _ in names]
            schema = pa.schema([(name, pa.string()) for name in names])
            with pq.ParquetWriter(file, schema) as writer:
                for columns in _batches(cursor):
                    for kind, column in zip(kinds, columns, strict=True):
                        kind.update(map(type, column))
                    texts = [pa.array(map(_text, column), pa.string()) for column in columns]
                    writer.write_batch(pa.record_batch(texts, schema=schema))
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise LogError(f"{path}: the database says: {error}") from error
    return {name: _kind(name, kind) for name, kind in zip(names, kinds, strict=True)}


def _batches(cursor: sqlite3.Cursor) -> Iterator[list[tuple[Any, ...]]]:
    while rows := cursor.fetchmany(BATCH):
        yield list(zip(*rows, strict=True))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _kind(name: str, kinds: set[type]) -> str:
    found = kinds - {type(None)}
    if bytes in found:
        raise LogError(f"column {name!r} of the query holds bytes; select text or numbers")
    if found == {int}:
        return "BIGINT"
    if found and found <= {int, float}:
        return "DOUBLE"
    return "VARCHAR" if found <= {str} else "MIXED"


def _typed(relation: Relation, types: dict[str, str]) -> Relation:
    columns = {
        name: Column(name_sql(name), type_)
        if type_ in {"VARCHAR", "MIXED"}
        else Column(f"CAST({name_sql(name)} AS {type_})", type_)
        for name, type_ in types.items()
    }
    return replace(relation, columns=columns)


def _spool_postgres(url: str, query: str, file: str) -> None:
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise LogError(
            "PostgreSQL needs the package adbc-driver-postgresql; "
            f"install it with: {how_to_install('postgres')}"
        ) from error
    try:
        with dbapi.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
            connection.commit()
            cursor.execute(query)
            reader = cursor.fetch_record_batch()
            _column_names([(name,) for name in reader.schema.names])
            with pq.ParquetWriter(file, reader.schema) as writer:
                for batch in reader:
                    writer.write_batch(batch)
    except dbapi.OperationalError as error:
        raise MachineError(f"{_public(url)}: the database says: {_reason(error)}") from error
    except (dbapi.Error, pa.ArrowException) as error:
        raise LogError(f"{_public(url)}: the database says: {_reason(error)}") from error


def _column_names(description: Sequence[Sequence[Any]] | None) -> list[str]:
    names = [column[0] for column in description or []]
    if not names:
        raise LogError("the query returns no columns; give a SELECT")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise LogError(f"the query returns two columns named {twice[0]!r}; rename one with AS")
    return names


def _reason(error: Exception) -> str:
    """Return what the server said, without the driver's wrapping."""
    said = str(error).split("ERROR:")[-1].strip()
    return useful_line(said)


def _public(url: str) -> str:
    """Return the address without its password."""
    parts = urlsplit(url)
    if not parts.hostname:
        return f"{parts.scheme}://{parts.path}"
    return f"{parts.scheme}://{parts.hostname}{parts.path}"
