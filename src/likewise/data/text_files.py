"""Opening CSV, TSV and JSON lines as a log.

Nothing is guessed from the rows: the header (or the keys) names the columns, every value is read
as it was written, and numbers and times are made of it later. So leading zeros stay, and a value
that cannot be read is known with its line.
"""

import csv
import io
import json
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, islice
from typing import Any

import pyarrow as pa

from likewise.data.columns import require_distinct
from likewise.data.engine import Engine, name_sql, own_errors, text_sql
from likewise.data.relation import Column, Place, Relation, called, listed
from likewise.errors import LogError
from likewise.memory import MIB

DELIMITERS = ",;\t|"
"""What may stand between columns; of these the one that splits the header into most is taken."""

HEAD = 1000
"""JSON lines, of each file, whose keys keep the order in which they come."""

LONGEST = 2_000_000
"""Bytes that a line of a CSV may have: as many as DuckDB reads."""

TAIL = 1 << 12
"""Bytes at the end of a stretch of a file that are looked at first."""

CSV_BUFFER = 8 * MIB
"""What DuckDB reads of a CSV file at a time, by each thread: a quarter of what it would itself."""


def open_csv(files: Sequence[str], format_: str) -> Relation:
    """Open CSV (or TSV) files with the same header."""
    with _lines(files[0]) as lines:
        delimiter = "\t" if format_ == "tsv" else _delimiter(next(iter(lines), ""))
    headers = [_header(file, delimiter) for file in files]
    for file, header in zip(files, headers, strict=True):
        if header != headers[0]:
            raise LogError(
                f"{files[0]} and {file} have different columns ({', '.join(headers[0])} and "
                f"{', '.join(header)}); give files with the same columns"
            )
        _require_short_lines(file)
    names = {f"c{number}": name for number, name in enumerate(headers[0])}
    struct = ", ".join(f"{internal}: 'VARCHAR'" for internal in names)
    sql = (
        f"read_csv({listed(files)}, auto_detect = false, header = true, store_rejects = true, "
        f"delim = {text_sql(delimiter)}, quote = '\"', escape = '\"', columns = {{{struct}}}, "
        f"buffer_size = {CSV_BUFFER}, max_line_size = {LONGEST}, hive_partitioning = false)"
    )
    columns = {name: Column(internal, "TEXT") for internal, name in names.items()}

    def locate(row: int, column: str) -> Place:
        place = headers[0].index(column)
        return _locate(files, row, lambda lines: _records(lines, delimiter, place))

    return Relation(called(files), sql, columns, locate, tuple(files))


def open_json_lines(engine: Engine, files: Sequence[str]) -> Relation:
    """Open files with one JSON object a line; a missing key is a missing value."""
    keys = _keys(engine, files)
    struct = ", ".join(f"{text_sql(key)}: 'JSON'" for key in keys)
    sql = (
        f"read_json({listed(files)}, format = 'newline_delimited', ignore_errors = true, "
        f"hive_partitioning = false, columns = {{{struct}}})"
    )
    columns = {key: Column(name_sql(key), "JSON") for key in keys}

    def locate(row: int, column: str) -> Place:
        return _locate(files, row, lambda lines: _objects(lines, column))

    return Relation(called(files), sql, columns, locate)


def line_at(path: str, position: int) -> int:
    """Return the number of the line that has the n-th byte, or comes after blank lines there.

    Bytes are of the unpacked file, from 1 on. DuckDB's own line numbers count records, and a quoted
    field may hold line ends; its positions may be of blank lines that stand before a record.
    """
    with _unpacked(path) as stream:
        chunks = (stream.read(min(1 << 20, left)) for left in range(position - 1, 0, -(1 << 20)))
        before = Counter[bytes]()
        for chunk in chunks:
            before.update({end: chunk.count(end) for end in (b"\n", b"\r")})
        while (end := stream.read(1)) in (b"\n", b"\r"):
            before[end] += 1
    return 1 + (before[b"\n"] or before[b"\r"])


@contextmanager
def _unpacked(path: str) -> Iterator[Any]:
    """Open a file, unpacked, as bytes."""
    try:
        with pa.input_stream(path) as stream:
            yield stream
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error}") from error


