"""Checked events kept beside a log, so that the same files are read once.

An entry is a folder as models have it (verified, crash-safe, no pickle), named by what was read and
how: what is in each file, what of its name decides how it is read, and the options. So a file that
changed anywhere is read anew, and one that was moved, copied or touched is not.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from likewise.artifact import Contents, read_folder, require_room, write_folder
from likewise.data.content import digests
from likewise.data.databases import is_database
from likewise.data.files import find_files, format_of
from likewise.data.read_report import ReadReport
from likewise.data.relation import called
from likewise.data.vocabulary import Vocabulary, as_ids
from likewise.errors import InputError, LogError, MachineError, ModelFolderError

if TYPE_CHECKING:
    from likewise.data.log import Log

VERSION = 4
"""Raised whenever the same files and options would be read to other events, or kept otherwise."""

ORDERED = ("columns", "dropped")
"""What of the report is told in an order of its own."""


class LogCache:
    """The place of one reading in a folder of them.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    source : path or list of paths
        The log's files, or a pattern.
    titles : path, optional
        The file of titles.
    options : sequence
        What else decides the events, plain enough for JSON.
    threads : int, optional
        Threads to hash the files with; one for each core if None.

    Raises
    ------
    InputError
        If `folder` is a file, or is in one, or what is to be read is no file.
    LogError
        If a file cannot be read.
    """

    def __init__(
        self,
        folder: str | Path,
        source: Any,
        titles: Any,
        options: Sequence[Any],
        threads: int | None = None,
    ) -> None:
        self._place = _there_is(Path(folder))
        self._sources = [source] if titles is None else [source, titles]
        self._before = _state(self._sources)
        files = [[file for file, *_ in state] for state in self._before]
        self._name = called(files[0])
        said = [VERSION, [_identities(listed, threads) for listed in files], options]
        digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
        self.path = Path(folder, f"log-{digest.hexdigest()}")

    def load(self) -> dict[str, Any] | None:
        """Return the fields of the log that was kept; None if none was, or the entry is damaged.

        The files that it is made of are there, so that it is made anew.
        """
        if not self.path.exists():
            return None
        try:
            what = f"{self._name} from the cache {self.path.parent}"
            kept = read_folder(self.path, known_types=["log"], what=what)
            return _fields(kept, self._name)
        except (ModelFolderError, KeyError, TypeError, ValueError):
            return None

    def require_place(self) -> None:
        """Refuse a folder in which nothing could be kept; worth a call before the log is read.

        Raises
        ------
        MachineError
            If nothing can be written there.
        """
        require_room(self._place, f"the cache {self.path.parent}")

    def save(self, log: "Log") -> None:
        """Keep a log, unless its files changed since they were hashed: it may be of other bytes."""
        if self._have_changed():
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(f"{self.path.parent} cannot be made: {error.strerror}") from error
        write_folder(self.path, _contents(log))

    def _have_changed(self) -> bool:
        try:
            return _state(self._sources) != self._before
        except (LogError, OSError):  # a file is gone
            return True


def _there_is(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that is there."""
    there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not there.is_dir():
        raise InputError(
            f"cache is {str(folder)!r}, and {str(there)!r} is no folder; "
            "name a folder, which is made if it is not there"
        )
    return there


def _state(sources: Sequence[Any]) -> list[list[tuple[Any, ...]]]:
    """Return each source's files with what moves when one is written to or replaced."""
    return [[(file, *_stamps(Path(file).stat())) for file in _files(source)] for source in sources]


def _files(source: Any) -> list[str]:
    paths = source if isinstance(source, list | tuple) else [source]
    if is_database(source) or not all(isinstance(path, str | Path) for path in paths):
        raise InputError("cache is for files; give a path, a list of paths or a pattern")
    return find_files(paths)


def _stamps(stat: os.stat_result) -> tuple[int, ...]:
    """Return the time of change too, which no program can set as it can the one of writing."""
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _identities(files: Sequence[str], threads: int | None) -> list[list[Any]]:
    """Return what decides what each file is read to, in the order that their events will have."""
    return [
        [format_of(file), Path(file).suffix, _columns_of_folders(file), digest]
        for file, digest in zip(files, digests(files, threads), strict=True)
    ]


def _columns_of_folders(file: str) -> list[str]:
    """Return the parts of a path that DuckDB reads as columns, as in ``month=5/log.parquet``."""
    if format_of(file) != "parquet":
        return []
    return [part for part in re.split(r"[/\\]", file)[:-1] if "=" in part]


def _contents(log: "Log") -> Contents:
    tensors: dict[str, NDArray[Any]] = {"user": log.user, "item": log.item, "weight": log.weight}
    if log.time is not None:
        tensors["time"] = log.time
    titles = [""] * len(log.items) if log.titles is None else log.titles.tolist()
    items = {"item": log.items.arrow, "title": pa.array(titles, pa.string())}
    report = log.report.as_dict()
    report |= {
        name: [list(pair) for pair in report[name].items()] for name in ORDERED
    }  # JSON here sorts its keys
    return Contents(
        type="log",
        parameters={},
        tensors=tensors | _packed(log.users),
        extra={"titled": log.titles is not None, "report": report},
        items=pa.table(items | {"count": pa.array(np.zeros(len(titles), np.int64))}),
        metrics={},
        card=f"# A log\n\nThe checked events of {log.report.source}, to be read again quickly.\n",
    )


def _fields(contents: Contents, name: str) -> dict[str, Any]:
    tensors, items, report = contents.tensors, contents.items, contents.extra["report"]
    if items is None or not isinstance(report, dict):
        raise ModelFolderError("it holds no log")
    vocabulary = Vocabulary(as_ids(items["item"].to_pylist()))
    titles = np.array(items["title"].to_pylist(), dtype=object)
    return {
        "user": tensors["user"],
        "item": tensors["item"],
        "weight": tensors["weight"],
        "time": tensors.get("time"),
        "users": _unpacked(tensors),
        "items": vocabulary,
        "titles": titles if contents.extra["titled"] else None,
        "report": _report({**report, "source": name}),
    }


def _report(kept: Mapping[str, Any]) -> ReadReport:
    ordered = {name: dict(kept[name]) for name in ORDERED}
    return ReadReport(**{**kept, **ordered, "notes": tuple(kept["notes"])})


def _packed(users: Vocabulary) -> dict[str, NDArray[Any]]:
    """Return ids as tensors: numbers as they are, texts as bytes and where each ends."""
    if users.ids.dtype != object:
        return {"users": users.ids}
    texts = [str(text).encode() for text in users.ids.tolist()]
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return {"users.text": np.frombuffer(b"".join(texts), np.uint8), "users.end": ends}


def _unpacked(tensors: Mapping[str, NDArray[Any]]) -> Vocabulary:
    if "users" in tensors:
        return Vocabulary(tensors["users"])
    text, ends = tensors["users.text"].tobytes(), tensors["users.end"].tolist()
    starts = [0, *ends[:-1]]
    ids = [text[start:end].decode() for start, end in zip(starts, ends, strict=True)]
    return Vocabulary(np.array(ids, dtype=object))
