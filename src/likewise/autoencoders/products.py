"""x B of sparse rows, row by row: the sum of the rows of B that a row names."""

from typing import Any

import numpy as np

from likewise.compiling import compiled


@compiled()
def add_rows(given: Any, matrix: Any, scores: Any) -> None:
    """Add to each row of `scores` the rows of a sparse matrix that a given row names: x B.

    Parameters
    ----------
    given, matrix : tuple of ndarray
        x and B as the three arrays of CSR: indptr, indices, data.
    scores : ndarray of shape (B, I), float32
        Added to.
    """
    starts, items, weights = given
    row_starts, others, values = matrix
    for r in range(len(scores)):
        row = scores[r]
        for n in range(starts[r], starts[r + 1]):
            for place in range(row_starts[items[n]], row_starts[items[n] + 1]):
                row[others[place]] += weights[n] * values[place]


@compiled(fastmath=True)
def add_dense_rows(given: Any, matrix: Any, scores: Any) -> None:
    """Add to each row of `scores` the rows of a dense matrix that a given row names: x B.

    Four at a time, so that a score is read and written once for them.

    Parameters
    ----------
    given : tuple of ndarray
        x as the three arrays of CSR: indptr, indices, data.
    matrix : ndarray of shape (J, I), float32
        B.
    scores : ndarray of shape (B, I), float32
        Added to.
    """
    starts, items, weights = given
    for r in range(len(scores)):
        row, n, end = scores[r], np.int64(starts[r]), np.int64(starts[r + 1])
        while n + 4 <= end:
            a, b, c, d = weights[n], weights[n + 1], weights[n + 2], weights[n + 3]
            first, second = matrix[items[n]], matrix[items[n + 1]]
            third, fourth = matrix[items[n + 2]], matrix[items[n + 3]]
            for i in range(len(row)):
                row[i] += a * first[i] + b * second[i] + c * third[i] + d * fourth[i]
            n += 4
        while n < end:
            weight, only = weights[n], matrix[items[n]]
            for i in range(len(row)):
                row[i] += weight * only[i]
            n += 1
