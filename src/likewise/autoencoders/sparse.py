"""The sparse autoencoder: few of its many code units are active for any row."""

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from likewise.autoencoders.base import Validate
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.errors import InputError
from likewise.nn.rows import Rows

SHARE, ACTIVE = 0.05, 13
"""Of the units, and how many units of a short code, are active where nobody says."""

SILENT = {"l1": 0.0, "kl": 0.01, "k-sparse": 0.0}
"""The largest activation of a unit that is not active."""


@dataclass(kw_only=True, eq=False, repr=False)
class SparseAutoencoder(NeuralAutoencoder):
    """Sparse autoencoder: x̂ = g(h), loss + λ (F / L) Ω(h), the code longer than what it needs.

    ========== ============ ==============================================================
    penalty    h            Ω(h)
    ========== ============ ==============================================================
    "l1"       relu(a)      Σ |h|
    "kl"       sigmoid(a)   Σ KL(ρ ‖ ρ̂), ρ̂ a unit's mean activation over the batch
    "k-sparse" top k of a   none: all but the k = ρ L largest are set to 0
    ========== ============ ==============================================================

    Parameters
    ----------
    n_latent : int
        L, the length of the code; often longer than the row.
    penalty : {"l1", "kl", "k-sparse"}
        What keeps the code sparse.
    penalty_weight : float
        λ; it counts for each feature and for a unit's mean, so that it suits any F and L.
    sparsity : float in (0, 1) or "auto"
        ρ, the share of units that is to be active, for "kl" and "k-sparse". "auto" is .05, but for
        "k-sparse" 13 units where they are more, and half of the code at most.
    **parameters
        Those of :class:`~likewise.autoencoders.neural.NeuralAutoencoder`.

    Attributes
    ----------
    dead_units_ : ndarray of int
        The code units that no row of the last `fit` or `partial_fit` makes active.

    References
    ----------
    H. Lee, C. Ekanadham, A. Ng, "Sparse deep belief net model for visual area V2", NeurIPS 2007
    (the penalty on mean activations). A. Makhzani, B. Frey, "k-sparse autoencoders", ICLR 2014,
    arXiv:1312.5663.

    Examples
    --------
    >>> X = np.random.default_rng(0).random((100, 6), dtype=np.float32)
    >>> model = SparseAutoencoder(n_latent=20, sparsity=0.1, random_state=0).fit(X)
    >>> np.count_nonzero(model.transform(X), axis=1).max()
    np.int64(2)
    """

    type_name: ClassVar[str] = "sparse"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralAutoencoder._parameter_constraints,
        "penalty": [StrOptions(set(SILENT))],
        "penalty_weight": [Interval(Real, 0, None, closed="left")],
        "sparsity": [Interval(Real, 0, 1, closed="neither"), StrOptions({"auto"})],
    }

    n_latent: int = 256
    penalty: str = "k-sparse"
    penalty_weight: float = 0.1
    sparsity: float | str = "auto"

    _tables: ClassVar[dict[str, Any]] = {"hidden": ()}

    def _code(self, encoded: Tensor) -> Tensor:
        if self.penalty == "l1":
            return torch.relu(encoded)
        if self.penalty == "kl":
            return torch.sigmoid(encoded)
        largest = encoded.topk(max(1, round(self.setting("sparsity") * self.n_latent)), dim=1)
        return torch.zeros_like(encoded).scatter(1, largest.indices, largest.values)

    def _require_fitted(self) -> None:
        super()._require_fitted()
        share = self.setting("sparsity")  # answers heed what is set after a fit
        if not (isinstance(share, Real) and 0 < float(share) < 1):
            raise InputError(
                f"sparsity={share!r} was set after the fit; give the share of the {self.n_latent} "
                "units that is to be active, between 0 and 1"
            )

    def _batch_loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        code = self._code(self.net_.encode(self._input(rows)))
        loss = self._explained(code, rows, generator)
        weight = float(self.penalty_weight * self.n_features_in_)
        return loss + weight * self._penalty(code)

    def _penalty(self, code: Tensor) -> Tensor:
        """Return Ω / L of each row."""
        if self.penalty == "l1":
            return code.mean(1)
        if self.penalty == "kl":
            return bernoulli_kl(self.setting("sparsity"), code.float().mean(0)).mean()
        return code.new_zeros(())

    def _recordable(self) -> bool:
        return super()._recordable() and self.penalty != "kl"  # of a batch's mean

    def _defaults(self, X: Any) -> dict[str, Any]:
        share = SHARE
        if self.penalty == "k-sparse":
            share = max(SHARE, min(0.5, ACTIVE / self.n_latent))
        return super()._defaults(X) | {"sparsity": share}

    def _fit(self, X: Any, validate: Validate | None) -> None:
        super()._fit(X, validate)
        self.dead_units_ = self._dead_units(X)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Let the rows of `X` pass once, going on from the weights as they are."""
        super().partial_fit(X, y)
        self.dead_units_ = self._dead_units(self._checked(X))
        return self

    def _dead_units(self, X: Any) -> NDArray[np.int64]:
        active = [np.abs(self._encode(block)).max(axis=0) for block in self._blocks(X)]
        return np.flatnonzero(np.max(active, axis=0) <= SILENT[self.penalty])

    def _extra(self) -> dict[str, Any]:
        return super()._extra() | {"dead_units": self.dead_units_.tolist()}

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        super()._restore(tensors, extra)
        dead = self.dead_units_ = np.array(extra["dead_units"], dtype=np.int64)
        if dead.ndim != 1 or (dead < 0).any() or (dead >= self.n_latent).any():
            raise InputError(f"dead_units are none of the {self.n_latent} units of the code")


def bernoulli_kl(rho: float, mean: Tensor) -> Tensor:
    """Return KL(ρ ‖ ρ̂) = ρ log(ρ / ρ̂) + (1 - ρ) log((1 - ρ) / (1 - ρ̂)) of each unit.

    Examples
    --------
    >>> bernoulli_kl(0.1, torch.tensor([0.1, 0.5])).round(decimals=4)
    tensor([0.0000, 0.3681])
    """
    mean = mean.clamp(1e-6, 1 - 1e-6)
    return rho * (rho / mean).log() + (1 - rho) * ((1 - rho) / (1 - mean)).log()
