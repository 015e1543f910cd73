"""The linear autoencoder in closed form: EASE, EDLAE, RDLAE and DAN as one class."""

import warnings
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils._param_validation import Interval
from torch import Tensor

from likewise.autoencoders.base import Autoencoder, Validate
from likewise.autoencoders.gram import GRAM_BYTES, column_counts, gram
from likewise.autoencoders.parts import product
from likewise.errors import InputError
from likewise.memory import require_memory
from likewise.nn.device import solver_for

MAX_RESIDUAL = 0.1
"""|P A v - v| / |v| of a random v beyond which an inverse P of A is refused."""


@dataclass(kw_only=True, eq=False, repr=False)
class LinearAutoencoder(Autoencoder):
    """Full-rank linear autoencoder x̂ = x B, solved in closed form.

    With G = Xᵀ D⁻ᵝ X (D the rows' lengths) and Λ = l2 + p / (1 - p) · diag(G)::

        P = (G + diag(Λ))⁻¹
        B = I - P · diag(max(Λ_j, (1 - ξ) / P_jj))         so that B_jj ≤ ξ
        B_ij ← B_ij · n_iᵅ / n_jᵅ                          n the items' counts

    The code is the row itself. What keeps B from being the identity is not a narrow code but the
    rule that no item may explain itself.

    Parameters
    ----------
    l2 : float
        Ridge penalty λ.
    dropout : float in [0, 1)
        p, the share of the input that a denoising linear autoencoder drops, in expectation (EDLAE).
    relaxation : float in [0, 1)
        ξ, how much of itself an item may explain at most; 0 is EASE's zero diagonal (RDLAE).
    item_power : float
        α, by how much the scores of items bought often are lowered (DAN).
    user_power : float
        β, by how much the rows of users who bought much count less (DAN).
    device : str
        Where the inverse is taken: "cpu", "cuda", or "auto", which is CUDA where it has room for
        the matrix four times. B itself lies in the machine's memory.

    Attributes
    ----------
    B_ : ndarray of shape (I, I), float32
        Row i says what having item i adds to the score of every other item.

    Notes
    -----
    =========== =========================================== =====================================
    EASE        l2 only                                     Steck 2019, arXiv:1905.03375
    EDLAE       l2, dropout                                 Steck 2020, NeurIPS 33
    RLAE, RDLAE relaxation (and dropout)                    Moon et al. 2023, arXiv:2305.12922
    DAN         item_power, user_power (and dropout)        Park et al. 2024, arXiv:2404.05107
    =========== =========================================== =====================================

    EDLAE's constant factor 1 / (1 - p) on B is left out: it changes no ranking.
    B is not symmetric: column j is the regression of item j on all the others.

    Examples
    --------
    >>> X = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1]], dtype=np.float32)
    >>> model = LinearAutoencoder(l2=1.0).fit(X)
    >>> model.B_.round(2)
    array([[ 0.  ,  0.67, -0.25],
           [ 0.57,  0.  ,  0.37],
           [-0.29,  0.5 ,  0.  ]], dtype=float32)
    """

    l2: float = 500.0
    dropout: float = 0.0
    relaxation: float = 0.0
    item_power: float = 0.0
    user_power: float = 0.0
    device: str = "auto"

    type_name: ClassVar[str] = "linear"
    additive: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "l2": [Interval(Real, 0, None, closed="neither")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "relaxation": [Interval(Real, 0, 1, closed="left")],
        "item_power": [Interval(Real, 0, 1, closed="both")],
        "user_power": [Interval(Real, 0, 2, closed="both")],
        "device": [str],
    }

    def _fit(self, X: Any, validate: Validate | None) -> None:
        self._require_square(X.shape[1], _n_values(X))
        self._solver(X.shape[1])  # refuses one that is not there before the work
        self.__dict__.pop("_gram", None)
        self._solve(self._weighted_gram(X), column_counts(X))

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Add the rows of `X` to those seen so far, and solve again.

        The Gram matrix is kept for it, which doubles the memory. `fit` and `load` keep none: after
        them it starts anew, and warns.
        """
        before: tuple[Tensor, NDArray[np.float64]] | None = getattr(self, "_gram", None)
        if before is None and self.__sklearn_is_fitted__():
            warnings.warn(
                "partial_fit starts anew: fit and load keep no Gram matrix to add rows to; "
                "learn with partial_fit from the first rows on",
                stacklevel=2,
            )
        self._validate_params()
        rows = self._checked(X, reset=before is None)
        self._require_square(rows.shape[1], _n_values(rows), kept=2)
        G, counts = self._weighted_gram(rows), column_counts(rows)
        if before is not None:
            G, counts = G + before[0], counts + before[1]
        self._solve(G.clone(), counts)
        self._gram = (G, counts)  # of rows that were refused nothing is kept
        self.is_fitted_ = True
        return self

    def _weighted_gram(self, X: Any) -> Tensor:
        if not self.user_power:
            return gram(X)
        length = X.count_nonzero(axis=1) if sparse.issparse(X) else np.count_nonzero(X, axis=1)
        return gram(X, np.maximum(length, 1).astype(np.float32) ** -self.user_power)

    def _solve(self, G: Tensor, counts: NDArray[np.float64]) -> None:
        """Turn the Gram matrix into B, in its own memory."""
        A = G.to(self._solver(len(G)))
        penalty = self.l2 + self.dropout / (1 - self.dropout) * A.diagonal().clone()
        A.diagonal().add_(penalty)
        P = _inverse(A)
        scale = torch.maximum(penalty, (1 - self.relaxation) / P.diagonal())
        B = P.mul_(-scale)
        B.diagonal().add_(1)
        if not self.relaxation:
            B.fill_diagonal_(0)
        if self.item_power:
            power = torch.from_numpy(np.maximum(counts, 1) ** self.item_power).to(B)
            B.mul_(power[:, None]).div_(power)
        self.B_: NDArray[np.float32] = (G.copy_(B) if B.is_cuda else B).numpy()

    def _solver(self, n: int) -> torch.device:
        return solver_for(self.device, 4 * 4 * n**2, f"the inverse of a {n:,}² matrix")

    def _logits(self, X: Any) -> NDArray[np.float32]:
        return product(X, self.B_)

    def _unit_logits(self, columns: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.B_[columns]

    def _terms(self, columns: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float32]:
        terms: NDArray[np.float32] = self.B_[np.ix_(columns, targets)]
        return terms

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {"B": self.B_}

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        n = self.n_features_in_
        if set(tensors) != {"B"} or tensors["B"].shape != (n, n):
            raise InputError(f"a linear autoencoder over {n} features has one {n} x {n} tensor, B")
        self.B_ = tensors["B"]

    @staticmethod
    def bytes_for(n_items: int, n_values: int = 0) -> int:
        """Return what `fit` takes at its peak: B, and a little; for so many items and purchases."""
        return int(1.3 * 4 * n_items**2) + 4 * GRAM_BYTES + 32 * n_values

    def _require_square(self, n: int, n_values: int = 0, kept: int = 0) -> None:
        """Refuse what would not fit; `kept` more matrices are held than `fit` holds."""
        require_memory(
            self.bytes_for(n, n_values) + kept * 4 * n**2,
            f"the linear autoencoder over {n:,} items ({n:,}² matrix, solved in float32)",
            "leave out rare items (with --drop), or use NeighbourhoodAutoencoder "
            "(--model neighbourhood), which never makes that matrix",
        )


def _n_values(X: Any) -> int:
    """Return how many values rows have; dense ones become sparse for the Gram matrix."""
    return int(X.nnz if sparse.issparse(X) else X.size)


def _inverse(A: Tensor) -> Tensor:
    """Return the inverse of a symmetric positive definite matrix, written over it.

    The transposed view is what LAPACK calls its own order: nothing is copied. Two products with a
    probe tell whether float32 (and, beyond 46,340 items, the library's index arithmetic) sufficed.
    """
    probe = torch.randn(len(A), generator=torch.Generator().manual_seed(0)).to(A)
    image = A @ probe
    info = torch.empty((), dtype=torch.int32, device=A.device)
    factor, info = torch.linalg.cholesky_ex(A.mT, out=(A.mT, info))
    if not int(info):
        torch.cholesky_inverse(factor, out=factor)
    if int(info) or not torch.dist(A @ image, probe) <= MAX_RESIDUAL * probe.norm():
        raise InputError(
            "the Gram matrix is not positive definite in float32; raise l2 "
            "(the weights may be very large: consider weighting='binary')"
        )
    return A
