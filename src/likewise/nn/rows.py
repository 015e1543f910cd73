"""Rows of a batch as tensors: dense, or sparse ones that are never made dense on the way in.

Shapes: B rows of a batch, F features (items), N stored values.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class SparseRows:
    """B rows of a CSR matrix, as tensors; they are never made dense on the way in.

    Parameters
    ----------
    offsets : Tensor of shape (B + 1,)
        Row b's values are those from offsets[b] to offsets[b + 1].
    columns, values : Tensor of shape (N,)
        Where the values stand, and what they are.
    n_columns : int
        F.

    Examples
    --------
    >>> rows = SparseRows.of(sparse.csr_array([[0, 2.0], [3.0, 0]]))
    >>> rows.dense()
    tensor([[0., 2.],
            [3., 0.]])
    """

    offsets: Tensor
    columns: Tensor
    values: Tensor
    n_columns: int

    @classmethod
    def of(cls, matrix: Any, device: torch.device | None = None) -> Self:
        """Make rows of a SciPy CSR matrix; on the CPU they share its memory where types allow."""

        def tensor(array: Any, kind: type) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(array, kind)).to(device)

        return cls(
            tensor(matrix.indptr, np.int64),
            tensor(matrix.indices, np.int32),
            tensor(matrix.data, np.float32),
            matrix.shape[1],
        )

    @property
    def n_rows(self) -> int:
        """B."""
        return len(self.offsets) - 1

    def row_of_value(self) -> Tensor:
        """Return the row number of each stored value, of shape (N,)."""
        return torch.repeat_interleave(
            torch.arange(self.n_rows, device=self.offsets.device),
            self.offsets.diff(),
            output_size=len(self.values),
        )

    def take(self, chosen: Tensor, n_values: int) -> Self:
        """Return the rows of these numbers, which hold `n_values` values together.

        The caller says how many, since to ask a device for a number is to wait for it.
        """
        starts = self.offsets[chosen]
        lengths = self.offsets[chosen + 1] - starts
        offsets = functional.pad(lengths.cumsum(0), (1, 0))
        shift = torch.repeat_interleave(starts - offsets[:-1], lengths, output_size=n_values)
        places = shift + torch.arange(n_values, device=shift.device)
        return replace(
            self, offsets=offsets, columns=self.columns[places], values=self.values[places]
        )

    def filled(self, chosen: Tensor, room: int) -> Self:
        """Return the rows of these numbers and one of zeros, which has what they leave of the room.

        Examples
        --------
        >>> rows = SparseRows.of(sparse.csr_array([[0, 2.0], [3.0, 4.0]]))
        >>> rows.filled(torch.tensor([1, 0]), 5).dense()
        tensor([[3., 4.],
                [0., 2.],
                [0., 0.]])
        """
        starts = torch.cat([self.offsets[chosen], self.offsets[:1]])
        lengths = self.offsets[chosen + 1] - starts[:-1]
        ends = functional.pad(lengths.cumsum(0), (1, 1), value=room)
        ends[:1].zero_()
        shift = torch.repeat_interleave(starts - ends[:-1], ends.diff(), output_size=room)
        place = torch.arange(room, device=shift.device)
        source = (shift + place) % len(self.values)
        values = torch.where(place < ends[-2], self.values[source], 0)
        return replace(self, offsets=ends, columns=self.columns[source], values=values)

    def stored(self) -> Self:
        """Return the rows without the zeros among their values, which dropout leaves."""
        kept = self.values.nonzero().squeeze(1)
        offsets = torch.searchsorted(kept, self.offsets)
        return replace(self, offsets=offsets, columns=self.columns[kept], values=self.values[kept])

    def row_sums(self, values: Tensor) -> Tensor:
        """Sum one number per stored value over each row: (N,) to (B,)."""
        return torch.segment_reduce(values, "sum", offsets=self.offsets, unsafe=True)

    def with_values(self, values: Tensor) -> Self:
        """Return rows with the same places and other values."""
        return replace(self, values=values)

    def dense(self) -> Tensor:
        """Return the rows as a (B, F) tensor."""
        table = self.values.new_zeros(self.n_rows, self.n_columns)
        table[self.row_of_value(), self.columns] = self.values
        return table


Rows = Tensor | SparseRows
"""A batch: a dense (B, F) tensor, or sparse rows."""


def as_rows(X: Any, device: torch.device | None = None) -> Rows:
    """Return a NumPy table or a SciPy CSR matrix as a batch."""
    if sparse.issparse(X):
        return SparseRows.of(X, device)
    return torch.tensor(X, dtype=torch.float32, device=device)


@dataclass(frozen=True)
class Resident:
    """All rows of a run, on the device, dealt out in batches.

    Nothing waits for the device: how many values a batch holds is known here.

    Parameters
    ----------
    rows : Tensor or SparseRows
        On the device.
    n_values : ndarray of shape (n,) or None
        How many values each sparse row stores.
    """

    rows: Rows
    n_values: NDArray[np.int64] | None

    @classmethod
    def of(cls, X: Any, device: torch.device) -> Self:
        """Carry a NumPy table or a SciPy CSR matrix to the device; on the CPU nothing is copied."""
        if sparse.issparse(X):
            return cls(SparseRows.of(X, device), np.diff(X.indptr).astype(np.int64))
        return cls(torch.as_tensor(X, device=device), None)

    def __len__(self) -> int:
        return len(self.rows) if isinstance(self.rows, Tensor) else self.rows.n_rows

    def batches(self, order: NDArray[np.int64], size: int) -> Iterator[tuple[Tensor, int]]:
        """Yield the numbers of `size` rows at a time, in this order, and what they store."""
        device = self.rows.device if isinstance(self.rows, Tensor) else self.rows.offsets.device
        order_there = torch.from_numpy(order).to(device)
        for start in range(0, len(order), size):
            batch = slice(start, start + size)
            n_values = 0 if self.n_values is None else int(self.n_values[order[batch]].sum())
            yield order_there[batch], n_values

    def take(self, chosen: Tensor, n_values: int) -> Rows:
        """Return the rows of these numbers, which store `n_values` values together."""
        rows = self.rows
        return rows[chosen] if isinstance(rows, Tensor) else rows.take(chosen, n_values)

    def room(self, size: int) -> int:
        """Return how many values almost all batches of `size` rows store at most."""
        if self.n_values is None:
            return 0
        mean, deviation = float(self.n_values.mean()), float(self.n_values.std())
        return math.ceil(size * mean + 4 * math.sqrt(size) * deviation)

    def filled(self, chosen: Tensor, room: int) -> Rows:
        """Return the rows of these numbers, sparse ones filled up to fixed shapes by one more."""
        rows = self.rows
        return rows[chosen] if isinstance(rows, Tensor) else rows.filled(chosen, room)


def unit_length(rows: Rows) -> Rows:
    """Scale each row to Euclidean length 1; a row of zeros stays one.

    Examples
    --------
    >>> unit_length(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    if isinstance(rows, Tensor):
        return functional.normalize(rows, dim=1)
    length = rows.row_sums(rows.values.square()).sqrt().clamp_min(1e-12)
    return rows.with_values(rows.values / length[rows.row_of_value()])
