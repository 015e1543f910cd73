"""The spectral autoencoder: the directions in which rows differ most, and back.

Shapes: B rows, I items, L latent.
"""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.extmath import randomized_svd

from likewise.autoencoders.base import Autoencoder, Validate
from likewise.autoencoders.gram import column_counts
from likewise.autoencoders.parts import product, scaled
from likewise.errors import InputError
from likewise.memory import require_memory

Floats = NDArray[np.float32]

OVERSAMPLES = 10
"""Directions that are looked for beyond those that are kept, so that these are found well."""


@dataclass(kw_only=True, eq=False, repr=False)
class SpectralAutoencoder(Autoencoder):
    """The best linear autoencoder with a code of L numbers, of rows brought to a common scale.

    With n the items' counts and |x| the items of a row, V holds the L leading right singular
    vectors of all rows, so scaled::

        R_ui = |x_u|⁻ᵇ⸍² x_ui n_i⁻ᵃ ≈ U S Vᵀ         a = item_power, b = user_power
        z = (x n⁻ᵃ) V,    x̂ = (z Vᵀ) nᵃ

    Parameters
    ----------
    n_latent : int
        L at most: never more than rows or items.
    item_power : float in [0, 1]
        a, by how much items that many rows have say less.
    user_power : float in [0, 2]
        b, by how much the rows of users who bought much count less.
    random_state : int, RandomState or None
        Starts the search for the singular vectors.

    Attributes
    ----------
    components_ : ndarray of shape (L, I), float32
        Vᵀ, the strongest direction first; in memory item by item, as rows name items.
    item_scale_ : ndarray of shape (I,), float32
        n⁻ᵃ.

    Notes
    -----
    On a graph of users and items this is an ideal low-pass filter (a = ½, b = 1). It knows what is
    common to many items, where a full-rank linear autoencoder knows pairs: a blend of the two is
    ahead of both. Work grows with the purchases times L, memory with the items times L.

    References
    ----------
    C. Eckart, G. Young, "The approximation of one matrix by another of lower rank", Psychometrika
    1, 1936. P. Baldi, K. Hornik, "Neural networks and principal component analysis", Neural
    Networks 2, 1989 (what a linear autoencoder with a bottleneck learns).
    N. Halko, P.-G. Martinsson, J. Tropp, "Finding structure with randomness", SIAM Review 53, 2011.
    Y. Shen et al., "How powerful is graph convolution for recommendation?" (GF-CF), CIKM 2021,
    arXiv:2108.07567.

    Examples
    --------
    >>> X = np.kron(np.eye(2), np.ones((9, 3))).astype(np.float32)
    >>> model = SpectralAutoencoder(n_latent=2, random_state=0).fit(X)
    >>> model.reconstruct(np.array([[1, 1, 0, 0, 0, 0]], dtype=np.float32)).round(2) + 0
    array([[0.67, 0.67, 0.67, 0.  , 0.  , 0.  ]], dtype=float32)
    """

    n_latent: int = 100
    item_power: float = 0.5
    user_power: float = 1.0
    random_state: Any = None

    type_name: ClassVar[str] = "spectral"
    stochastic: ClassVar[bool] = True
    additive: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_latent": [Interval(Integral, 1, None, closed="left")],
        "item_power": [Interval(Real, 0, 1, closed="both")],
        "user_power": [Interval(Real, 0, 2, closed="both")],
        "random_state": ["random_state"],
    }

    def _fit(self, X: Any, validate: Validate | None) -> None:
        n_latent = min(self.n_latent, *X.shape)
        require_memory(
            directions_bytes(n_latent, *X.shape)
            + (32 * X.nnz if sparse.issparse(X) else 10 * X.size),
            f"the {self.type_name} autoencoder of {n_latent:,} directions over {X.shape[1]:,} "
            "items",
            "lower n_latent",
        )
        self.item_scale_ = (np.maximum(column_counts(X), 1) ** -self.item_power).astype(np.float32)
        random = check_random_state(self.random_state)
        components = self._directions(X, n_latent, random)
        self.components_: Floats = np.asfortranarray(components, dtype=np.float32)

    def _directions(self, X: Any, n_latent: int, random: np.random.RandomState) -> Floats:
        """Return Vᵀ, of shape (L, I)."""
        _, _, components = randomized_svd(
            self._weighted(scaled(X, self.item_scale_)),
            n_components=n_latent,
            n_oversamples=OVERSAMPLES,
            n_iter=4,
            random_state=random,
        )
        found: Floats = components
        return found

    def _weighted(self, X: Any) -> Any:
        """Return each row times |x|⁻ᵇ⸍², sparse if the rows are."""
        length = X.count_nonzero(axis=1) if sparse.issparse(X) else np.count_nonzero(X, axis=1)
        weight = (np.maximum(length, 1) ** (-self.user_power / 2)).astype(np.float32)[:, None]
        R = X * weight
        return sparse.csr_array(R) if sparse.issparse(X) else R

    def _encode(self, X: Any) -> Floats:
        return product(scaled(X, self.item_scale_), self.components_.T)

    def _decode(self, Z: Any) -> Floats:
        rows: Floats = np.asarray(Z @ self.components_, dtype=np.float32)
        return rows / self.item_scale_

    def _logits(self, X: Any) -> Floats:
        return self._decode(self._encode(X))

    def _terms(self, columns: NDArray[np.int64], targets: NDArray[np.int64]) -> Floats:
        V, scale = self.components_.T, self.item_scale_
        terms = (V[columns] * scale[columns, None]) @ V[targets].T / scale[targets]
        return np.asarray(terms, dtype=np.float32)

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {"components": self.components_.T, "item_scale": self.item_scale_}

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        n = self.n_features_in_
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        components = tensors.get("components", np.empty((0, 0)))
        if shapes != {"components": (n, components.shape[-1]), "item_scale": (n,)}:
            raise InputError(
                f"the {self.type_name} autoencoder over {n} features has the tensors components, "
                f"{n} x L, and item_scale, of {n} values"
            )
        if not (tensors["item_scale"] > 0).all():
            raise InputError("item_scale holds a number that is not above 0")
        self.components_, self.item_scale_ = components.T, tensors["item_scale"]


def directions_bytes(n_latent: int, n_rows: int, n_items: int) -> int:
    """Return what finding so many directions takes: six matrices of them, and of ten more."""
    return 24 * (n_latent + OVERSAMPLES) * (n_rows + n_items)
