"""Restricted Boltzmann machines, which pre-train the layers of a deep autoencoder."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from likewise.nn.greedy import GreedyLayer
from likewise.nn.layers import InputLayer
from likewise.nn.rows import Rows, SparseRows
from likewise.nn.sparse_product import sparse_product


class BoltzmannMachine(nn.Module):
    """Restricted Boltzmann machine: visible v, hidden h, p(h | v) and p(v | h) independent.

    ::

        E(v, h) = -v·W·h - b·h + A(v)      A(v) = -c·v, or ½ ‖v - c‖² where v is Gaussian
        F(v) = -log Σ_h exp(-E(v, h)) = A(v) - Σ softplus(v W + b)

    with -½ Σ (v W + b)² in place of the last sum where h is Gaussian.

    Parameters
    ----------
    weight : Tensor of shape (V, H)
        W.
    hidden_bias, visible_bias : Parameter of shape (H,), (V,)
        b and c.
    gaussian_visible, gaussian_hidden : bool
        Whether these are real numbers of variance 1 instead of 0 or 1.

    References
    ----------
    G. Hinton, "Training products of experts by minimizing contrastive divergence", Neural
    Computation 14, 2002, DOI 10.1162/089976602760128018.
    """

    def __init__(
        self,
        weight: nn.Parameter,
        hidden_bias: nn.Parameter,
        visible_bias: nn.Parameter,
        *,
        gaussian_visible: bool = False,
        gaussian_hidden: bool = False,
    ) -> None:
        super().__init__()
        self.weight, self.hidden_bias, self.visible_bias = weight, hidden_bias, visible_bias
        self.gaussian_visible, self.gaussian_hidden = gaussian_visible, gaussian_hidden

    def loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        """Return F(v) - F(v'), v' one step of Gibbs sampling away: its gradient is CD-1's."""
        del step
        v = _dense(rows)
        with torch.no_grad():
            v_again = self.visible(self._drawn(self.hidden(v), generator))
        return self.free_energy(v) - self.free_energy(v_again)

    def hidden(self, v: Rows) -> Tensor:
        """Return the mean of p(h | v), of shape (B, H)."""
        seen = sparse_product(v, self.weight) if isinstance(v, SparseRows) else v @ self.weight
        into = seen + self.hidden_bias
        return into if self.gaussian_hidden else torch.sigmoid(into)

    def visible(self, h: Tensor) -> Tensor:
        """Return the mean of p(v | h), of shape (B, V)."""
        into = h @ self.weight.T + self.visible_bias
        return into if self.gaussian_visible else torch.sigmoid(into)

    def free_energy(self, v: Tensor) -> Tensor:
        """Return F(v), of shape (B,)."""
        into = v @ self.weight + self.hidden_bias
        own = -v @ self.visible_bias
        if self.gaussian_visible:
            own = 0.5 * (v - self.visible_bias).square().sum(1)
        mixed = 0.5 * into.square() if self.gaussian_hidden else functional.softplus(into)
        return own - mixed.sum(1)

    def _drawn(self, mean: Tensor, generator: torch.Generator) -> Tensor:
        if self.gaussian_hidden:
            return mean + torch.empty_like(mean).normal_(generator=generator)
        return torch.empty_like(mean).bernoulli_(mean, generator=generator)


class UnrolledMachine(GreedyLayer):
    """A machine that starts from a layer of the encoder, and is unrolled into it and its mirror.

    Parameters
    ----------
    encoder : Linear or InputLayer
        From V values to H.
    decoder : Linear
        From H back to V.
    into : callable, optional
        What is done to rows before the machine sees them.
    gaussian_visible, gaussian_hidden : bool
        As of :class:`BoltzmannMachine`.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        into: Callable[[Rows], Rows] | None = None,
        gaussian_visible: bool = False,
        gaussian_hidden: bool = False,
    ) -> None:
        super().__init__()
        self.machine = BoltzmannMachine(
            *(_own(part) for part in (_weight(encoder), encoder.bias, decoder.bias)),
            gaussian_visible=gaussian_visible,
            gaussian_hidden=gaussian_hidden,
        )
        self.into = into or (lambda rows: rows)
        self._halves = (encoder, cast("nn.Linear", decoder))  # no modules of this one

    def loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        """Return the machine's loss on what it is shown of rows."""
        return self.machine.loss(self.into(rows), generator, step)

    def codes(self, rows: Rows) -> Tensor:
        """Return the mean of what is hidden."""
        return self.machine.hidden(self.into(rows))

    @torch.no_grad()
    def unroll(self) -> None:
        """Write W and b into the encoder's layer, Wᵀ and c into the decoder's."""
        machine, (encoder, decoder) = self.machine, self._halves
        _weight(encoder).copy_(machine.weight)
        cast("Tensor", encoder.bias).copy_(machine.hidden_bias)
        decoder.weight.copy_(machine.weight)
        decoder.bias.copy_(machine.visible_bias)


def _own(weight: object) -> nn.Parameter:
    return nn.Parameter(cast("Tensor", weight).detach().clone())


def _weight(layer: nn.Module) -> Tensor:
    """Return a layer's weight as (inputs, outputs)."""
    weight = cast("Tensor", layer.weight)
    return weight if isinstance(layer, InputLayer) else weight.T


def _dense(rows: Rows) -> Tensor:
    return rows.dense() if isinstance(rows, SparseRows) else rows
