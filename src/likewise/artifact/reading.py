"""Reading a model folder, which nobody vouches for.

Each file is opened once, hashed as it lies in memory and used from there: what was verified is what
is used. The weights lie in memory that is sealed before they are hashed, and that forked processes
share. Nothing is interpreted before its hash is right, nothing is allocated before its size is
known, and only names, keys, types, dtypes and shapes that were expected get through.
"""

import errno
import hashlib
import mmap
import os
import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from likewise.artifact import config, items, strict_json, tensors
from likewise.artifact.contents import (
    CARD,
    CONFIG,
    ITEMS,
    JSON,
    MANIFEST,
    MAX_TEXT,
    METRICS,
    NAMES,
    OPTIONAL,
    WEIGHTS,
    Contents,
    require_keys,
    require_version,
    shown,
)
from likewise.artifact.sealed import CAN_SEAL, sealed_copy
from likewise.artifact.swap import FOLDER, current
from likewise.errors import ModelFolderError
from likewise.memory import require_memory

_OLD_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe would otherwise be waited for
_TEXTS = {CONFIG, METRICS, CARD}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ATTEMPTS = 5
_Data = TypeVar("_Data", bound=bytearray | mmap.mmap)


@dataclass(frozen=True)
class _File:
    size: int
    sha256: str


def read_folder(
    folder: Path | str, *, known_types: Collection[str], what: str = "the model"
) -> Contents:
    """Return the contents of a model folder, verified.

    Parameters
    ----------
    folder : path
        A folder that :func:`likewise.artifact.write_folder` wrote.
    known_types : collection of str
        The names in the table of types; another type is refused.
    what : str
        What is read, as it stands in a refusal of memory.

    Returns
    -------
    Contents
        Its tensors are read-only views of one block of memory, which processes forked later share;
        its items have exactly the columns item, title and count, without nulls.

    Raises
    ------
    ModelFolderError
        If the folder is missing, damaged, foreign, hostile or of another format version.
    NotEnoughMemoryError
        If its files would not fit into memory.
    """
    path = Path(folder).absolute()
    for _ in range(_ATTEMPTS):
        place = current(path)
        before = _identity(place)
        try:
            return _read(place, known_types, what)
        except ModelFolderError as error:
            fault = error
        if _identity(current(path)) == before:
            break
        # A writer put a new folder there meanwhile: read that one.
    raise ModelFolderError(f"model folder {str(folder)!r}: {fault}") from fault


def _read(place: Path, known_types: Collection[str], what: str) -> Contents:
    with _opened(place) as folder:
        files = _manifest(folder)
        read = partial(_verified, folder, files, _whole)
        conf = config.decode(read(CONFIG), known_types)
        _require_sizes(files, conf, what)
        return Contents(
            type=conf.type,
            parameters=conf.parameters,
            tensors=tensors.decode(_verified(folder, files, _shareable, WEIGHTS), conf.specs),
            extra=conf.extra,
            items=None if conf.items is None else items.decode(read(ITEMS), conf.items),
            metrics=strict_json.decode(read(METRICS), METRICS),
            card=_card(read(CARD)),
        )


