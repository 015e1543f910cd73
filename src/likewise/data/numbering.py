"""Ids as numbers, batch by batch: a row then holds four bytes, however long its id is."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from likewise.memory import require_memory

INTEGER = np.dtype(np.int64)
LEAST_SLOTS = 1 << 11


class Numbering:
    """Numbers for ids, which are texts or integers: 0 for the first that is seen, and so on.

    An integer is entered as a text of eight bytes.

    Examples
    --------
    >>> numbering = Numbering()
    >>> numbering.numbers(pa.array(["tea", None, "cup"])).to_pylist()
    [0, None, 1]
    >>> numbering.numbers(pa.array(["ink", "tea"])).to_pylist()
    [2, 0]
    >>> numbering.ids.to_pylist()
    ['tea', 'cup', 'ink']
    """

    def __init__(self) -> None:
        self._n_known = 0
        self._known, self._ends = np.empty(1 << 14, np.uint8), np.zeros(1 << 10, np.int64)
        self._slots = np.zeros(LEAST_SLOTS, np.uint64)
        self._is_integer = False

    def numbers(self, ids: pa.Array) -> pa.Array:
        """Return the number of each id of a batch, null where it is null."""
        self._is_integer = pa.types.is_integer(ids.type)
        if not ids.null_count:
            return pa.array(self._numbers(ids))
        there = ids.is_valid().to_numpy(zero_copy_only=False)
        numbers = np.zeros(len(ids), np.int32)
        numbers[there] = self._numbers(ids.drop_null())
        return pa.array(numbers, mask=~there)

    @property
    def ids(self) -> pa.Array:
        """The ids in the order of their numbers."""
        known = self._known[: self._ends[self._n_known]]
        if self._is_integer:
            return pa.array(known.view(INTEGER))
        buffers = [None, pa.py_buffer(self._ends), pa.py_buffer(known)]
        return pa.Array.from_buffers(pa.large_string(), self._n_known, buffers)

    def _numbers(self, ids: pa.Array) -> NDArray[np.int32]:
        from likewise.data.loops import number_texts  # numba takes half a second to import

        text, bounds = _texts(ids)
        numbers = np.empty(len(ids), np.int32)
        first = 0
        while first < len(ids):
            first, self._n_known = number_texts(
                text, bounds, first, numbers, self._slots, self._known, self._ends, self._n_known
            )
            if first < len(ids):
                self._make_room(bounds[first:])
        return numbers

    def _make_room(self, bounds: NDArray[np.int64]) -> None:
        """Make room for the next block of texts, if all of them are new."""
        from likewise.data.loops import BLOCK, enter

        bounds = bounds[: BLOCK + 1]
        n_needed = self._n_known + len(bounds)
        self._ends = _grown(self._ends, n_needed)
        self._known = _grown(self._known, self._ends[self._n_known] + bounds[-1] - bounds[0])
        if 2 * n_needed > len(self._slots):
            self._slots = _zeros(2 * len(self._slots), self._slots.dtype)
            enter(self._known, self._ends, self._n_known, self._slots)


def _texts(ids: pa.Array) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return ids without nulls as bytes and where each begins and ends in them."""
    if pa.types.is_integer(ids.type):
        values = ids.to_numpy()
        return values.view(np.uint8), np.arange(0, values.nbytes + 1, INTEGER.itemsize)
    _, bounds, text = ids.cast(pa.large_string()).buffers()
    places = np.frombuffer(bounds, np.int64)[ids.offset : ids.offset + len(ids) + 1]
    return np.frombuffer(text, np.uint8), places


def _grown(array: NDArray[Any], size: int) -> NDArray[Any]:
    """Return the array with room for so many, and twice as many as it had if it must grow."""
    if size <= len(array):
        return array
    grown = _zeros(max(size, 2 * len(array)), array.dtype)
    grown[: len(array)] = array
    return grown


def _zeros(size: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    require_memory(size * dtype.itemsize, "numbering the log's ids", "read less at once")
    return np.zeros(size, dtype)
