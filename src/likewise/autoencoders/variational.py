"""The variational autoencoder: its code is a distribution, pulled towards a prior."""

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.neural_memory import times_kept
from likewise.errors import InputError
from likewise.nn.corruption import dropout
from likewise.nn.device import resolve_device
from likewise.nn.importance import Posterior, log_mean_exp
from likewise.nn.output import held_logits
from likewise.nn.rows import Rows, SparseRows

ANNEALED = torch.tensor(math.inf)
"""A step at which the weight of the prior grows no more."""


@dataclass(kw_only=True, eq=False, repr=False)
class VariationalAutoencoder(NeuralAutoencoder):
    """Variational autoencoder: z ~ N(μ(x), σ²(x)), loss = -log p(x | z) + β KL(N(μ, σ²) ‖ N(0, 1)).

    On purchases this is Mult-VAE: rows of unit length, dropout on the input, the multinomial
    likelihood, β annealed. The code of a row is its mean μ(x); nothing is drawn after training.

    Parameters
    ----------
    input_dropout : float in [0, 1) or "auto"
        Share of a row's values dropped while training; "auto" is .5 for purchases, 0 for tables.
    beta : float or "auto"
        Largest weight of the KL term; "auto" is .2 for purchases, 1 for tables: a likelihood.
    anneal_steps : int or "auto"
        Steps over which the weight grows linearly from 0 to 1; it is cut off at `beta`. "auto" is
        200,000 for purchases, 500 for tables.
    n_importance : int
        K, the samples of the importance-weighted bound; 1 is the usual bound, whose KL is exact::

            loss = -log (1/K) Σ_k p(x | z_k) (p(z_k) / q(z_k | x))^β
    binarise : bool
        For grey images under the Bernoulli loss: each value is the probability of a 1, and is drawn
        anew every time that `fit` passes it (dynamic binarisation). Likelihoods are then those of
        zeros and ones.
    **parameters
        Those of :class:`~likewise.autoencoders.neural.NeuralAutoencoder`.

    References
    ----------
    D. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014, arXiv:1312.6114.
    Y. Burda, R. Grosse, R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016,
    arXiv:1509.00519.
    R. Salakhutdinov, I. Murray, "On the quantitative analysis of deep belief networks", ICML 2008,
    DOI 10.1145/1390156.1390266 (dynamic binarisation).
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
    samples: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralAutoencoder._parameter_constraints,
        "input_dropout": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"})],
        "beta": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "anneal_steps": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_importance": [Interval(Integral, 1, None, closed="left")],
        "binarise": ["boolean"],
    }

    n_latent: int = 200
    input_dropout: float | str = "auto"
    beta: float | str = "auto"
    anneal_steps: int | str = "auto"
    n_importance: int = 1
    binarise: bool = False

    _purchases: ClassVar[dict[str, Any]] = {
        "hidden": (600,),
        "input_dropout": 0.5,
        "beta": 0.2,
        "anneal_steps": 200_000,
    }
    _tables: ClassVar[dict[str, Any]] = {"input_dropout": 0.0, "beta": 1.0, "anneal_steps": 500}

    def log_likelihood(self, X: Any, n_samples: int = 5000) -> NDArray[np.float64]:
        """Return log p(x) of each row, estimated by importance sampling, of shape (n,).

        log p(x) ≈ log (1/S) Σ_s p(x | z_s) p(z_s) / q(z_s | x), z_s ~ q(z | x), a lower bound in
        expectation that tightens with S (Burda et al., 2016). The noise behind the samples is the
        same for all rows, so that a row's answer does not depend on those beside it, but for the
        last bits of a float32.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n, F)
            The rows. A Bernoulli likelihood is one for values 0 and 1, not for greys between them.
        n_samples : int
            S.

        Returns
        -------
        ndarray of shape (n,)
            In nats. Under the squared loss that of a Gaussian of variance 1/2 in scaled units;
            under the multinomial one without the number of orders the items could come in.
        """
        self._require_fitted()
        if not isinstance(n_samples, int | np.integer) or n_samples < 1:
            raise InputError(f"n_samples={n_samples!r}; give a whole number, 1 or more")
        blocks = self._blocks(self._checked(X))
        return np.concatenate([self._log_likelihood(block, int(n_samples)) for block in blocks])

    def _code_width(self) -> int:
        return 2 * int(self.n_latent)

    def _code(self, encoded: Tensor) -> Tensor:
        return encoded[:, : self.n_latent]

    def _batch_loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        return self._bound(rows, generator, step, self.setting("input_dropout"))

    def _bound(
        self, rows: Rows, generator: torch.Generator, step: Tensor, dropped: float
    ) -> Tensor:
        """Return the loss of each row where a share `dropped` of its values is not seen."""
        if self.binarise:
            rows = self._drawn(rows, generator)
        seen = dropout(self._input(rows), dropped, generator)
        q = Posterior.of(self.net_.encode(seen))
        weight: Tensor = (step / self.setting("anneal_steps")).clamp(max=self.setting("beta"))
        if self.n_importance == 1:
            z = q.at(q.noise(generator))
            return self._explained(z, rows, generator) + weight * q.kl()
        draws = q.mean.new_empty(self.n_importance, *q.mean.shape).normal_(generator=generator)
        ratios = (self._log_ratio(rows, q, noise, weight, generator) for noise in draws)
        return -log_mean_exp(ratios, self.n_importance)

    @torch.inference_mode()
    def _held_out_score(self, X: Any) -> float:
        """Return the bound of held rows, the prior in full: the codes' means tell nothing of it."""
        generator = torch.Generator(self.device_).manual_seed(0)
        blocks = (self._rows(block) for block in self._blocks(X))
        step = ANNEALED.to(self.device_)
        losses = torch.cat([self._bound(rows, generator, step, 0.0) for rows in blocks])
        return -float(losses.double().mean())

    def _bytes_to_fit(self, X: Any) -> int:
        """Return that of one draw, and what is held of each further one for its slope.

        Of a draw that is the noise, z and what the prior's ratio is made of, twice what they have
        numbers, as measured; what goes into and out of the decoder's layers; and the logits.
        """
        n_rows, n_features = min(self.setting("batch_size"), X.shape[0]), X.shape[1]
        how = self.output if self.loss_ == "multinomial" else "full"
        layers = n_rows * (10 * self.n_latent + 2 * sum(self.setting("hidden")))
        device = resolve_device(self.device).type
        logits = held_logits(how, n_rows, n_features, device) // 3
        a_draw = 4 * times_kept(device) * (layers + logits)
        return super()._bytes_to_fit(X) + (self.n_importance - 1) * int(a_draw)

    def _drawn(self, rows: Rows, generator: torch.Generator) -> Tensor:
        """Return zeros and ones whose probabilities the values are."""
        if self.loss_ != "bernoulli" or isinstance(rows, SparseRows):
            raise InputError(
                f"binarise=True needs dense rows and the bernoulli loss (it is {self.loss_}); "
                "set binarise=False, or give X with values in [0, 1]"
            )
        return torch.bernoulli(rows, generator=generator)

    def _log_ratio(
        self,
        rows: Rows,
        q: Posterior,
        noise: Tensor,
        weight: float | Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Return log p(x | z) + β (log p(z) - log q(z | x)) for z = μ + σ ε, of shape (B,)."""
        return weight * q.log_prior_ratio(noise) - self._explained(q.at(noise), rows, generator)

    @torch.inference_mode()
    def _log_likelihood(self, X: Any, n_samples: int) -> NDArray[np.float64]:
        rows = self._rows(X)
        q = Posterior.of(self.net_.encode(self._input(rows)))
        generator = torch.Generator(self.device_).manual_seed(0)  # also after `load`
        width = q.mean.shape[1]
        draws = (q.mean.new_empty(width).normal_(generator=generator) for _ in range(n_samples))
        ratios = (self._log_ratio(rows, q, noise, 1.0, generator) for noise in draws)
        found: NDArray[np.float64] = log_mean_exp(ratios, n_samples).cpu().numpy()
        return found + self._log_unit()

    def _log_unit(self) -> float:
        """Return what the squared loss leaves out of the logarithm of a density."""
        if self.loss_ != "squared":
            return 0.0
        scale = self.scaling_.scale if self.scaling_ else 1.0
        return -int(self.n_features_in_) * (0.5 * math.log(math.pi) + math.log(scale))
