"""The variational autoencoder: its code is a distribution, pulled towards a prior."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval
from torch import Tensor

from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.nn.corruption import dropout
from likewise.nn.layers import Rows
from likewise.nn.losses import LOSSES, gaussian_kl


@dataclass(kw_only=True, eq=False, repr=False)
class VariationalAutoencoder(NeuralAutoencoder):
    """Variational autoencoder: z ~ N(μ(x), σ²(x)), loss = -log p(x | z) + β KL(N(μ, σ²) ‖ N(0, 1)).

    On purchases this is Mult-VAE: rows of unit length, dropout on the input, the multinomial
    likelihood, β annealed. The code of a row is its mean μ(x); nothing is drawn after training.

    Parameters
    ----------
    input_dropout : float in [0, 1)
        Share of a row's values dropped while training.
    beta : float
        Largest weight of the KL term.
    anneal_steps : int
        Steps over which the weight grows linearly from 0 to 1; it is cut off at `beta`.
    **parameters
        Those of :class:`~likewise.autoencoders.neural.NeuralAutoencoder`.

    References
    ----------
    D. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014, arXiv:1312.6114.
    D. Liang et al., "Variational autoencoders for collaborative filtering", WWW 2018,
    arXiv:1802.05814 (Mult-VAE).

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> baskets = sparse.csr_array(np.kron(np.eye(2), np.ones((50, 4), dtype=np.float32)))
    >>> model = VariationalAutoencoder(
    ...     n_latent=2, hidden=(8,), max_epochs=60, learning_rate=0.01, random_state=0
    ... ).fit(baskets)
    >>> x_hat = model.reconstruct(sparse.csr_array([[1.0, 1, 0, 0, 0, 0, 0, 0]]))
    >>> bool(x_hat[0, :4].min() > x_hat[0, 4:].max())
    True
    """

    type_name: ClassVar[str] = "variational"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralAutoencoder._parameter_constraints,
        "input_dropout": [Interval(Real, 0, 1, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left")],
        "anneal_steps": [Interval(Integral, 1, None, closed="left")],
    }

    n_latent: int = 200
    input_dropout: float = 0.5
    beta: float = 0.2
    anneal_steps: int = 200_000

    _purchases: ClassVar[dict[str, Any]] = {"hidden": (600,)}

    def _code_width(self) -> int:
        return 2 * int(self.n_latent)

    def _code(self, encoded: Tensor) -> Tensor:
        return encoded[:, : self.n_latent]

    def _batch_loss(self, rows: Rows, generator: torch.Generator, step: int) -> Tensor:
        seen = dropout(self._input(rows), self.input_dropout, generator)
        mean, log_variance = self.net_.encode(seen).chunk(2, dim=1)
        noise = torch.empty_like(mean).normal_(generator=generator)
        logits = self.net_.decode(mean + noise * (0.5 * log_variance).exp())
        weight = min(self.beta, step / self.anneal_steps)
        return LOSSES[self.loss_](logits, rows) + weight * gaussian_kl(mean, log_variance)
