"""Sparse rows times dense or sparse matrices, row by row: x B, XᵀX D, what these solve, and XᵀX."""

from typing import Any

import numpy as np

from likewise.compiling import compiled

EXACT = 1 << 24
"""Ones that float32 can count: of more, each so many are summed apart."""


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
        add_named(items, weights, starts[r], starts[r + 1], matrix, scores[r])


@compiled(fastmath=True)
def add_named(items: Any, weights: Any, start: int, stop: int, matrix: Any, row: Any) -> None:
    """Add the rows of a dense matrix that the values from `start` to `stop` name, times these."""
    n, end = np.int64(start), np.int64(stop)
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


@compiled(fastmath=True)
def conjugate_gradients(
    rows: Any, diagonal: Any, penalty: Any, first: int, stop: int, tolerance: float, most_steps: int
) -> Any:
    """Return columns `first` to `stop` of (XᵀX + Λ)⁻¹; shape (I, stop - first), float32.

    A column that is near enough stands still until the last one is.
    See :func:`likewise.autoencoders.conjugate.inverse_columns`.
    """
    shape, inverse = (len(diagonal), stop - first), 1 / (diagonal + penalty)
    P, R = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    D, Q = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for c in range(stop - first):
        R[first + c, c] = 1
    least, before = tolerance**2 * inverse[first:stop].astype(np.float64), np.ones(stop - first)
    for step in range(most_steps):
        square = _products(R, R, inverse)
        if (square <= least).all():
            break
        along = _ratios(square if step else 0 * square, before, least)
        for i in range(len(D)):
            for c in range(len(along)):
                D[i, c] = inverse[i] * R[i, c] + along[c] * D[i, c]
                Q[i, c] = penalty[i] * D[i, c]
        add_gram(rows, D, Q)
        length = _ratios(square, _products(D, Q, np.ones_like(inverse)), least)
        for i in range(len(D)):
            for c in range(len(length)):
                P[i, c] += length[c] * D[i, c]
                R[i, c] -= length[c] * Q[i, c]
        before = square
    return P


@compiled(fastmath=True)
def _products(A: Any, B: Any, weight: Any) -> Any:
    """Return the weighted inner product of each column of A with that of B, in float64."""
    total = np.zeros(A.shape[1])
    for i in range(len(A)):
        for c in range(len(total)):
            total[c] += A[i, c] * weight[i] * B[i, c]
    return total


@compiled()
def _ratios(square: Any, divisor: Any, least: Any) -> Any:
    """Return square / divisor; 0 of columns that are near enough."""
    ratios = np.zeros(len(square), np.float32)
    for c in range(len(square)):
        if square[c] > least[c]:
            ratios[c] = square[c] / divisor[c]
    return ratios


@compiled(fastmath=True)
def add_gram(rows: Any, D: Any, Q: Any) -> None:
    """Add XᵀX D to Q: what a row's items have in D is summed, and added to each of them."""
    starts, items, values = rows
    total = np.empty(D.shape[1], np.float32)
    for r in range(len(starts) - 1):
        total[:] = 0
        add_named(items, values, starts[r], starts[r + 1], D, total)
        for place in range(starts[r], starts[r + 1]):
            value, only = values[place], Q[items[place]]
            for i in range(len(total)):
                only[i] += value * total[i]


@compiled()
def add_pairs(
    part: Any, first: int, starts: Any, places: Any, ends: Any, items: Any, values: Any
) -> None:
    """Add the upper triangle of rowsᵀ rows to some of its rows.

    Row `first + r` of the product is gathered in `part[r]`: each row of the data that holds the
    item adds what stands at the item's own place and behind it. No other part writes there.

    Parameters
    ----------
    part : ndarray of shape (R, I), float32
        Rows of the product; added to.
    starts : ndarray of shape (I + 1,)
        Where an item begins in `places`.
    places, ends : ndarray of shape (nnz,)
        For each purchase of an item, its place in `items`, and where its row ends there.
    items, values : ndarray of shape (nnz,)
        The rows' items, sorted, and values.
    """
    for r in range(part.shape[0]):
        start, stop = starts[first + r], starts[first + r + 1]
        _add_pairs_of(part[r], start, min(stop, start + EXACT), places, ends, items, values)
        for begin in range(start + EXACT, stop, EXACT):
            apart = np.zeros_like(part[r])
            _add_pairs_of(apart, begin, min(stop, begin + EXACT), places, ends, items, values)
            part[r] += apart


@compiled()
def _add_pairs_of(
    target: Any, start: int, stop: int, places: Any, ends: Any, items: Any, values: Any
) -> None:
    """Add what one item shares with those behind it in the rows of some of its purchases."""
    for n in range(start, stop):
        value = values[places[n]]
        for other in range(places[n], ends[n]):
            target[items[other]] += value * values[other]
