"""Layers: a first layer that reads sparse rows, what every net has, and the hourglass.

Shapes: B rows of a batch, F features (items), H hidden, L latent.
"""

import copy
from abc import abstractmethod
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Self, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional

from likewise.nn.rows import Rows, SparseRows
from likewise.nn.sparse_product import sparse_product

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "silu": functional.silu,
    "tanh": torch.tanh,
}

FEW = 8
"""Rows that a loop of our own takes through the last layer faster than a BLAS does."""


class InputLayer(nn.Module):
    """x W + b for dense or sparse rows; for purchases, the sum of the bought items' weights.

    Parameters
    ----------
    n_features, width : int
        F and H.

    Attributes
    ----------
    touched_only : bool
        Whether the gradient of W is sparse: of the items in the batch, and of no other.
    """

    def __init__(self, n_features: int, width: int) -> None:
        super().__init__()
        self.touched_only = False
        self.weight = nn.Parameter(torch.empty(n_features, width))
        self.bias = nn.Parameter(torch.empty(width))

    def forward(self, rows: Rows) -> Tensor:
        """Return the (B, H) pre-activations."""
        if isinstance(rows, SparseRows) and rows.values.is_cuda and not self.touched_only:
            rows = rows.dense()  # a long row's sum waits for each value; a dense product does not
        if isinstance(rows, Tensor):
            return rows @ self.weight + self.bias
        summed = sparse_product(rows, self.weight, touched_only=self.touched_only)
        return summed + self.bias


class Directions(nn.Module):
    """A linear layer of unit vectors, without a bias: h Vᵀ, each row of V divided by its length.

    Parameters
    ----------
    width, n_features : int
        H and F.

    Attributes
    ----------
    lengths : Tensor of shape (F,) or None
        Those of the vectors, while nothing is learned: to work them out takes as long as a row.
    """

    lengths: Tensor | None

    def __init__(self, width: int, n_features: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(n_features, width))
        self.register_buffer("lengths", None, persistent=False)

    @property
    def weight(self) -> Tensor:
        """The unit vectors, of shape (F, H)."""
        return functional.normalize(self.vectors, dim=1)

    @property
    def bias(self) -> Tensor:
        """Zeros, of shape (F,)."""
        return self.vectors.new_zeros(len(self.vectors))

    @torch.no_grad()
    def train(self, mode: bool = True) -> Self:
        """Let the vectors learn, or take their lengths as they are now."""
        self.lengths = None if mode else self.vectors.norm(dim=1).clamp_(min=1e-12)
        return super().train(mode)

    def forward(self, h: Tensor) -> Tensor:
        """Return the (B, F) logits."""
        if self.lengths is None or torch.is_grad_enabled():
            return functional.linear(h, self.weight)
        return functional.linear(h, self.vectors).div_(self.lengths)


OutputLayer = nn.Linear | Directions
"""A last layer: its weight of shape (F, H), its bias."""


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
    def output_bias(self) -> Tensor | None:
        """The bias of the last layer, of shape (F,), if that has one."""

    def numbers_a_row(self) -> int:
        """Return how many numbers the layers put out for a row, the logits included."""
        return sum(bias.numel() for bias in self.parameters() if bias.ndim == 1)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights anew; scales (of a layer norm) start at 1."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.trunc_normal_(parameter, std=0.001, a=-0.002, b=0.002, generator=generator)
            elif parameter.ndim == 1:
                nn.init.ones_(parameter)
            else:
                nn.init.xavier_uniform_(parameter, generator=generator)


def exact(rows: Rows, net: Net) -> tuple[Rows, Net]:
    """Return rows and a net as they are, but in float64 where the rows are dense.

    In float32 the last bits of a product depend on which rows stand beside a row. It takes two to
    three times as long, and a copy of the weights that is kept until they change; Apple's devices
    have no float64.
    """
    if isinstance(rows, SparseRows) or rows.device.type == "mps":
        return rows, net
    state = tuple((id(weight), weight._version) for weight in net.parameters())
    if net not in _TWINS or _TWINS[net][0] != state:
        with torch.inference_mode(mode=False):
            _TWINS[net] = state, copy.deepcopy(net).double()
    return rows.double(), _TWINS[net][1]


def _are_few(rows: Tensor) -> bool:
    here = rows.device.type == "cpu" and rows.dtype == torch.float32
    return here and len(rows) <= FEW and not torch.is_grad_enabled()


_TWINS: WeakKeyDictionary[Net, tuple[tuple[tuple[int, int], ...], Net]] = WeakKeyDictionary()
"""Of each net: which weights, after how many changes, and their copy in float64."""


class LinearOutputNet(Net):
    """A net whose last layer is linear, so that a loss may take that layer in parts."""

    @abstractmethod
    def widen(self, z: Tensor) -> Tensor:
        """Return what the last layer reads, of shape (B, H)."""

    @property
    @abstractmethod
    def output(self) -> OutputLayer:
        """The last layer, H to F."""

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits, of shape (B, F)."""
        h = self.widen(z)
        if _are_few(h):
            from likewise.nn.few_rows import few_rows  # numba takes half a second to import

            return few_rows(h, self.output)
        logits: Tensor = self.output(h)
        return logits

    @property
    def output_bias(self) -> Tensor | None:
        """The bias of the last layer, of shape (F,), if that has one."""
        return self.output.bias if isinstance(self.output, nn.Linear) else None


class Hourglass(LinearOutputNet):
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
    last : callable
        Makes the last layer of its two widths.

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
        last: Callable[[int, int], OutputLayer] = nn.Linear,
    ) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        into = [*hidden, code_width or n_latent]
        out_of = [n_latent, *reversed(hidden)]
        self.first = InputLayer(n_features, into[0])
        self.encoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(into))
        self.decoder = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(out_of))
        self.decoder.append(last(out_of[-1], n_features))

    @property
    def output(self) -> OutputLayer:
        """The last layer, H to F."""
        return cast("OutputLayer", self.decoder[-1])

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

    def widen(self, z: Tensor) -> Tensor:
        """Return what the last layer reads, of shape (B, H)."""
        for layer in list(self.decoder)[:-1]:
            z = self.activation(layer(z))
        return z
