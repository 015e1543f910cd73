"""Whether a ridge leaves anything of a factorisation: beyond a bound the best vectors are all 0."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_TURNS = 100
"""Turns of power iteration; a ridge that is far from the bound is told from it in one or two."""


def bound_reached(rows: Any, unobserved_weight: float, l2: float) -> float | None:
    """Return the bound of `l2` if `l2` has reached it, else None.

    With weights n + α I of rows and n + α B of items, the loss is the least at vectors of 0 just if
    `l2` is at least the largest singular value of the rows, each value divided by the square root
    of its row's weight and of its item's. Every estimate of that is at most the value itself, so
    the first that is above `l2` will do.

    Parameters
    ----------
    rows : csr_array of shape (B, I)
        Without zeros.
    unobserved_weight : float
        α.
    l2 : float
        Ridge penalty of a value.

    Examples
    --------
    >>> from scipy import sparse
    >>> rows = sparse.csr_array(np.ones((2, 2)))  # a singular value of 2, weights of 2 + ½ 2
    >>> bound_reached(rows, 0.5, 0.6), round(bound_reached(rows, 0.5, 1.0), 3)
    (None, 0.667)
    """
    if not rows.nnz:  # 0 is what such rows are
        return None
    of_rows, of_items = _roots(rows, unobserved_weight), _roots(rows.T, unobserved_weight)
    along = np.random.RandomState(0).normal(size=rows.shape[1])
    bound = 0.0
    for _ in range(MOST_TURNS):
        along /= np.linalg.norm(along)
        there = (rows @ (along / of_items)) / of_rows
        bound = max(bound, float(np.linalg.norm(there)))
        if bound > l2:
            return None
        along = (rows.T @ (there / of_rows)) / of_items
    return bound


def _roots(rows: Any, unobserved_weight: float) -> NDArray[np.float64]:
    """Return the square root of what each row weighs: its values, and a little for all others."""
    roots: NDArray[np.float64] = np.sqrt(
        rows.count_nonzero(axis=1) + unobserved_weight * rows.shape[1]
    )
    return roots
