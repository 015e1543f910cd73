"""Writing a model folder: everything is checked, then written and synced, then swapped in."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from likewise.artifact import config, items, strict_json, tensors
from likewise.artifact.contents import (
    CARD,
    CONFIG,
    FORMAT_VERSION,
    ITEMS,
    JSON,
    MANIFEST,
    MAX_TEXT,
    METRICS,
    WEIGHTS,
    Contents,
)
from likewise.artifact.swap import replacing
from likewise.artifact.tensors import Buffer
from likewise.errors import InputError, MachineError

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def write_folder(folder: Path | str, contents: Contents) -> None:
    """Write a model folder, in place of the one that is there.

    A crash at any instant leaves the old folder or the new one, whole. The same contents give the
    same bytes. Tensors are written from where they are, without a copy.

    Parameters
    ----------
    folder : path
        A new folder, or a model folder to replace; its parent must be there.
    contents : Contents
        What to write.

    Raises
    ------
    InputError
        If `folder` is there and is no model folder, or the contents could not be read back.
        Nothing was touched.
    MachineError
        If the machine cannot write: no space, no permission. A model that was there is whole.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from likewise.artifact import read_folder
    >>> contents = Contents("linear", {"l2": 100.0}, {"B": np.eye(2)}, {}, None, {}, "# A model")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_folder(f"{folder}/shop.model", contents)
    ...     read_folder(f"{folder}/shop.model", known_types=["linear"]).parameters
    {'l2': 100.0}
    """
    path = Path(folder).absolute()
    files = _files(contents)
    try:
        with replacing(path) as stage:
            manifest = {name: _write(stage / name, buffers) for name, buffers in files.items()}
            _write(stage / MANIFEST, [_manifest(manifest)])
    except OSError as error:
        raise MachineError(
            f"cannot save the model to {str(folder)!r}: {error.strerror or error}; make room there "
            "or name another folder (a model that was there is still whole)"
        ) from error


def _files(contents: Contents) -> dict[str, list[Buffer]]:
    """Return the bytes of every file but the manifest; refuse what could not be read back."""
    table = None if contents.items is None else items.ready(contents.items)
    ready = replace(contents, tensors=tensors.ready(contents.tensors), items=table)
    files: dict[str, list[Buffer]] = {
        CONFIG: [config.encode(ready)],
        WEIGHTS: tensors.encode(ready.tensors),
        METRICS: [strict_json.encode(ready.metrics, "the metrics")],
        CARD: [_card(ready.card)],
    }
    return files if table is None else files | {ITEMS: [items.encode(table)]}


def _card(card: str) -> bytes:
    try:
        text = card.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"the model card is not valid text: {error.reason}") from error
    if len(text) > MAX_TEXT:
        raise InputError(f"the model card has {len(text)} bytes; at most {MAX_TEXT} are allowed")
    return text


def _manifest(files: Mapping[str, JSON]) -> bytes:
    return strict_json.encode({"format_version": FORMAT_VERSION, "files": dict(files)}, MANIFEST)


def _write(path: Path, buffers: Iterable[Buffer]) -> JSON:
    """Write and sync a new file; return what the manifest says about it."""
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(path, _NEW_FILE, 0o666)
    try:
        for buffer in buffers:
            digest.update(buffer)
            size += len(buffer)
            _write_whole(descriptor, memoryview(buffer))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return {"sha256": digest.hexdigest(), "size": size}


def _write_whole(descriptor: int, rest: memoryview) -> None:
    """Write all of it: one call may write only a part (2 GiB at most on Linux)."""
    while rest:
        rest = rest[os.write(descriptor, rest) :]
