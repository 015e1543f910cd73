"""Arrays of images and labels in .npz files, without pickles."""

import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from likewise.errors import InputError
from likewise.memory import require_memory

IMAGES = ("images", "X", "x", "x_train", "pixels", "data", "arr_0")
LABELS = ("labels", "y", "y_train", "targets", "arr_1")
"""Names that the arrays may have; the first that is there counts."""

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the images and, where there are any, the labels.

    Raises
    ------
    InputError
        If it is no .npz, has no array of images, or an array holds Python objects or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            images = next((name for name in IMAGES if name in names), None)
            if images is None:
                raise InputError(
                    f"{path} has the arrays {', '.join(sorted(names)) or '(none)'}; "
                    f"call the one of images {IMAGES[0]}, and the one of labels {LABELS[0]}"
                )
            labels = next((name for name in LABELS if name in names), None)
            pixels = _array(archive, images, path)
            return pixels, None if labels is None else _array(archive, labels, path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path} is no sound .npz file: {error}") from error


def _array(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any]:
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as file:
        shape, dtype = _header(file, f"{path}: the array {name}")
        held = entry.file_size - file.tell()
        if prod(shape) * dtype.itemsize != held:
            raise InputError(
                f"{path}: the array {name} is damaged: {held:,} bytes for shape {shape}"
            )
    require_memory(
        held + 4 * prod(shape), f"reading {name} of {path}, of shape {shape}", "give fewer images"
    )
    with archive.open(entry) as file:
        array: NDArray[Any] = npy.read_array(file)
    return array


def _header(file: IO[bytes], what: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        version = npy.read_magic(file)
        shape, _, dtype = _HEADERS[version](file)
    except (ValueError, KeyError) as error:
        raise InputError(f"{what} is damaged: its header cannot be read") from error
    if dtype.hasobject:
        raise InputError(f"{what} holds Python objects, which are never read; save plain numbers")
    return shape, dtype
