"""Layers: sparse rows as tensors, a first layer that reads them, and the hourglass.

Shapes: B rows of a batch, F features (items), H hidden, L latent, N stored values.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Self, cast

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "tanh": torch.tanh,
}


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
        """Make rows of a SciPy CSR matrix."""
        return cls(
            torch.as_tensor(matrix.indptr.astype(np.int64), device=device),
            torch.as_tensor(matrix.indices.astype(np.int64), device=device),
            torch.as_tensor(matrix.data.astype(np.float32), device=device),
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

    def row_sums(self, values: Tensor) -> Tensor:
        """Sum one number per stored value over each row: (N,) to (B,)."""
        return values.new_zeros(self.n_rows).index_add_(0, self.row_of_value(), values)

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


class InputLayer(nn.Module):
    """x W + b for dense or sparse rows; for purchases, the sum of the bought items' weights.

    Parameters
    ----------
    n_features, width : int
        F and H.
    """

    def __init__(self, n_features: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_features, width))
        self.bias = nn.Parameter(torch.empty(width))

    def forward(self, rows: Rows) -> Tensor:
        """Return the (B, H) pre-activations."""
        if isinstance(rows, Tensor):
            return rows @ self.weight + self.bias
        summed = functional.embedding_bag(
            rows.columns,
            self.weight,
            rows.offsets,
            mode="sum",
            per_sample_weights=rows.values,
            include_last_offset=True,
        )
        return summed + self.bias


class Net(nn.Module):
    """What the training of every neural type asks of its layers: an encoder and a decoder."""

    @abstractmethod
    def encode(self, rows: Rows) -> Tensor:
        """Return the code before its own activation, of shape (B, code_width)."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """Return the logits, of shape (B, F)."""

    @property
    @abstractmethod
    def output_bias(self) -> Tensor:
        """The bias of the last layer, of shape (F,)."""

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights anew; scales (of a layer norm) start at 1."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.trunc_normal_(parameter, std=0.001, a=-0.002, b=0.002, generator=generator)
            elif parameter.ndim == 1:
                nn.init.ones_(parameter)
            else:
                nn.init.xavier_uniform_(parameter, generator=generator)


class Hourglass(Net):
    """An encoder F → hidden → code and a decoder L → hidden, mirrored → F.

    Parameters
    ----------
    n_features : int
        F.
    hidden : sequence of int
        Widths of the layers between the row and the code; the decoder has them in reverse.
    n_latent : int
        L, the length of the code that the decoder reads.
    activation : {"relu", "sigmoid", "silu", "tanh", "identity"}
        Between the layers.
    code_width : int, optional
        What the encoder puts out: L, or 2 L where it gives a mean and a log-variance.

    Notes
    -----
    Weights are drawn as Glorot and Bengio (2010) do, biases from a normal of deviation 0.001 cut at
    two deviations, as Liang et al. (2018) do.
    """

    def __init__(
        self,
        n_features: int,
        hidden: Sequence[int],
        n_latent: int,
        activation: str,
        code_width: int | None = None,
    ) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        into = [*hidden, code_width or n_latent]
        out_of = [n_latent, *reversed(hidden), n_features]
        self.first = InputLayer(n_features, into[0])
        self.encoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(into))
        self.decoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(out_of))

    @property
    def output_bias(self) -> Tensor:
        """The bias of the last layer, of shape (F,)."""
        bias = self.decoder[-1].bias
        return cast("Tensor", bias)

    def encode(self, rows: Rows) -> Tensor:
        """Return the code before its own activation, of shape (B, code_width)."""
        return self.onward(self.first(rows))

    def onward(self, h: Tensor) -> Tensor:
        """Return the code of what the first layer put out."""
        for layer in self.encoder:
            h = layer(self.activation(h))
        return h

    def pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        """Return each layer of the encoder with the one of the decoder that undoes it."""
        return list(zip([self.first, *self.encoder], reversed(self.decoder), strict=True))

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits, of shape (B, F)."""
        *inner, last = self.decoder
        h = z
        for layer in inner:
            h = self.activation(layer(h))
        logits: Tensor = last(h)
        return logits
