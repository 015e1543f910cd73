"""The product of sparse rows with a matrix, and its gradient, at the cost of the stored values.

Shapes: B rows of a batch, F features (items), H hidden, N stored values.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from likewise.nn.rows import SparseRows


def sparse_product(rows: SparseRows, weight: Tensor, *, touched_only: bool = False) -> Tensor:
    """Return X W of shape (B, H): for each row the sum of its items' weights, times its values.

    Parameters
    ----------
    rows : SparseRows
        X. No gradient flows to its values.
    weight : Tensor of shape (F, H)
        W.
    touched_only : bool
        Let the gradient of W be a sparse tensor that holds the rows of the batch's items alone; a
        dense one costs F H numbers a step.

    Notes
    -----
    The gradient Xᵀ G is the same sum over the transposed rows, where torch's own adds one stored
    value after another into the table: it takes a fifth of the time, and its order is fixed.

    Examples
    --------
    >>> from scipy import sparse
    >>> rows = SparseRows.of(sparse.csr_array([[0, 2.0, 0], [1.0, 1.0, 0]]))
    >>> sparse_product(rows, torch.tensor([[1.0], [10.0], [100.0]]))
    tensor([[20.],
            [11.]])
    """
    if weight.device.type == "cpu":  # elsewhere counting what is left would wait for the device
        rows = rows.stored()
    product: Tensor = _SparseProduct.apply(weight, rows, touched_only)  # type: ignore[no-untyped-call]
    return product


def sparse_rows(numbers: Tensor, values: Tensor, shape: torch.Size) -> Tensor:
    """Return a matrix that is 0 but for these rows, whose numbers ascend, as a sparse tensor."""
    return torch.sparse_coo_tensor(
        numbers.long().unsqueeze(0), values, shape, is_coalesced=True, check_invariants=False
    )


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, rows: SparseRows, touched_only: bool) -> Tensor:
        ctx.rows, ctx.touched_only, ctx.shape = rows, touched_only, weight.shape
        return _sums(weight, rows.columns, rows.offsets, rows.values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (upstream,) = gradients
        rows: SparseRows = ctx.rows
        columns, order = torch.sort(rows.columns, stable=True)
        row, values = rows.row_of_value()[order], rows.values[order]
        if ctx.touched_only:
            places = torch.unique_consecutive(columns)
        else:
            places = torch.arange(ctx.shape[0], device=columns.device)
        offsets = functional.pad(torch.searchsorted(columns, places.to(columns.dtype)), (0, 1))
        offsets[-1:].fill_(len(columns))
        sums = _sums(upstream, row, offsets, values)
        if ctx.touched_only:
            sums = sparse_rows(places, sums, ctx.shape)
        return sums, None, None


def _sums(table: Tensor, places: Tensor, offsets: Tensor, values: Tensor) -> Tensor:
    """Return Σ value · table[place] over each stretch from one offset to the next."""
    return functional.embedding_bag(
        places,
        table,
        offsets.to(places.dtype),
        mode="sum",
        per_sample_weights=values.to(table.dtype),
        include_last_offset=True,
    )
