"""RecVAE: a variational autoencoder whose prior remembers what it believed a round ago."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Self, cast

import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from likewise.autoencoders.base import Validate
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.errors import InputError
from likewise.nn.corruption import dropout
from likewise.nn.layers import ACTIVATIONS, InputLayer, LinearOutputNet, Net
from likewise.nn.losses import log_normal
from likewise.nn.rows import Rows, SparseRows

ENCODER_EPOCHS, ROUND = 3, 4
"""Of a round's epochs the encoder learns in the first ones, the decoder in the last."""

MIXTURE = (0.15, 0.75, 0.10)
"""Shares of the prior: the standard normal, the encoder of a round ago, a very wide normal."""

WIDE = 10.0
"""The log-variance of the wide normal."""


@dataclass(kw_only=True, eq=False, repr=False)
class RecVAE(NeuralAutoencoder):
    """Variational autoencoder for purchases with a composite prior and a KL weight a customer.

    With q the encoder, q_old the encoder of a round ago, and |x| the sum of a row::

        loss  = -log p(x | z) + γ |x| (log q(z | x) - log p(z | x)),        z ~ q(z | x)
        p(z | x) = .15 N(0, 1) + .75 q_old(z | x) + .10 N(0, e¹⁰)           in each dimension

    Training goes in rounds: in three epochs the encoder learns, with dropout; q_old becomes what it
    is then; in one epoch the decoder, a single linear layer, learns without dropout.

    Parameters
    ----------
    gamma : float
        γ; .0035 to .01 in the paper.
    input_dropout : float in [0, 1)
        Share of a row's values dropped while the encoder learns.
    **parameters
        Those of :class:`~likewise.autoencoders.neural.NeuralAutoencoder`. The widths in `hidden`
        are equal: every layer's output is added to the input of all later ones.

    Notes
    -----
    Departures from the authors' code: weights start as Glorot and Bengio (2010) have them, biases
    near 0 and the output bias at popularity; q_old starts as q, not as another random encoder; the
    best epoch is looked for after every epoch, not after every round; training ends after
    `patience` epochs without a better one, not after the fiftieth round; an empty row is encoded as
    such, where 0 / 0 would give NaN; `precision`. `partial_fit` is a round of one epoch, in which
    encoder and decoder learn together.

    References
    ----------
    I. Shenbin, A. Alekseev, E. Tutubalina, V. Malykh, S. Nikolenko, "RecVAE: a new variational
    autoencoder for top-N recommendations with implicit feedback", WSDM 2020, arXiv:1912.11160.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> baskets = sparse.csr_array(np.kron(np.eye(2), np.ones((50, 4), dtype=np.float32)))
    >>> model = RecVAE(
    ...     n_latent=2, hidden=(8, 8), batch_size=20, learning_rate=0.01, random_state=0
    ... ).fit(baskets)
    >>> x_hat = model.reconstruct(sparse.csr_array([[1.0, 1, 0, 0, 0, 0, 0, 0]]))
    >>> bool(x_hat[0, :4].min() > x_hat[0, 4:].max())
    True
    """

    type_name: ClassVar[str] = "recvae"
    samples: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralAutoencoder._parameter_constraints,
        "gamma": [Interval(Real, 0, None, closed="left")],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
    }

    n_latent: int = 200
    hidden: Sequence[int] = (600,) * 5
    activation: str = "silu"
    optimizer: str = "adam"
    learning_rate: float = 5e-4
    batch_size: int = 500
    max_epochs: int = 200
    patience: int = 20
    gamma: float = 0.005
    input_dropout: float = 0.5

    _decoder_alone = False
    """Whether it is the decoder's turn; where no rounds are gone through all layers learn."""

    def _validate_params(self) -> None:
        super()._validate_params()
        if len(set(self.hidden)) != 1:
            raise InputError(
                f"hidden={self.hidden!r}; RecVAE adds its layers up: give one or more equal widths"
            )

    def _fit(self, X: Any, validate: Validate | None) -> None:
        try:
            super()._fit(X, validate)
        finally:
            self._decoder_alone = False
        self.net_.requires_grad_(True)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Let the rows of `X` pass once: a round of its own."""
        if hasattr(self, "net_"):
            self.net_.requires_grad_(True)  # also after a fit that failed
        super().partial_fit(X, y)
        self._composite.renew_prior()
        return self

    def _batch_loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        level = 0.0 if self._decoder_alone else self.input_dropout
        x = self._input(rows)
        mean, log_variance = self.net_.encode(dropout(x, level, generator)).chunk(2, dim=1)
        z = mean + (0.5 * log_variance).exp() * torch.empty_like(mean).normal_(generator=generator)
        loss = self._explained(z, rows, generator)
        if self._decoder_alone:
            return loss
        gap = log_normal(z, mean, log_variance) - self._composite.log_prior(x, z)
        return loss + self.gamma * _sum(rows) * gap.sum(1)

    def _turn(self, epoch: int) -> bool:
        """Let the layers learn whose turn it is; return whether the decoder's are alone."""
        net, alone = self._composite, epoch % ROUND >= ENCODER_EPOCHS
        if epoch % ROUND == ENCODER_EPOCHS:
            net.renew_prior()
        net.encoder.requires_grad_(not alone)
        net.decoder.requires_grad_(alone)
        self._decoder_alone = alone
        return alone

    def _code(self, encoded: Tensor) -> Tensor:
        return encoded[:, : self.n_latent]

    def _net(self, n_features: int) -> Net:
        return CompositeNet(n_features, self.hidden, self.n_latent, self.setting("activation"))

    @property
    def _composite(self) -> "CompositeNet":
        return cast("CompositeNet", self.net_)

    def _tensors(self) -> dict[str, NDArray[Any]]:
        """Return the weights without those of q_old, which answers need not."""
        return {k: v for k, v in super()._tensors().items() if not k.startswith("old.")}

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        encoder = {k: v for k, v in tensors.items() if k.startswith("encoder.")}
        # Copies: what is learned later is learned by the encoder alone.
        old = {f"old.{k.removeprefix('encoder.')}": v.copy() for k, v in encoder.items()}
        super()._restore(old | tensors, extra)


