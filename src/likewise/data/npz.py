"""Arrays of images and labels in .npz and .npy files, without pickles."""

import zipfile
import zlib
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from likewise.errors import InputError
from likewise.memory import require_memory

IMAGES = {
    "train": ("images", "X", "x", "x_train", "X_train", "train_images", "pixels", "data", "arr_0"),
    "test": ("x_test", "X_test", "test_images"),
}
LABELS = {
    "train": ("labels", "y", "y_train", "train_labels", "targets", "arr_1"),
    "test": ("y_test", "test_labels"),
}
"""Names that the arrays of a part may have; the first that is there counts."""

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def is_one(path: Path) -> bool:
    """Say whether a path is that of an .npz file."""
    return path.suffix.lower() == ".npz" and path.is_file()


def holds(path: Path, part: str) -> bool:
    """Say whether a path is that of an .npz file with images of a part."""
    if not is_one(path) or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return not {f"{name}.npy" for name in IMAGES[part]}.isdisjoint(archive.namelist())


def read(path: Path, part: str = "train") -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return the images of a part, "train" or "test", and, where there are any, the labels.

    Raises
    ------
    InputError
        If it is no .npz, has no array of images, or an array holds Python objects or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            images = next((name for name in IMAGES[part] if name in names), None)
            if images is None:
                held = ", ".join(sorted(names)) or "(none)"
                raise InputError(
                    f"{path} has the arrays {held}; call the one of images {IMAGES[part][0]}, "
                    f"and the one of labels {LABELS[part][0]}"
                )
            labels = next((name for name in LABELS[part] if name in names), None)
            pixels = _array(archive, images, path)
            return pixels, None if labels is None else _array(archive, labels, path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path} is no sound .npz file: {error}") from error


def _array(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any]:
    try:
        entry = archive.getinfo(f"{name}.npy")
    except KeyError as error:
        raise InputError(f"{path}: {name} is no array of NumPy's") from error
    what = f"{path}: the array {name}"
    return _sound(lambda: archive.open(entry), entry.file_size, what, f"{name} of {path}")


def read_npy(path: Path) -> NDArray[Any]:
    """Return the array of an .npy file.

    Raises
    ------
    InputError
        If it holds Python objects or is damaged.
    """
    return _sound(lambda: path.open("rb"), path.stat().st_size, f"{path}: the array", str(path))


def _sound(opened: Callable[[], IO[bytes]], size: int, what: str, name: str) -> NDArray[Any]:
    """Return an array once its header was found to say how much is there, and that it fits."""
    with opened() as file:
        shape, dtype = _header(file, what)
        held = size - file.tell()
        if prod(shape) * dtype.itemsize != held:
            raise InputError(f"{what} is damaged: {held:,} bytes for shape {shape}")
    require_memory(held + 4 * prod(shape), f"reading {name}, of shape {shape}", "give fewer images")
    with opened() as file:
        array: NDArray[Any] = npy.read_array(file)
    return array


def _header(file: IO[bytes], what: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    try:
        version = npy.read_magic(file)
        shape, _, dtype = _HEADERS[version](file)
    except Exception as error:  # a hostile header fails in many ways inside NumPy
        raise InputError(f"{what} is damaged: its header cannot be read") from error
    if dtype.subdtype or not all(type(n) is int and n >= 0 for n in shape):
        raise InputError(f"{what} is damaged: its header says {dtype} of shape {shape}")
    if dtype.hasobject:
        raise InputError(f"{what} holds Python objects, which are never read; save plain numbers")
    return shape, dtype
