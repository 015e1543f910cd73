"""A small ridge regression for each row, compiled; products and factors are BLAS's and LAPACK's."""

from typing import Any

import numpy as np

from likewise.compiling import compiled


@compiled()
def solve_rows(
    rows: Any, some: Any, vectors: Any, shared: Any, l2: float, at_a_time: int, codes: Any
) -> None:
    """Write (S + VᵣᵀVᵣ + l2 n)⁻¹ Vᵣᵀx for some rows x, Vᵣ the vectors of its n values.

    Parameters
    ----------
    rows : tuple of ndarray
        The three arrays of CSR: indptr, indices, data (float32).
    some : tuple of int
        The first row, and the one behind the last.
    vectors : ndarray of shape (I, L), float32
        V.
    shared : ndarray of shape (L, L), float32
        S, symmetric.
    l2 : float
        Ridge penalty of a value.
    at_a_time : int
        Vectors that are gathered at once, of a row that names many.
    codes : ndarray of shape (rows, L), float32
        Written to.
    """
    starts, items, values = rows
    n_latent = len(shared)
    for r in range(some[0], some[1]):
        start, end = starts[r], starts[r + 1]
        A, h = shared.copy(), codes[r]
        h[:] = 0
        if start == end:
            continue
        for first in range(start, end, at_a_time):
            last = min(end, first + at_a_time)
            named = vectors[items[first:last]]
            A += np.dot(named.T, named)
            h += np.dot(values[first:last], named)
        ridge = np.float32(l2 * (end - start))
        for k in range(n_latent):
            A[k, k] += ridge
        _solve(np.linalg.cholesky(A), h)


@compiled()
def _solve(factor: Any, h: Any) -> None:
    """Turn h into (factor factorᵀ)⁻¹ h."""
    for i in range(len(h)):
        total = h[i]
        for j in range(i):
            total -= factor[i, j] * h[j]
        h[i] = total / factor[i, i]
    for i in range(len(h) - 1, -1, -1):
        h[i] /= factor[i, i]
        for j in range(i):
            h[j] -= factor[i, j] * h[i]
