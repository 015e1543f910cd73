"""Interactions: who bought what, as one sparse matrix between two vocabularies.

Shapes: U users, I items. The matrix is CSR and stays CSR: it is never densified as a whole and
never padded to the longest history.
"""

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from likewise.errors import InputError

Ids = NDArray[Any]
"""Outer ids: an int64 array, or an object array of str."""

CSR: TypeAlias = Any
"""A scipy.sparse.csr_array; SciPy ships no types."""


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


@dataclass(frozen=True)
class Interactions:
    """Who bought what: a CSR matrix between a user vocabulary and an item vocabulary.

    Parameters
    ----------
    matrix : csr_array of shape (U, I), float32
        Positive weights; sorted columns, no duplicates, no stored zeros.
    users, items : Vocabulary
        The outer ids of the rows and of the columns.
    titles : ndarray of shape (I,) of str, optional
        A title for each item, empty where there is none.

    Examples
    --------
    >>> log = Interactions.of([["tea", "cup"], ["tea"]])
    >>> log.matrix.toarray()
    array([[1., 1.],
           [0., 1.]], dtype=float32)
    >>> log.items.ids.tolist()
    ['cup', 'tea']
    """

    matrix: CSR
    users: Vocabulary
    items: Vocabulary
    titles: NDArray[Any] | None = None

    def __post_init__(self) -> None:
        if self.matrix.shape != (len(self.users), len(self.items)):
            raise InputError(
                f"the matrix is {self.matrix.shape}, the vocabularies have {len(self.users)} users "
                f"and {len(self.items)} items; give one row a user and one column an item"
            )

    @classmethod
    def of(cls, baskets: Iterable[Iterable[Any]]) -> Self:
        """Make interactions of baskets given as lists of item ids; users are numbered.

        What a basket names twice weighs 2, as in :meth:`Recommender.recommend`.
        """
        rows = listed_baskets(baskets)
        items = as_ids([item for basket in rows for item in basket])
        user = np.repeat(np.arange(len(rows)), [len(basket) for basket in rows])
        vocabulary, item = np.unique(items, return_inverse=True)
        matrix = csr(user, item, np.ones(len(items)), (len(rows), len(vocabulary)))
        return cls(matrix, Vocabulary(np.arange(len(rows))), Vocabulary(vocabulary))

    @classmethod
    def of_matrix(cls, matrix: Any, items: Iterable[Any] | None = None) -> Self:
        """Make interactions of a users x items matrix; ids are the row and column numbers.

        Raises
        ------
        InputError
            If a weight is negative, NaN or infinite.
        """
        checked = checked_csr(matrix)
        n_users, n_items = checked.shape
        vocabulary = Vocabulary(np.arange(n_items)) if items is None else Vocabulary.of(items)
        return cls(checked, Vocabulary(np.arange(n_users)), vocabulary)

    @property
    def n_users(self) -> int:
        """Number of users."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.items)

    @cached_property
    def item_counts(self) -> NDArray[np.int64]:
        """Number of users that bought each item, of shape (I,)."""
        return np.bincount(self.matrix.indices, minlength=self.n_items).astype(np.int64)

    def title(self, row: int) -> str:
        """Return the title of the item at `row`; its id where it has none."""
        title = "" if self.titles is None else str(self.titles[row])
        return title or str(self.items.ids[row])

    def take(self, rows: NDArray[Any]) -> Self:
        """Return the users at `rows` (numbers or a mask), over the same items."""
        return replace(self, matrix=self.matrix[rows], users=Vocabulary(self.users.ids[rows]))

    def with_matrix(self, matrix: CSR) -> Self:
        """Return the same users and items with another matrix."""
        return replace(self, matrix=matrix)

    def only_items(self, columns: NDArray[Any]) -> Self:
        """Return all users over the items at `columns` (numbers or a mask)."""
        return replace(
            self,
            matrix=sorted_csr(self.matrix[:, columns]),
            items=Vocabulary(self.items.ids[columns]),
            titles=None if self.titles is None else self.titles[columns],
        )


def csr(
    rows: NDArray[Any], columns: NDArray[Any], values: NDArray[Any], shape: tuple[int, int]
) -> CSR:
    """Return a float32 CSR matrix of triples; triples of the same cell are summed."""
    matrix = sparse.coo_array((np.asarray(values, dtype=np.float32), (rows, columns)), shape=shape)
    return sorted_csr(matrix.tocsr())


def sorted_csr(matrix: Any) -> CSR:
    """Return the matrix as float32 CSR with sorted columns, no duplicates and no stored zeros."""
    result: CSR = sparse.csr_array(matrix, dtype=np.float32)
    result.sum_duplicates()
    result.eliminate_zeros()
    return result


def checked_csr(matrix: Any) -> CSR:
    """Return a users x items matrix from outside as checked float32 CSR.

    Raises
    ------
    InputError
        If its structure is broken or a weight is negative, NaN or infinite.
    """
    result: CSR = sparse.csr_array(matrix, dtype=np.float32, copy=True)
    if result.ndim != 2:
        raise InputError(f"a matrix of shape {result.shape} was given; give users x items")
    try:
        result.check_format(full_check=True)
    except ValueError as error:
        raise InputError(
            f"the CSR matrix is broken: {error}; build it with scipy.sparse"
        ) from error
    if not np.isfinite(result.data).all() or (result.data < 0).any():
        raise InputError("the matrix holds a negative, NaN or infinite weight; weights are >= 0")
    return sorted_csr(result)
