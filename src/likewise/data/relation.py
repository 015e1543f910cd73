"""A log opened for reading: what DuckDB scans, its columns, and the way back to a place in it."""

import glob
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from likewise.data.engine import text_sql


@dataclass(frozen=True)
class Column:
    """One column: the SQL that reads it and its DuckDB type.

    Two types are likewise's own: ``TEXT`` for what was written in a CSV file, where a number is a
    text too, and ``MIXED`` for texts and numbers in one column. ``JSON`` is a value as written in
    a JSON line.
    """

    sql: str
    type: str


@dataclass(frozen=True, order=True)
class Place:
    """Where a row stands, for people; places of one log are ordered by file, then line."""

    file: int
    line: int
    where: str = field(compare=False)
    value: Any = field(compare=False, default=None)


@dataclass(frozen=True)
class Relation:
    """An opened log; it can be scanned more than once.

    Parameters
    ----------
    name : str
        The log as messages name it.
    sql : str
        What stands after FROM.
    columns : mapping of str to Column
        The columns under the log's own names, in its order.
    locate : callable
        ``locate(row, column)`` returns the place of a row and the column's value there.
    files : tuple of str
        The files as DuckDB names them, if it keeps a list of malformed lines; else empty.
    """

    name: str
    sql: str
    columns: Mapping[str, Column]
    locate: Callable[[int, str], Place]
    files: tuple[str, ...] = ()


def called(files: Sequence[str]) -> str:
    """Return how messages name some files.

    Examples
    --------
    >>> called(["may.csv", "june.csv", "july.csv"])
    'may.csv and 2 more files'
    """
    more = len(files) - 1
    return files[0] if not more else f"{files[0]} and {more} more file{'s' * (more > 1)}"


def listed(files: Sequence[str]) -> str:
    """Return files as an SQL list; a ``*`` in a name is meant as it stands."""
    return "[" + ", ".join(text_sql(glob.escape(file)) for file in files) + "]"
