"""Checked events kept beside a log, so that the same files are read once.

An entry is a folder as models have it (verified, crash-safe, no pickle), named by what was read and
how: each file's path, size, time of change and both ends, and the options. A file that changes in
the middle only, with the same size and the very same time of change, would be missed; what writes
files moves that time.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from likewise.artifact import Contents, read_folder, require_room, write_folder
from likewise.data.files import matching
from likewise.data.interactions import Vocabulary, as_ids
from likewise.data.read_report import ReadReport
from likewise.errors import InputError, MachineError, ModelFolderError

if TYPE_CHECKING:
    from likewise.data.log import Log

VERSION = 2
"""Raised whenever the same files and options would be read to other events, or kept otherwise."""

ORDERED = ("columns", "dropped")
"""What of the report is told in an order of its own."""

END = 1 << 20
"""Bytes of a file's beginning and of its end that are looked at."""


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
    """

    def __init__(
        self, folder: str | Path, source: Any, titles: Any, options: Sequence[Any]
    ) -> None:
        said = [VERSION, _files(source), None if titles is None else _files(titles), options]
        digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
        self.path = Path(folder, f"log-{digest.hexdigest()[:32]}")

    def load(self) -> dict[str, Any] | None:
        """Return the fields of the log that was kept; None if none was, or the entry is damaged.

        The files that it was made of are there, so that it is made anew.
        """
        if not self.path.exists():
            return None
        try:
            return _fields(read_folder(self.path, known_types=["log"]))
        except (ModelFolderError, KeyError, TypeError, ValueError):
            return None

    def require_place(self) -> None:
        """Refuse a folder in which nothing could be kept; worth a call before the log is read.

        Raises
        ------
        InputError
            If it is a file, or is in one.
        MachineError
            If nothing can be written there.
        """
        folder = self.path.parent
        there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        if not there.is_dir():
            raise InputError(
                f"cache is {str(folder)!r}, and {str(there)!r} is no folder; "
                "name a folder, which is made if it is not there"
            )
        require_room(there, f"the cache {folder}")

    def save(self, log: "Log") -> None:
        """Keep a log."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(f"{self.path.parent} cannot be made: {error.strerror}") from error
        write_folder(self.path, _contents(log))


def _files(source: Any) -> list[list[Any]]:
    """Return what tells each of a source's files from what it was or will be."""
    paths = source if isinstance(source, list | tuple) else [source]
    if not all(isinstance(path, str | Path) for path in paths):
        raise InputError("cache is for files; give a path, a list of paths or a pattern")
    return [_identity(Path(file)) for path in paths for file in matching(str(path))]


def _identity(file: Path) -> list[Any]:
    if not file.is_file():
        return [str(file)]  # reading will say what is wrong with it
    known = file.stat()
    with file.open("rb") as stream:
        ends = hashlib.sha256(stream.read(END))
        stream.seek(max(0, known.st_size - END))
        ends.update(stream.read(END))
    return [str(file.resolve()), known.st_size, known.st_mtime_ns, ends.hexdigest()]


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


def _fields(contents: Contents) -> dict[str, Any]:
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
        "report": _report(report),
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