@contextmanager
def _lines(path: str) -> Iterator[io.TextIOWrapper]:
    """Open a file, unpacked, as UTF-8 text; a NUL tells that it is none."""
    with _unpacked(path) as head:
        if b"\0" in head.read(1 << 16):
            raise LogError(f"{path} is a binary file (or UTF-16); give text in UTF-8")
    with (
        _unpacked(path) as stream,
        io.TextIOWrapper(stream, "utf-8-sig", errors="replace", newline="") as lines,
    ):
        try:
            yield lines
        except csv.Error as error:
            raise LogError(f"{path} cannot be read as CSV: {error}") from error


def _require_short_lines(path: str) -> None:
    """Refuse a line that covers a whole stretch of `LONGEST` bytes.

    DuckDB names lines over `LONGEST`, but those of several times that it may lose without a word.
    """
    with _unpacked(path) as stream:
        for start in count(0, LONGEST):
            if stream.seekable():
                stream.seek(start + LONGEST - TAIL)
                if _ends_a_line(stream.read(TAIL)):
                    continue
                stream.seek(start)
            part = stream.read(LONGEST)
            if len(part) < LONGEST:
                return
            if not _ends_a_line(part):
                raise LogError(
                    f"{path} line {line_at(path, start + 1)} has more than {LONGEST:,} bytes, the "
                    "most that a line may have; shorten it, or take it out of the file"
                )


def _ends_a_line(part: bytes) -> bool:
    return b"\n" in part or b"\r" in part


def _delimiter(line: str) -> str:
    return max(DELIMITERS, key=lambda mark: len(next(csv.reader([line], delimiter=mark), [])))


def _header(path: str, delimiter: str) -> list[str]:
    with _lines(path) as lines:
        header = [name.strip() for name in next(csv.reader(lines, delimiter=delimiter), [])]
    if not any(header):
        raise LogError(f"{path} has no header in its first line; name the columns there")
    if any("\ufffd" in name for name in header):
        raise LogError(f"{path} line 1 holds text that is not UTF-8; save the file as UTF-8")
    header = [name or f"column{number}" for number, name in enumerate(header, start=1)]
    require_distinct(header, path)
    return header


def _keys(engine: Engine, files: Sequence[str]) -> list[str]:
    """Return all keys that occur in any line: those of the first lines, then the others."""
    keys = dict.fromkeys(key for file in files for key in _first_keys(file))
    with own_errors(called(files)):
        later = engine.rows(
            "SELECT DISTINCT unnest(json_keys(json)) AS key FROM read_ndjson_objects("
            f"{listed(files)}, ignore_errors = true, hive_partitioning = false) ORDER BY key"
        )
    keys |= dict.fromkeys(key for (key,) in later)
    if not keys:
        raise LogError(f"{files[0]} holds no JSON objects; write one object a line")
    alike: dict[str, str] = {}
    for key in keys:
        if (other := alike.setdefault(key.lower(), key)) != key:
            raise LogError(
                f"{called(files)} has the keys {other!r} and {key!r}, which differ in capitals "
                "only; rename one"
            )
    return list(keys)


def _first_keys(path: str) -> Iterator[str]:
    with _unpacked(path) as stream:
        if stream.read(len(BOM_UTF8)) == BOM_UTF8:
            raise LogError(
                f"{path} begins with a byte order mark, which JSON lines do not have; take it out, "
                "as with: sed -i '1s/^\\xEF\\xBB\\xBF//' FILE"
            )
    with _lines(path) as lines:
        for line in islice(lines, HEAD):
            yield from _parsed(line) or {}


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _locate(
    files: Sequence[str],
    row: int,
    records: Callable[[io.TextIOWrapper], Iterator[tuple[int, Any]]],
) -> Place:
    """Find a row by reading the files again: slow, and only done once, for a message."""
    for number, file in enumerate(files):
        with _lines(file) as lines:
            for line, value in records(lines):
                if row == 0:
                    return Place(number, line, f"{file} line {line}", value)
                row -= 1
    raise LookupError(f"row {row} is beyond the files")


def _records(lines: io.TextIOWrapper, delimiter: str, place: int) -> Iterator[tuple[int, str]]:
    reader = csv.reader(lines, delimiter=delimiter)
    next(reader)
    line = reader.line_num + 1
    for record in reader:
        if record:
            yield line, record[place] if place < len(record) else ""
        line = reader.line_num + 1


def _objects(lines: io.TextIOWrapper, column: str) -> Iterator[tuple[int, Any]]:
    for line, text in enumerate(lines, start=1):
        if text.strip():
            yield line, (_parsed(text) or {}).get(column)
