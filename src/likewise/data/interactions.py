"""Interactions: who bought what, as one sparse matrix between two vocabularies.

Shapes: U users, I items. The matrix is CSR and stays CSR: it is never densified as a whole and
never padded to the longest history.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from likewise.data.vocabulary import Vocabulary, as_ids, listed_baskets
from likewise.errors import InputError

CSR: TypeAlias = Any
"""A scipy.sparse.csr_array; SciPy ships no types."""


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
    """Return a float32 CSR matrix of triples; triples of the same cell are summed.

    Raises
    ------
    InputError
        If a sum is more than a float32 holds.
    """
    matrix = sparse.coo_array((np.asarray(values, dtype=np.float32), (rows, columns)), shape=shape)
    summed = sorted_csr(matrix.tocsr())
    if not np.isfinite(summed.data).all():
        raise InputError(
            "the weights of a user and an item sum to more than 3.4e38, the most that a weight may "
            "be; give smaller ones"
        )
    return summed


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