class CompositeNet(LinearOutputNet):
    """An encoder with dense skips, the same of a round ago, and a linear decoder.

    h_i = norm(s(W_i h_{i-1} + b_i + Σ_{j<i} h_j)), the norm a layer norm with ε = 0.1.
    """

    def __init__(
        self, n_features: int, hidden: Sequence[int], n_latent: int, activation: str
    ) -> None:
        super().__init__()
        self.encoder = _SkipEncoder(n_features, hidden, 2 * n_latent, activation)
        self.old = _SkipEncoder(n_features, hidden, 2 * n_latent, activation).requires_grad_(False)
        self.decoder = nn.Linear(n_latent, n_features)

    @property
    def output(self) -> nn.Linear:
        """The decoder, L to F."""
        return self.decoder

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights anew; q_old is q."""
        super().initialise(generator)
        self.renew_prior()

    def encode(self, rows: Rows) -> Tensor:
        """Return mean and log-variance, of shape (B, 2 L)."""
        encoded: Tensor = self.encoder(rows)
        return encoded

    def widen(self, z: Tensor) -> Tensor:
        """Return the code itself: the decoder is a single layer."""
        return z

    def renew_prior(self) -> None:
        """Let q_old be what q is now."""
        self.old.load_state_dict(self.encoder.state_dict())

    def log_prior(self, rows: Rows, z: Tensor) -> Tensor:
        """Return log p(z | x) of each dimension, of shape (B, L)."""
        with torch.no_grad():
            mean, log_variance = self.old(rows).chunk(2, dim=1)
        zero = torch.zeros_like(z)
        parts = [(zero, zero), (mean, log_variance), (zero, zero + WIDE)]
        densities = [
            math.log(share) + log_normal(z, *part)
            for share, part in zip(MIXTURE, parts, strict=True)
        ]
        return torch.stack(densities).logsumexp(0)


class _SkipEncoder(nn.Module):
    def __init__(
        self, n_features: int, hidden: Sequence[int], code_width: int, activation: str
    ) -> None:
        super().__init__()
        self.activation = ACTIVATIONS[activation]
        self.first = InputLayer(n_features, hidden[0])
        self.inner = nn.ModuleList(nn.Linear(width, width) for width in hidden[1:])
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=0.1) for width in hidden)
        self.last = nn.Linear(hidden[-1], code_width)

    def forward(self, rows: Rows) -> Tensor:
        h: Tensor = self.norms[0](self.activation(self.first(rows)))
        skips = h
        for layer, norm in zip(self.inner, list(self.norms)[1:], strict=True):
            h = norm(self.activation(layer(h) + skips))
            skips = skips + h
        result: Tensor = self.last(h)
        return result


def _sum(rows: Rows) -> Tensor:
    """Return |x|, of shape (B,)."""
    if isinstance(rows, SparseRows):
        return rows.row_sums(rows.values.abs())
    return rows.abs().sum(1)
