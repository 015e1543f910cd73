"""The DuckDB that reads logs: in memory, within a limit, spilling to a folder of its own.

Its errors leave this module as likewise's own, one line each.
"""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from likewise.errors import InputError, LogError, MachineError, NotEnoughMemoryError
from likewise.memory import BESIDE, GIB, MIB, available_memory, require_memory

LEAST_MEMORY = 64 * MIB
"""What DuckDB does not do without."""

THREAD_MEMORY = 32 * MIB
"""What each of its threads does not do without."""

BATCH_ROWS = 1 << 17
"""Rows handed on at a time, half of them at least; DuckDB keeps as many in one piece."""

MIXED_ENDS = (
    "not all of its lines end alike, or a carriage return stands in a value without quotes; let "
    "all lines end with LF, as with: sed -i 's/\\r$//' FILE"
)
"""What DuckDB means by a parser in an invalid state, where delimiter and quotes are given."""

NO_BLOCK = "could not allocate block"
"""What DuckDB says where memory runs out as it writes down what is done."""

UNKNOWN_MEMORY = 1 << 60
"""Half of what :func:`likewise.memory.available_memory` returns where it cannot tell."""

_threads: int | None = None


def limit_threads(threads: int | None) -> None:
    """Let the engines of this process compute with so many threads; None for one a core.

    Examples
    --------
    >>> limit_threads(1)
    >>> with engine() as duck:
    ...     duck.threads()
    1
    >>> limit_threads(None)
    """
    global _threads  # a limit of the process, like that of its memory
    _threads = threads


@dataclass(frozen=True)
class Engine:
    """A DuckDB connection and the folder it spills to; both vanish with the ``with`` block."""

    connection: duckdb.DuckDBPyConnection
    folder: Path

    def run(self, sql: str) -> None:
        """Run one statement."""
        self.connection.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return a small result as rows."""
        return self.connection.execute(sql).fetchall()

    def arrays(self, sql: str) -> dict[str, NDArray[Any]]:
        """Return a result without nulls as one array a column."""
        columns = self.connection.execute(sql).fetchnumpy()
        return {name: np.asarray(values) for name, values in columns.items()}

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Yield a result in its order, some `BATCH_ROWS` at a time."""
        try:
            yield from _joined(self.connection.sql(sql).to_arrow_reader(BATCH_ROWS))
        except (OSError, pa.ArrowException) as error:  # of DuckDB's errors, Arrow keeps the message
            is_memory = str(error).startswith("Out of Memory")
            kind = duckdb.OutOfMemoryException if is_memory else duckdb.Error
            raise kind(str(error)) from error

    def types(self, relation: str) -> dict[str, str]:
        """Return column -> DuckDB type of what stands after FROM."""
        return {
            row[0]: row[1].strip('"') for row in self.rows(f"DESCRIBE SELECT * FROM {relation}")
        }

    def threads(self) -> int:
        """Return with how many threads it computes."""
        return int(self.rows("SELECT current_setting('threads')")[0][0])

    def make_room(self, n_bytes: int) -> None:
        """Let what it holds go to disk, as far as it can, where so many bytes are not free."""
        limit = LEAST_MEMORY
        while n_bytes > available_memory() and limit < UNKNOWN_MEMORY:
            try:
                self.run(f"SET memory_limit = '{limit}B'")
            except duckdb.OutOfMemoryException:  # what it cannot do without is more
                limit *= 2
            else:
                return

    def statements(self, sql: str) -> int:
        """Return how many statements the text holds."""
        return len(self.connection.extract_statements(sql))

    def lock(self) -> None:
        """Cut the engine off from files and the network; what it holds stays readable."""
        self.run("SET enable_external_access = false")


@contextmanager
def engine(memory: int | None = None, threads: int | None = None) -> Iterator[Engine]:
    """Open an engine that takes at most `memory` bytes; if None, half of what may be taken.

    It computes with `threads` threads; if None, with those of :func:`limit_threads`; with fewer in
    little memory.

    Raises
    ------
    LogError
        Whatever DuckDB refuses inside the block.
    NotEnoughMemoryError, MachineError
        If memory or disk run out inside the block.

    Examples
    --------
    >>> with engine() as duck:
    ...     duck.rows("SELECT 1 + 1")
    [(2,)]
    """
    with tempfile.TemporaryDirectory(prefix="likewise-") as folder, own_errors("the log"):
        connection = duckdb.connect(":memory:", config=_settings(memory, threads, folder))
        with connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = false")
            yield Engine(connection, Path(folder))


def _joined(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield small batches that follow each other as one, of half of `BATCH_ROWS` at least."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(map(len, held)) >= BATCH_ROWS // 2:
            yield from pa.Table.from_batches(held).combine_chunks().to_batches()
            held = []
    if held:
        yield from pa.Table.from_batches(held).combine_chunks().to_batches()


@contextmanager
def own_errors(what: str) -> Iterator[None]:
    """Raise DuckDB's errors as likewise's: `what`, then the line that says what is wrong."""
    try:
        yield
    except duckdb.Error as error:
        message = useful_line(str(error))
        if isinstance(error, duckdb.OutOfMemoryException) or NO_BLOCK in message:
            raise NotEnoughMemoryError(
                f"{what} needs more memory than it may take; "
                "raise memory= (--memory) or read less at once"
            ) from error
        if "No space left" in message:
            raise MachineError(f"{what}: {message}; free some disk space") from error
        raise LogError(f"{what} cannot be read: {message}") from error


def useful_line(message: str) -> str:
    r"""Return the line of DuckDB's message that says what is wrong.

    Examples
    --------
    >>> useful_line('Binder Error: no column "x"\n\nLINE 1: SELECT x')
    'no column "x"'
    """
    if "CSV Parser state machine reached an invalid state" in message:
        return MIXED_ENDS
    first = message.strip().splitlines()[0]
    return re.sub(r"^[A-Z][\w ]* Error: ", "", first).rstrip(". ")


def name_sql(name: str) -> str:
    """Return a name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def text_sql(text: str) -> str:
    """Return a text quoted for SQL."""
    return "'" + text.replace("'", "''") + "'"


def _settings(
    memory: int | None, threads: int | None, folder: str
) -> dict[str, str | bool | int | float | list[str]]:
    if memory is None:
        require_memory(BESIDE + LEAST_MEMORY, "reading a log", "free some memory")
        limit = max(LEAST_MEMORY, (available_memory() - BESIDE) // 2)
    else:
        limit = memory
    if limit <= 0:
        raise InputError(f"memory={memory} given; give bytes, such as {2 * GIB} for 2 GiB")
    settings: dict[str, str | bool | int | float | list[str]] = {
        "temp_directory": folder,
        "preserve_insertion_order": True,
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,
    }
    threads, most = _threads if threads is None else threads, max(1, limit // THREAD_MEMORY)
    if threads is not None or most < (os.cpu_count() or 1):
        settings["threads"] = min(threads or most, most)
    return settings if limit >= UNKNOWN_MEMORY else {**settings, "memory_limit": f"{limit}B"}
