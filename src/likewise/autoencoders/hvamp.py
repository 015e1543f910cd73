"""H+Vamp, gated: two layers of latent variables, and a prior made of learned pseudo-customers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar, cast

import torch
from sklearn.utils._param_validation import Interval
from torch import Tensor, nn

from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.neural_memory import COPIES
from likewise.autoencoders.rows import bytes_of
from likewise.errors import InputError
from likewise.nn.corruption import dropout
from likewise.nn.layers import InputLayer, LinearOutputNet, Net
from likewise.nn.losses import log_normal
from likewise.nn.rows import Rows

LOWEST, HIGHEST = -12.0, 4.0
"""Bounds of the log-variances."""


@dataclass(kw_only=True, eq=False, repr=False)
class HVamp(NeuralAutoencoder):
    """Hierarchical variational autoencoder with a VampPrior and gated linear units.

    With u_1 … u_K the pseudo-rows, learned with everything else::

        loss  = -log p(x | z1, z2) + β (log q(z2 | x) + log q(z1 | x, z2)
                                        - log p(z1 | z2) - log p(z2))
        p(z2) = 1/K Σ_k q(z2 | u_k)                              the VampPrior
        GLU(h) = (h W + b) · sigmoid(h V + c)                    every hidden layer

    The code of a row is the two means, of length 2 L; nothing is drawn after training.

    Parameters
    ----------
    n_latent : int
        L, the length of z1 and of z2.
    hidden : sequence of one int
        Width of the gated layers.
    n_pseudo : int
        K.
    beta : float
        Largest weight of the KL terms.
    anneal_steps : int
        Steps over which the weight grows linearly from 0 to `beta`.
    input_dropout : float in [0, 1)
        Share of a row's values dropped while training.
    **parameters
        Those of :class:`~likewise.autoencoders.neural.NeuralAutoencoder`.

    Notes
    -----
    Departures from the authors' code: one dropout of the input serves both encoders, and
    pseudo-rows pass without, which theirs drops values of as well; weights start as Glorot and
    Bengio (2010) have them, biases near 0 and the output bias at popularity; Adam takes gradients
    as they are, theirs scales each to length 1; batches have 500 rows, not 200; β grows by steps,
    not by epochs; `patience` is 10 epochs and `max_epochs` 100, not 50, counted from the end of β's
    growth, and 400; the hidden layers are one deep, not up to two; `precision`. K = 1,000 in the
    paper costs as much as two batches of 500 in every step.

    References
    ----------
    D. Kim, B. Suh, "Enhancing VAEs for collaborative filtering: flexible priors & gating
    mechanisms", RecSys 2019, arXiv:1911.00936.
    J. Tomczak, M. Welling, "VAE with a VampPrior", AISTATS 2018, arXiv:1705.07120.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> baskets = sparse.csr_array(np.kron(np.eye(2), np.ones((50, 4), dtype=np.float32)))
    >>> model = HVamp(
    ...     n_latent=2, hidden=(8,), n_pseudo=5, batch_size=20, learning_rate=0.01, random_state=0
    ... ).fit(baskets)
    >>> x_hat = model.reconstruct(sparse.csr_array([[1.0, 1, 0, 0, 0, 0, 0, 0]]))
    >>> bool(x_hat[0, :4].min() > x_hat[0, 4:].max())
    True
    """

    type_name: ClassVar[str] = "hvamp"
    _net_settings: ClassVar[tuple[str, ...]] = (*NeuralAutoencoder._net_settings, "n_pseudo")
    lighter: ClassVar[str] = "lower n_pseudo, batch_size or hidden"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralAutoencoder._parameter_constraints,
        "n_pseudo": [Interval(Integral, 1, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left")],
        "anneal_steps": [Interval(Integral, 1, None, closed="left")],
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
    }

    n_latent: int = 200
    hidden: Sequence[int] = (600,)
    activation: str = "identity"
    learning_rate: float = 5e-4
    n_pseudo: int = 1000
    beta: float = 0.3
    anneal_steps: int = 20_000
    input_dropout: float = 0.5

    @property
    def _n_features_out(self) -> int:
        return 2 * int(self.n_latent)

    def _validate_params(self) -> None:
        super()._validate_params()
        if len(self.hidden) != 1:
            raise InputError(
                f"hidden={self.hidden!r} do not fit H+Vamp, whose gated layers have one width"
            )

    def _bytes_to_fit(self, X: Any) -> int:
        width = 5 * int(self.hidden[0]) + self.n_pseudo
        batch = int(self.setting("batch_size")) + self.n_pseudo
        needed: int = bytes_of(X) + 4 * X.shape[1] * (COPIES * width + 3 * batch)
        return needed

    def _batch_loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        net, x = self._gated, dropout(self._input(rows), self.input_dropout, generator)
        q2 = net.q2(x)
        z2 = _drawn(*q2, generator)
        q1 = net.q1(x, z2)
        z1 = _drawn(*q1, generator)
        gap = (log_normal(z1, *q1) - log_normal(z1, *net.p1(z2)) + log_normal(z2, *q2)).sum(1)
        weight = self.beta * (step / self.anneal_steps).clamp(max=1.0)
        loss = self._explained(torch.cat([z1, z2], 1), rows, generator)
        return loss + weight * (gap - net.log_prior(z2))

    def _code(self, encoded: Tensor) -> Tensor:
        return encoded

    def _net(self, n_features: int) -> Net:
        return GatedNet(n_features, int(self.hidden[0]), self.n_latent, self.n_pseudo)

    @property
    def _gated(self) -> "GatedNet":
        return cast("GatedNet", self.net_)


class GatedNet(LinearOutputNet):
    """q(z2 | x), q(z1 | x, z2), p(z1 | z2), p(x | z1, z2) and the pseudo-rows.

    F features, H hidden, L latent, K pseudo-rows.
    """

    def __init__(self, n_features: int, width: int, n_latent: int, n_pseudo: int) -> None:
        super().__init__()
        self.rows_2 = InputLayer(n_features, 2 * width)
        self.q2_last = nn.Linear(width, 2 * n_latent)
        self.rows_1 = InputLayer(n_features, 2 * width)
        self.q1_z2 = nn.Linear(n_latent, 2 * width)
        self.q1_last = nn.Linear(width, 2 * n_latent)
        self.p1_first = nn.Linear(n_latent, 2 * width)
        self.p1_last = nn.Linear(width, 2 * n_latent)
        self.x_first = nn.Linear(2 * n_latent, 2 * width)
        self.x_last = nn.Linear(width, n_features)
        self.pseudo = nn.Parameter(torch.empty(n_pseudo, n_features))

    @property
    def output(self) -> nn.Linear:
        """The last layer, H to F."""
        return self.x_last

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all weights anew; pseudo-rows near .05, as the authors do."""
        super().initialise(generator)
        nn.init.normal_(self.pseudo, mean=0.05, std=0.01, generator=generator)

    def encode(self, rows: Rows) -> Tensor:
        """Return the mean of z1 given that of z2, and that of z2, of shape (B, 2 L)."""
        z2, _ = self.q2(rows)
        return torch.cat([self.q1(rows, z2)[0], z2], 1)

    def widen(self, z: Tensor) -> Tensor:
        """Return what the last layer reads, of shape (B, H)."""
        return _glu(self.x_first(z))

    def q2(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of z2."""
        return _normal(self.q2_last(_glu(self.rows_2(rows))))

    def q1(self, rows: Rows, z2: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of z1."""
        return _normal(self.q1_last(_glu(self.rows_1(rows) + self.q1_z2(z2))))

    def p1(self, z2: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the prior of z1."""
        return _normal(self.p1_last(_glu(self.p1_first(z2))))

    def log_prior(self, z2: Tensor) -> Tensor:
        """Return log p(z2) of each row, of shape (B,)."""
        mean, log_variance = self.q2(self.pseudo.clamp(0, 1))
        precision = (-log_variance).exp()
        # Σ_l (z - m)² / v for all pairs as three products: no (B, K, L) table.
        distance = z2.square() @ precision.T - 2 * z2 @ (mean * precision).T
        constant = (mean.square() * precision + log_variance).sum(1)
        logs = -0.5 * (distance + constant + z2.shape[1] * math.log(2 * math.pi))
        return logs.logsumexp(1) - math.log(len(self.pseudo))


def _glu(both: Tensor) -> Tensor:
    value, gate = both.chunk(2, dim=1)
    return value * torch.sigmoid(gate)


def _normal(both: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_variance = both.chunk(2, dim=1)
    return mean, log_variance.clamp(LOWEST, HIGHEST)


def _drawn(mean: Tensor, log_variance: Tensor, generator: torch.Generator) -> Tensor:
    return mean + (0.5 * log_variance).exp() * torch.empty_like(mean).normal_(generator=generator)
