"""Tensors as safetensors: a JSON header, then the bytes of each tensor, without a copy either way.

The header is a function of the names, dtypes and shapes alone. A reader that knows those (from the
configuration) therefore compares the header with the one it expects instead of parsing it, and no
hostile header is ever interpreted. Any safetensors library reads these files; ``safetensors``
itself is not used because its ``load`` and ``save`` copy every tensor.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from mmap import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.artifact.contents import CONFIG, JSON, WEIGHTS, require_keys, shown
from likewise.errors import InputError, ModelFolderError

Buffer = bytes | memoryview

CODES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint8": "U8",
}
"""The dtypes that a model folder may hold, and safetensors' names for them."""

MAX_DIMENSIONS = 8
MAX_LENGTH = 2**40
MAX_ELEMENTS = 2**48
_NAME = re.compile(r"(?!__metadata__$)[A-Za-z0-9_.-]{1,128}")  # safetensors' own word is taken
_BLOCK = 2**20


@dataclass(frozen=True)
class Spec:
    """The dtype and the shape of a tensor.

    Examples
    --------
    >>> Spec("float32", (3, 2)).nbytes
    24
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return np.dtype(self.dtype).itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of the tensor."""
        return self.itemsize * math.prod(self.shape)

    def to_json(self) -> JSON:
        """Return the spec as it stands in the configuration."""
        return {"dtype": self.dtype, "shape": list(self.shape)}

    @classmethod
    def from_json(cls, name: str, record: JSON) -> "Spec":
        """Return the checked spec of the configuration's entry for the tensor `name`.

        Raises
        ------
        ModelFolderError
            If the name, the dtype or the shape is not allowed.
        """
        what = f"{CONFIG}: tensor {shown(name)}"
        if not isinstance(record, dict):
            raise ModelFolderError(f"{what} is {shown(record)}; give its dtype and shape")
        require_keys(record, ["dtype", "shape"], what)
        dtype, shape = record["dtype"], record["shape"]
        if not isinstance(dtype, str) or not isinstance(shape, list):
            raise ModelFolderError(f"{what} has dtype {shown(dtype)} and shape {shown(shape)}")
        if fault := _fault(name, dtype, shape):
            raise ModelFolderError(f"{what} {fault}")
        return cls(dtype, tuple(length for length in shape if isinstance(length, int)))


def ready(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the tensors as they are written: row-major, little-endian, checked.

    Raises
    ------
    InputError
        If a name, dtype or shape is not allowed, or a value is NaN or infinite.
    """
    result = {}
    for name, tensor in tensors.items():
        if fault := _fault(name, tensor.dtype.name, tensor.shape):
            raise InputError(f"tensor {shown(name)} {fault}")
        plain = np.asarray(tensor, dtype=tensor.dtype.newbyteorder("<"), order="C")
        if not is_finite(plain):
            raise InputError(f"tensor {name!r} holds NaN or infinite values; train the model again")
        result[name] = plain
    return result


def specs_of(tensors: Mapping[str, NDArray[Any]]) -> dict[str, Spec]:
    """Return the spec of each tensor."""
    return {name: Spec(tensor.dtype.name, tensor.shape) for name, tensor in tensors.items()}


def layout(specs: Mapping[str, Spec]) -> list[str]:
    """Return the names in the order of their bytes: wide elements first, so that all are aligned.

    Examples
    --------
    >>> layout({"b": Spec("uint8", (3,)), "a": Spec("float32", (1,)), "c": Spec("int64", ())})
    ['c', 'a', 'b']
    """
    return sorted(specs, key=lambda name: (-specs[name].itemsize, name))


def header(specs: Mapping[str, Spec]) -> bytes:
    """Return the safetensors header, padded with spaces to a multiple of 8 bytes."""
    entries, start = {}, 0
    for name in layout(specs):
        spec, end = specs[name], start + specs[name].nbytes
        entries[name] = {
            "dtype": CODES[spec.dtype],
            "shape": spec.shape,
            "data_offsets": [start, end],
        }
        start = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def file_size(specs: Mapping[str, Spec]) -> int:
    """Return the bytes of the weights file, its header included."""
    return len(header(specs)) + sum(spec.nbytes for spec in specs.values())


def encode(tensors: Mapping[str, NDArray[Any]]) -> list[Buffer]:
    """Return the weights file of tensors that are :func:`ready`, in pieces of their own memory."""
    specs = specs_of(tensors)
    return [
        header(specs),
        *(tensors[name].reshape(-1).view(np.uint8).data for name in layout(specs)),
    ]


def decode(data: bytearray | mmap, specs: Mapping[str, Spec]) -> dict[str, NDArray[Any]]:
    """Return the tensors as read-only views of `data`, which has :func:`file_size` bytes.

    Raises
    ------
    ModelFolderError
        If the header is not the one of these specs, or a value is NaN or infinite.
    """
    expected = header(specs)
    offset = len(expected)
    if data[:offset] != expected:
        raise ModelFolderError(
            f"{WEIGHTS}: its header does not list the names, dtypes and shapes of {CONFIG}"
        )
    tensors, block = {}, np.frombuffer(memoryview(data).toreadonly(), np.uint8)
    for name in layout(specs):
        dtype = np.dtype(specs[name].dtype).newbyteorder("<")
        tensors[name] = np.ndarray(specs[name].shape, dtype, buffer=block, offset=offset)
        offset += specs[name].nbytes
        if not is_finite(tensors[name]):
            raise ModelFolderError(f"{WEIGHTS}: tensor {name!r} holds NaN or infinite values")
    return tensors


def is_finite(tensor: NDArray[Any]) -> bool:
    """Return whether no value is NaN or infinite, a block at a time."""
    if tensor.dtype.kind != "f":
        return True
    flat = tensor.reshape(-1)
    return all(
        bool(np.isfinite(flat[start : start + _BLOCK]).all())
        for start in range(0, flat.size, _BLOCK)
    )


def _fault(name: str, dtype: str, shape: Sequence[object]) -> str | None:
    """Say what is wrong with a tensor's name, dtype or shape."""
    lengths = [n for n in shape if type(n) is int and 0 <= n <= MAX_LENGTH]
    if not _NAME.fullmatch(name):
        return "has a name that is not 1 to 128 letters, digits and _ . -"
    if dtype not in CODES:
        return f"has dtype {shown(dtype)}; allowed are {', '.join(CODES)}"
    if len(shape) > MAX_DIMENSIONS:
        return f"has {len(shape)} dimensions; at most {MAX_DIMENSIONS} are allowed"
    if len(lengths) < len(shape):
        return f"has shape {shown(shape)}; lengths are integers from 0 to {MAX_LENGTH}"
    if math.prod(max(n, 1) for n in lengths) > MAX_ELEMENTS:
        return f"has shape {shown(shape)}; at most {MAX_ELEMENTS} elements are allowed"
    return None
