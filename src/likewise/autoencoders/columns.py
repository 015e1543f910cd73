"""A sparse matrix of columns, some of them whole, the others with a few values each.

Shapes: I items, P whole columns, K values of each other one.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from likewise.autoencoders.parts import as_indptr


def of_columns(
    whole: NDArray[Any],
    groups: NDArray[np.int32],
    by_count: NDArray[np.int32],
    values: NDArray[Any],
) -> Any:
    """Return the matrix of the whole columns, and of those with `values[n]` in `groups[n]`.

    Parameters
    ----------
    whole : ndarray of shape (I, P), float32
        Of the first P items.
    groups : ndarray of shape (I - P, K), int32
        Of each other item, those that its column has values of.
    by_count : ndarray of shape (I,), int32
        The item at each place: rows of `whole`, and the numbers in `groups`, are places.
    values : ndarray of shape (I - P, K), float32
        Of the columns.

    Examples
    --------
    >>> whole, groups = np.ones((3, 1), np.float32), np.array([[0, 1], [1, 2]], np.int32)
    >>> values = np.array([[2, 3], [4, 5]], np.float32)
    >>> of_columns(whole, groups, np.arange(3, dtype=np.int32), values).toarray()
    array([[1., 2., 0.],
           [1., 3., 4.],
           [1., 0., 5.]], dtype=float32)
    """
    (n, p), k = whole.shape, groups.shape[1]
    indptr = as_indptr(np.arange(0, (n - p) * k + 1, k))
    by_column = (values.ravel(), by_count[groups].ravel(), indptr)
    few = sparse.csc_array(by_column, shape=(n, n - p)).tocsr()
    del by_column  # the peak of a fit is here
    lengths = np.column_stack([np.full(n, p), np.diff(few.indptr)])
    first = np.repeat(np.tile([True, False], n), lengths.ravel())  # of each row, the whole ones
    data, indices = np.empty(len(first), np.float32), np.empty(len(first), few.indices.dtype)
    indices[first] = np.tile(by_count[:p], n)
    indices[~first] = by_count[p:][few.indices]
    data[first] = whole[np.argsort(by_count)].ravel()
    data[~first] = few.data
    indptr = as_indptr(few.indptr + p * np.arange(n + 1))
    del few, first
    B = sparse.csr_array((data, indices, indptr), shape=(n, n))
    B.sum_duplicates()
    B.eliminate_zeros()
    return B
