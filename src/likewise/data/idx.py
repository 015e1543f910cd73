"""idx files, plain or gzipped: the format that MNIST comes in (LeCun and Cortes)."""

import gzip
import zlib
from math import prod
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from likewise.errors import InputError
from likewise.memory import require_memory

Bytes = NDArray[np.uint8]
_BYTES, _MAX_DIMENSIONS = 8, 4


def read(path: Path) -> tuple[Bytes, Bytes | None]:
    """Return images, and the labels that lie beside them where they do.

    Raises
    ------
    InputError
        If a file is no idx file of bytes, or is longer or shorter than its header says.
    """
    beside = path.with_name(path.name.replace("-images-idx3", "-labels-idx1"))
    there = beside != path and beside.exists()
    return read_array(path), read_array(beside) if there else None


def read_array(path: Path) -> Bytes:
    """Return the array that one idx file holds.

    Raises
    ------
    InputError
        If it is no idx file of bytes, or is longer or shorter than its header says.
    """
    try:
        with _opened(path) as file:
            return _array(file, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged: {error}; fetch it again") from error


def _opened(path: Path) -> IO[Any]:
    return cast("IO[Any]", gzip.open(path)) if path.suffix.lower() == ".gz" else path.open("rb")


def _array(file: IO[Any], path: Path) -> Bytes:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or not 1 <= head[3] <= _MAX_DIMENSIONS:
        raise InputError(
            f"{path} is no idx file; give a folder of PNG and JPEG files, an .npz or an idx file"
        )
    if head[2] != _BYTES:
        raise InputError(f"{path} holds values of idx type {head[2]:#04x}; bytes (0x08) are read")
    sides = file.read(4 * head[3])
    if len(sides) < 4 * head[3]:
        raise InputError(f"{path} is damaged: it ends within its header; fetch it again")
    shape = tuple(np.frombuffer(sides, ">u4").tolist())
    size = prod(shape)
    require_memory(6 * size, f"reading {path} of shape {shape}", "give a smaller part of it")
    data = file.read(size + 1)
    if len(data) != size:
        has = "more" if len(data) > size else f"{len(data):,}"
        raise InputError(
            f"{path} is damaged: its header says {size:,} bytes of shape {shape}, it has {has}"
        )
    return np.frombuffer(data, np.uint8).reshape(shape)
