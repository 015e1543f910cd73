"""Finding and checking log files: one, several, or a glob.

What can be refused before the rows are read is refused here.
"""

import glob
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from likewise.data.engine import Engine
from likewise.data.parquet import open_parquet
from likewise.data.relation import Relation
from likewise.data.text_files import open_csv, open_json_lines
from likewise.errors import LogError

FORMATS: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
"""Extension -> format."""

PACKED = frozenset({".gz", ".zst"})
"""Extensions of compressed text; Parquet has its compression inside."""


def open_files(engine: Engine, paths: Iterable[str | os.PathLike[str]]) -> Relation:
    """Open files of one format with the same columns; a pattern stands for the files it matches.

    Raises
    ------
    LogError
        If there is no such file, it cannot be read, it is empty, or not what its name says.
    """
    files = find_files(paths)
    format_ = format_of(files[0])
    if format_ == "parquet":
        return open_parquet(engine, files)
    return open_json_lines(engine, files) if format_ == "jsonl" else open_csv(files, format_)


def find_files(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Return the files of one format that paths and patterns stand for.

    Raises
    ------
    LogError
        If there is no such file, it cannot be read, it is empty, or of another format.
    """
    files = [file for path in paths for file in matching(os.fspath(path))]
    if not files:
        raise LogError("an empty list was given; give at least one file, or one basket")
    formats = [format_of(file) for file in files]
    for file, format_ in zip(files, formats, strict=True):
        if format_ != formats[0]:
            raise LogError(
                f"{files[0]} is {formats[0]} and {file} is {format_}; give files of one format"
            )
        _check_readable(file)
    return files


def matching(path: str) -> list[str]:
    """Return the files that a path or a pattern stands for.

    Raises
    ------
    LogError
        If no file matches the pattern, or the path is an address.
    """
    if "://" in path:
        raise LogError(
            f"{path} is no file here; give a path, sqlite:///path or postgresql://host/database"
        )
    if not glob.has_magic(path) or Path(path).exists():
        return [path]
    found = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - Path.glob refuses absolute ones
    if not found:
        raise LogError(f"no file matches {path}; check the pattern and the folder")
    return found


def format_of(path: str) -> str:
    """Return a file's format, by its name.

    Raises
    ------
    LogError
        If it has none that is known, or is a folder.

    Examples
    --------
    >>> format_of("may.csv.gz"), format_of("may.ndjson")
    ('csv', 'jsonl')
    """
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes[-1:] != [] and suffixes[-1] in PACKED
    format_ = FORMATS.get(suffixes[-2] if packed and len(suffixes) > 1 else "".join(suffixes[-1:]))
    if Path(path).is_dir():
        raise LogError(f"{path} is a directory; give a file, or a pattern such as {path}/*.csv")
    if format_ is None or (packed and format_ == "parquet"):
        raise LogError(
            f"{path} has an unknown extension; allowed are .csv, .tsv and .jsonl "
            "(each also .gz or .zst) and .parquet"
        )
    return format_


def _check_readable(path: str) -> None:
    if not Path(path).exists():
        raise LogError(f"{path} does not exist; check the path")
    if not os.access(path, os.R_OK):
        raise LogError(f"{path} may not be read by this user; change its permissions")
    if Path(path).stat().st_size == 0:
        raise LogError(f"{path} is empty; give a file with a header and rows")
