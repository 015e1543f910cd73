"""A small ridge regression for each row, compiled: solved, or brought nearer to its solution.

Where it is solved products and factors are BLAS's and LAPACK's. Shapes: I items, L latent.
"""

from typing import Any

import numpy as np

from likewise.autoencoders.products import add_named
from likewise.compiling import compiled

LEAST = 1e-12
"""Of the square of Vᵣᵀx: what is left of a system below that is float32's rounding."""


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


@compiled(fastmath=True)
def improve_rows(
    rows: Any, some: Any, vectors: Any, shared: Any, l2: float, n_steps: int, codes: Any
) -> None:
    """Bring codes nearer to what `solve_rows` writes, by conjugate gradients from where they are.

    A step costs a row that names n items some 4 L n + 2 L² operations, where solving it costs
    2 L² n + L³ / 3; nothing is gathered. Parameters are those of `solve_rows`.
    """
    starts, items, values = rows
    n_latent = len(shared)
    left, along = np.empty(n_latent, np.float32), np.empty(n_latent, np.float32)
    product = np.empty(n_latent, np.float32)
    for r in range(some[0], some[1]):
        named, h = items[starts[r] : starts[r + 1]], codes[r]
        if not len(named):
            h[:] = 0
            continue
        ridge = np.float32(l2 * len(named))
        left[:] = 0
        add_named(items, values, starts[r], starts[r + 1], vectors, left)
        least = LEAST * _inner(left, left)
        _apply(named, vectors, shared, ridge, h, product)
        for k in range(n_latent):
            left[k] -= product[k]
        _descend(named, vectors, shared, ridge, n_steps, least, left, along, product, h)


@compiled(fastmath=True)
def _descend(
    named: Any, vectors: Any, shared: Any, ridge: Any, n_steps: int, least: float,
    left: Any, along: Any, product: Any, h: Any,
) -> None:  # fmt: skip
    """Move h along conjugate directions, of which the first is what is left of the system."""
    scale = np.sqrt(_inner(left, left))
    if scale == 0:
        return
    for k in range(len(h)):  # of length 1, as its products are to be held by float32
        left[k] /= scale
        along[k] = left[k]
    square = 1.0
    for _ in range(n_steps):
        if square * scale**2 <= least:  # the rest is rounding, which steps would only enlarge
            break
        _apply(named, vectors, shared, ridge, along, product)
        curvature = _inner(along, product)
        if not curvature > 0:  # rounding, or more than float32 holds: refused where asked for
            break
        length = square / curvature
        for k in range(len(h)):
            h[k] += np.float32(scale * length) * along[k]
            left[k] -= np.float32(length) * product[k]
        before, square = square, _inner(left, left)
        for k in range(len(h)):
            along[k] = left[k] + np.float32(square / before) * along[k]


@compiled(fastmath=True)
def _inner(a: Any, b: Any) -> float:
    """Return ⟨a, b⟩ in float64: float32 does not hold the squares of all that it holds."""
    total = 0.0
    for k in range(len(a)):
        total += np.float64(a[k]) * np.float64(b[k])
    return total


@compiled(fastmath=True)
def _apply(items: Any, vectors: Any, shared: Any, ridge: Any, h: Any, out: Any) -> None:
    """Write (S + VᵣᵀVᵣ + ridge) h, Vᵣ the vectors of these items."""
    for k in range(len(h)):
        out[k] = ridge * h[k]
    add_named(np.arange(len(h)), h, 0, len(h), shared, out)
    told = np.empty(len(items), np.float32)
    for n in range(len(items)):
        vector, total = vectors[items[n]], np.float32(0)
        for k in range(len(h)):
            total += vector[k] * h[k]
        told[n] = total
    add_named(items, told, 0, len(items), vectors, out)


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
