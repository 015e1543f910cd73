"""A result table written block by block; the file appears when it is whole.

A writer holds a lock on the part that it writes, so a part without a lock is one whose writer died,
and the next writer of the same file removes it.
"""

import fcntl
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as papq

from likewise.errors import InputError, MachineError

KINDS = (".parquet", ".csv", ".tsv", ".jsonl")


class TableFile:
    """Writes tables of one schema to a file, its format known by its ending.

    Parameters
    ----------
    path : Path
        Ends in .parquet, .csv, .tsv or .jsonl. It is written beside its place and moved there at
        the end of the ``with`` block, or not at all.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "squares.csv")
    ...     with TableFile(path) as file:
    ...         for n in (2, 3):
    ...             file.write(pa.table({"n": [n], "square": [n * n]}))
    ...     path.read_text().split()
    ['"n","square"', '2,4', '3,9']
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() not in KINDS:
            raise InputError(f"{path} has no known ending; it is one of {', '.join(KINDS)}")
        self._path, self._place = path, path.resolve()
        self._is_device = self._place.exists() and not self._place.is_file()
        beside = self._place.with_name(f".{path.name}.{os.getpid()}.part")
        self._part = self._place if self._is_device else beside
        self._file: IO[bytes] | None = None
        self._writer: Any = None

    def __enter__(self) -> Self:
        try:
            if not self._is_device:
                _remove_parts(self._place.parent, self._path.name)
            self._file = self._part.open("wb" if self._is_device else "xb")
            with suppress(OSError):  # where there are no locks, nobody removes what has none
                _lock(self._file.fileno())
        except OSError as error:
            raise MachineError(f"{self._path} cannot be written: {error.strerror}") from error
        return self

    def write(self, table: pa.Table) -> None:
        """Append a table.

        Raises
        ------
        MachineError
            If it cannot be written.
        """
        try:
            if self._writer is None:
                self._writer = self._opened(table.schema)
            self._writer.write_table(table)
        except OSError as error:
            raise MachineError(f"{self._path} cannot be written: {error}") from error

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._finish()
        except OSError as error:
            raise MachineError(f"{self._path} cannot be written: {error}") from error
        finally:
            self._leave_nothing()

    def _finish(self) -> None:
        """Write what is left, and move the file to its place."""
        if self._writer is not None:
            self._writer.close()
        if self._file is not None:
            self._file.flush()
            if not self._is_device:
                os.fsync(self._file.fileno())
                self._part.replace(self._place)

    def _leave_nothing(self) -> None:
        """Close what is open, and remove what did not get to its place."""
        if isinstance(self._writer, papq.ParquetWriter):
            # Left open, it writes its end when it is collected, and prints that the file is closed.
            self._writer.is_open = False
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        if not self._is_device:
            with suppress(OSError):
                self._part.unlink(missing_ok=True)

    def _opened(self, schema: pa.Schema) -> Any:
        kind = self._path.suffix.lower()
        if kind == ".parquet":
            return papq.ParquetWriter(self._file, schema, compression="zstd")
        if kind == ".jsonl":
            return _JsonLines(self._file)
        separator = "," if kind == ".csv" else "\t"
        options = pacsv.WriteOptions(delimiter=separator)
        return pacsv.CSVWriter(self._file, schema, write_options=options)


def _remove_parts(folder: Path, name: str) -> None:
    """Remove what writers of this file left that were killed."""
    ours = re.compile(rf"\.{re.escape(name)}\.\d+\.part")
    with suppress(OSError):  # of a folder that cannot be looked into; opening says what is wrong
        for part in [found for found in folder.iterdir() if ours.fullmatch(found.name)]:
            with suppress(OSError), part.open("r+b") as file:
                _lock(file.fileno())
                part.unlink()


def _lock(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class _JsonLines:
    """Writes one JSON object a row."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file = file

    def write_table(self, table: pa.Table) -> None:
        for batch in table.to_batches():
            for row in batch.to_pylist():
                text = json.dumps(row, ensure_ascii=False, default=str)
                self._file.write(f"{text}\n".encode())  # type: ignore[union-attr]

    def close(self) -> None:
        """Nothing is held back."""