@contextmanager
def _opened(place: Path) -> Iterator[int]:
    """Give the folder's descriptor; all files are opened through it, so they are of one folder."""
    try:
        descriptor = os.open(place, FOLDER)
    except OSError as error:
        why = error.strerror
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            why = "it is a link or a file; name the model folder itself"
        raise ModelFolderError(f"cannot be opened: {why}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _manifest(folder: int) -> dict[str, _File]:
    """Return what the manifest says of each file, which the files' names and sizes bear out."""
    record = strict_json.decode(_data(folder, MANIFEST, MAX_TEXT, _whole), MANIFEST)
    require_version(record, MANIFEST)
    require_keys(record, ["format_version", "files"], MANIFEST)
    sizes, entries = _sizes(folder), record["files"]
    if not isinstance(entries, dict):
        raise ModelFolderError(f"{MANIFEST}: files is {shown(entries)}; it must be an object")
    require_keys(entries, sizes, f"{MANIFEST}: files")
    files = {name: _file(name, entry) for name, entry in entries.items()}
    for name, size in sizes.items():
        if files[name].size != size:
            raise _damaged(name, f"it has {size} bytes and not {files[name].size}")
    return files


def _sizes(folder: int) -> dict[str, int]:
    """Return the size of each file but the manifest: the expected ones, and regular files all."""
    names = set(os.listdir(folder))
    if unknown := sorted(names - NAMES):
        raise ModelFolderError(f"{shown(unknown[0])} is no part of a model; take it out")
    if missing := sorted(NAMES - OPTIONAL - names):
        raise ModelFolderError(f"{missing[0]} is missing; restore it, or save the model again")
    return {name: _size(folder, name) for name in sorted(names - {MANIFEST})}


def _size(folder: int, name: str) -> int:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        raise ModelFolderError(f"{name} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise ModelFolderError(f"{name} is a link or a folder; it must be a regular file")
    return status.st_size


def _file(name: str, entry: JSON) -> _File:
    what = f"{MANIFEST}: {name}"
    if not isinstance(entry, dict):
        raise ModelFolderError(f"{what} is {shown(entry)}; it must be an object")
    require_keys(entry, ["sha256", "size"], what)
    size, sha256 = entry["size"], entry["sha256"]
    if type(size) is not int or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ModelFolderError(f"{what} has size {shown(size)} and sha256 {shown(sha256)}")
    if size > MAX_TEXT and name in _TEXTS:
        raise ModelFolderError(f"{name} has {size} bytes; at most {MAX_TEXT} are allowed")
    return _File(size, sha256)


def _require_sizes(files: Mapping[str, _File], conf: config.Config, what: str) -> None:
    """Refuse weights of another size than the configuration's, and what would not fit in memory."""
    expected = tensors.file_size(conf.specs)
    if files[WEIGHTS].size != expected:
        raise ModelFolderError(
            f"{WEIGHTS} has {files[WEIGHTS].size} bytes; the tensors of {CONFIG} take {expected}"
        )
    if (conf.items is None) == (ITEMS in files):
        raise ModelFolderError(f"{CONFIG} and the presence of {ITEMS} contradict each other")
    taken = files[WEIGHTS].size + (5 * files[ITEMS].size if conf.items else 0)
    require_memory(taken, f"loading {what}", "free some memory")


def _verified(
    folder: int, files: Mapping[str, _File], copy: Callable[[int, int], _Data], name: str
) -> _Data:
    """Return the bytes that the manifest vouches for."""
    data = _data(folder, name, files[name].size, copy)
    if hashlib.sha256(data).hexdigest() != files[name].sha256:
        raise _damaged(name, "its sha256 is another")
    return data


def _data(folder: int, name: str, limit: int, copy: Callable[[int, int], _Data]) -> _Data:
    """Return a copy of a file that has at most `limit` bytes."""
    _size(folder, name)
    try:
        descriptor = os.open(name, _OLD_FILE, dir_fd=folder)
        try:
            size = os.fstat(descriptor).st_size
            if size > limit:
                raise ModelFolderError(f"{name} has {size} bytes; at most {limit} are allowed")
            return copy(descriptor, size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ModelFolderError(f"{name} cannot be read: {error.strerror}") from error


def _whole(descriptor: int, size: int) -> bytearray:
    data = bytearray(size)
    rest = memoryview(data)
    while rest and (count := os.readv(descriptor, [rest])):  # 2 GiB at most on Linux
        rest = rest[count:]
    return data


def _shareable(descriptor: int, size: int) -> bytearray | mmap.mmap:
    return sealed_copy(descriptor, size) if CAN_SEAL else _whole(descriptor, size)


def _card(data: bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ModelFolderError(f"{CARD} is not UTF-8 text: {error.reason}") from error


def _damaged(name: str, why: str) -> ModelFolderError:
    return ModelFolderError(
        f"{name} is not the file that {MANIFEST} describes: {why}; "
        "restore the folder from a copy, or save the model again"
    )


def _identity(place: Path) -> tuple[int, int] | None:
    try:
        status = place.lstat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
