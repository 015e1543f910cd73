"""The Gram matrix of sparse rows.

Rows of many values and rows of few are multiplied in different ways: a row of n values costs n²
scattered additions as a sparse product, and I² streamed ones as part of a dense product. Each row
goes where it is cheaper. Of both, only what is on and above the diagonal is computed.

Shapes: U rows, I columns.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from likewise.autoencoders.parts import arrays, in_threads, parts_of, slices

SCATTERED_PER_STREAMED = 80.0
"""How many times dearer a scattered addition is than a streamed one."""

GRAM_BYTES = 64 * 1024**2
"""Rows made dense at a time."""

PAIRS_AT_A_TIME = 2**22
"""Additions of one part of the sparse product."""

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
    if not is_long.any():
        _add_sparse_product(G, rows)
    else:
        _add_sparse_product(G, rows[~is_long])
        for block in _dense_blocks(rows[is_long]):
            _add_upper_product(G, block)
    _mirror(G)
    return G


def column_counts(X: Any) -> NDArray[np.float64]:
    """Return in how many rows each column is not 0, of shape (I,)."""
    counts = X.count_nonzero(axis=0) if sparse.issparse(X) else np.count_nonzero(X, axis=0)
    return np.asarray(counts, dtype=np.float64)


def _add_sparse_product(G: Tensor, rows: Any) -> None:
    """Add rowsᵀ rows to G on and above the diagonal; each thread has rows of G to itself."""
    if not rows.nnz:
        return
    from likewise.autoencoders.products import add_pairs  # numba takes half a second to import

    if not rows.has_sorted_indices:
        rows = rows.sorted_indices()
    starts, items, values = arrays(rows)
    kind = np.int32 if rows.nnz < np.iinfo(np.int32).max else np.int64
    own = np.arange(rows.nnz, dtype=kind)
    columns = sparse.csr_array((own, items, starts), shape=rows.shape).tocsc()
    places, first = columns.data, columns.indptr.astype(np.int64)
    ends = starts[1:].astype(kind)[columns.indices]
    work = np.diff(np.concatenate([[0], np.cumsum(ends - places, dtype=np.int64)])[first])
    table, items = G.numpy(), items.view(np.uint32)

    def add(part: slice) -> None:
        add_pairs(table[part], part.start, first, places, ends, items, values)

    for _ in in_threads(add, parts_of(work, PAIRS_AT_A_TIME)):
        pass


def _add_upper_product(G: Tensor, block: Tensor) -> None:
    """Add blockᵀ block to G on and above the diagonal, part by part."""
    for part in _parts(G):
        G[part, part.start :].addmm_(block[:, part].T, block[:, part.start :])


def _mirror(G: Tensor) -> None:
    """Copy what is above the diagonal below it."""
    for part in _parts(G):
        corner = G[part, part].triu()
        G[part, part] = corner + corner.triu(1).T
        G[part.stop :, part] = G[part, part.stop :].T


def _parts(G: Tensor) -> Iterator[slice]:
    """Cut the columns so finely that little of the lower triangle is multiplied."""
    return slices(len(G), max(MIN_WIDTH, -(-len(G) // 32)))


def _dense_blocks(rows: Any) -> Iterator[Tensor]:
    size = max(1, GRAM_BYTES // (4 * max(rows.shape[1], 1)))
    for part in slices(rows.shape[0], size):
        yield torch.from_numpy(rows[part].toarray())
