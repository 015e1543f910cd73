"""Ids that go in and come out, and the row numbers that stand for them inside."""

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from likewise.errors import InputError

Ids = NDArray[Any]
"""Outer ids: an int64 array, or an object array of str."""


@dataclass(frozen=True)
class Vocabulary:
    """The outer ids of users or items; an id's row number is its place here.

    An id is known by its text, so ``536365`` and ``"536365"`` are the same id, while ``"007"`` and
    ``7`` are two. Ids go out as they came in: all integers or all strings.

    Parameters
    ----------
    ids : ndarray of shape (n,)
        Distinct ids: int64, or object holding str.

    Examples
    --------
    >>> vocabulary = Vocabulary.of(["tea", "cup"])
    >>> vocabulary.encode(["cup", "saucer"])
    array([ 1, -1])
    >>> vocabulary.decode([1, 0]).tolist()
    ['cup', 'tea']
    """

    ids: Ids

    @classmethod
    def of(cls, ids: Iterable[Any]) -> Self:
        """Make a vocabulary of distinct ids, in the order given.

        Raises
        ------
        InputError
            If an id occurs twice, or integers and strings are mixed.
        """
        vocabulary = cls(as_ids(listed(ids, "ids")))
        if len(vocabulary._rows) != len(vocabulary.ids):
            raise InputError("an id occurs twice in a vocabulary; give each id once")
        return vocabulary

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and np.array_equal(self.ids, other.ids)

    def __hash__(self) -> int:
        return hash((len(self.ids), str(self.ids[:1])))

    def encode(self, ids: Iterable[Any]) -> NDArray[np.int64]:
        """Return the row number of each id, -1 where it is unknown."""
        rows = self._rows
        return np.fromiter((rows.get(str(id_), -1) for id_ in ids), dtype=np.int64)

    def decode(self, rows: Sequence[int] | NDArray[np.integer[Any]]) -> Ids:
        """Return the ids at these row numbers; None, in an array of objects, for -1."""
        places = np.asarray(rows)
        ids: Ids = self.ids[places]
        if (absent := places < 0).any():
            ids = ids.astype(object)
            ids[absent] = None
        return ids

    @cached_property
    def arrow(self) -> pa.Array:
        """The ids as an Arrow array."""
        return pa.array(self.ids)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {str(id_): row for row, id_ in enumerate(self.ids.tolist())}


def listed(given: Any, name: str, ask: str = "a list of item ids: ['tea', 'cup']") -> list[Any]:
    """Return what was given as a list; refuse a text, which would be taken apart into letters.

    Examples
    --------
    >>> listed(("tea", "cup"), "items")
    ['tea', 'cup']
    >>> listed("tea", "items")
    Traceback (most recent call last):
        ...
    likewise.errors.InputError: items is 'tea'; give a list of item ids: ['tea', 'cup']
    """
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise InputError(f"{name} is {reprlib.repr(given)}; give {ask}")
    return list(given)


def listed_baskets(given: Any) -> list[list[Any]]:
    """Return baskets as lists; refuse what is none, and a basket that is none."""
    ask = "a list of baskets, each a list of item ids: [['tea', 'cup'], ['ink']]"
    return [listed(basket, "a basket", ask) for basket in listed(given, "baskets", ask)]


def as_ids(ids: Sequence[Any] | NDArray[Any]) -> Ids:
    """Return ids as an int64 array, or an object array of str, whichever they are.

    Raises
    ------
    InputError
        If integers and strings are mixed, or an id is neither, or has more than 64 bits.

    Examples
    --------
    >>> as_ids([3, 1])
    array([3, 1])
    >>> as_ids(["a", 1])
    Traceback (most recent call last):
        ...
    likewise.errors.InputError: ids mix str and int (such as 'a' and 1); make them all one kind
    """
    if isinstance(ids, np.ndarray) and ids.dtype.kind == "i" and ids.ndim == 1:
        return ids.astype(np.int64)
    values = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
    examples = {type(value): value for value in reversed(values)}
    texts: list[Any] = []
    numbers: list[Any] = []
    for kind, value in examples.items():
        if not issubclass(kind, str | int | np.integer):
            raise InputError(f"an id is {value!r} ({kind.__name__}); ids are strings or integers")
        (texts if issubclass(kind, str) else numbers).append(value)
    if texts and numbers:
        raise InputError(
            f"ids mix str and int (such as {texts[0]!r} and {numbers[0]!r}); make them all one kind"
        )
    return _int64(values) if numbers else np.array(values, dtype=object)


def _int64(values: list[Any]) -> NDArray[np.int64]:
    try:
        return np.array(values, dtype=np.int64)
    except OverflowError as error:
        widest = max(values, key=abs)
        raise InputError(
            f"an id is {widest}, and integer ids have 64 bits at most; give it as a string"
        ) from error
