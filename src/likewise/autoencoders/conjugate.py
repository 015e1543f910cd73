"""Some columns of (XᵀX + Λ)⁻¹ by conjugate gradients: XᵀX is applied row by row, and never made.

The diagonal goes before (Jacobi): with it some ten to fifty steps suffice, and a Cholesky factor of
the most frequent items' block saved fewer steps than it cost. Shapes: I items, C columns.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from likewise.autoencoders.parts import arrays, in_threads, slices

COLUMNS = 64
"""The most columns that a thread solves at a time."""
TOLERANCE = 3e-5
"""The share of a column's residual, in the norm of the inverse diagonal, that may be left."""
MOST_STEPS = 50
"""Where l2 is so weak that more are wanted, they change no ranking."""


def inverse_columns(
    X: Any,
    diagonal: NDArray[np.float32],
    penalty: NDArray[np.float32],
    n_columns: int,
    tolerance: float = TOLERANCE,
) -> NDArray[np.float32]:
    """Return the first columns of (XᵀX + Λ)⁻¹, whatever the threads the same to the last bit.

    Parameters
    ----------
    X : csr_array of shape (U, I)
        Rows.
    diagonal, penalty : ndarray of shape (I,), float32
        The diagonals of XᵀX and of Λ.
    n_columns : int
        C.
    tolerance : float
        See :data:`TOLERANCE`.

    Returns
    -------
    P : ndarray of shape (I, C), float32

    Examples
    --------
    >>> from scipy import sparse
    >>> X, ones = sparse.csr_array([[1.0, 1.0], [0.0, 1.0]]), np.ones(2, np.float32)
    >>> inverse_columns(X, np.array([1, 2], np.float32), ones, 1).round(2)
    array([[ 0.6],
           [-0.2]], dtype=float32)
    """
    from likewise.autoencoders.products import conjugate_gradients  # numba takes half a second

    starts, items, values = arrays(X)
    rows = (starts.view(np.uint64), items.view(np.uint32), values)
    P = np.empty((X.shape[1], n_columns), np.float32)

    def solve(part: slice) -> None:
        P[:, part] = conjugate_gradients(
            rows, diagonal, penalty, part.start, part.stop, tolerance, MOST_STEPS
        )

    for _ in in_threads(solve, slices(n_columns, _at_a_time(n_columns))):
        pass
    return P


def bytes_for(n_items: int, n_columns: int) -> int:
    """Return what :func:`inverse_columns` takes beside P: four blocks of columns, each thread."""
    return 4 * 4 * n_items * min(n_columns, torch.get_num_threads() * _at_a_time(n_columns))


def _at_a_time(n_columns: int) -> int:
    """Cut columns into parts of one size, as even as they can be.

    Examples
    --------
    >>> _at_a_time(200), _at_a_time(0)
    (50, 1)
    """
    return max(1, -(-n_columns // max(1, -(-n_columns // COLUMNS))))
