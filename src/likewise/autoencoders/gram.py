"""The Gram matrix of sparse rows.

Rows of many values and rows of few are multiplied in different ways: a row of n values costs n²
scattered additions as a sparse product, and I² streamed ones as part of a dense product. Each row
goes where it is cheaper.

Shapes: U rows, I columns.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

SCATTERED_PER_STREAMED = 320.0
"""How many times dearer a scattered addition is than a streamed one (bench/gram.py)."""

DENSE_BLOCK_BYTES = 64 * 1024**2
MIN_WIDTH = 256
"""Columns of a product below which it no longer runs at full speed."""


def gram(X: Any, row_weights: NDArray[np.float32] | None = None) -> Tensor:
    """Return XᵀDX of a CSR matrix or an array, dense, float32, of shape (I, I).

    Parameters
    ----------
    X : csr_array or ndarray of shape (U, I)
        The rows.
    row_weights : ndarray of shape (U,), optional
        D, a weight for each row; ones if None.

    Examples
    --------
    >>> gram(sparse.csr_array([[1.0, 1, 0], [1, 0, 0]]))
    tensor([[2., 1., 0.],
            [1., 1., 0.],
            [0., 0., 0.]])
    """
    rows = sparse.csr_array(X, dtype=np.float32)
    if row_weights is not None:
        scale = np.sqrt(row_weights).astype(np.float32)
        rows = sparse.csr_array(rows.multiply(scale[:, None]), dtype=np.float32)
    n_columns = rows.shape[1]
    is_long = np.diff(rows.indptr).astype(np.float64) ** 2 * SCATTERED_PER_STREAMED > n_columns**2
    G = torch.zeros(n_columns, n_columns)
    short = rows[~is_long]
    if short.nnz:
        G += torch.from_numpy((short.T @ short).toarray())
    for block in _dense_blocks(rows[is_long]):
        _add_upper_products(G, block)
    return G.triu_().add_(G.triu(1).T)


def _add_upper_products(G: Tensor, block: Tensor) -> None:
    """Add blockᵀ block to the blocks of G on and above the diagonal: the others mirror them."""
    width = max(MIN_WIDTH, -(-len(G) // 8))
    for start in range(0, len(G), width):
        left = block[:, start : start + width]
        G[start : start + width, start:].addmm_(left.T, block[:, start:])


def _dense_blocks(rows: Any) -> Any:
    size = max(1, DENSE_BLOCK_BYTES // (4 * max(rows.shape[1], 1)))
    for start in range(0, rows.shape[0], size):
        yield torch.from_numpy(rows[start : start + size].toarray())
