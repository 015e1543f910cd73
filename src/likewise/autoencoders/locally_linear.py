"""The locally linear autoencoder: directions in which items lie as those bought with them do.

Shapes: U rows, I items, L latent.
"""

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from sklearn.utils._param_validation import Interval

from likewise.autoencoders.parts import product
from likewise.autoencoders.spectral import OVERSAMPLES, SpectralAutoencoder

Floats = NDArray[np.float32]

TURNS = 12
"""How often directions are multiplied before they are told apart."""


@dataclass(kw_only=True, eq=False, repr=False)
class LocallyLinearAutoencoder(SpectralAutoencoder):
    """A code of L numbers in which each item lies where the items bought with it say it does.

    Items are laid out by locally linear embedding, the neighbours of an item being all others, with
    the weights B of the full-rank linear autoencoder (EASE). With W = diag(|x_u|⁻ᵇ), V holds the
    vectors that B changes least, most of all those of popular items::

        G = Xᵀ W X,  λ = l2 · mean G_ii,  D = diag(1 / (G_ii + λ))      n the items' counts
        V = argmin ‖(VᵀB - Vᵀ) D⁻ᵖ‖²  with VᵀV = 1                     p = popularity_power
        z = (x n⁻ᵃ) V,    x̂ = (z Vᵀ) nᵃ               a = item_power, b = user_power

    B is never made: I - B is (G + λ)⁻¹ with its columns brought to a diagonal of 1, which is taken
    to be about D before. So V are the L leading right singular vectors of D¹⁺ᵖ (G + λ): of what
    share of an item's buyers bought each other item, with p = 0.

    Parameters
    ----------
    n_latent : int
        L at most: never more than rows or items.
    l2 : float in (0, 1e6]
        Ridge penalty of B, in mean diagonals of G: what few have bought lies by itself.
    popularity_power : float in [0, 1]
        p, by how much more it counts that popular items lie where they should.
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
    The spectral autoencoder keeps the directions in which *rows* differ most, which popular items
    have most say in; here each item has one row, however popular. Work grows with the purchases
    times L, memory with the rows and items times L. An item that no row has gets the code 0, to
    rounding, if there are as many others as directions.

    The published method draws the vectors of another model towards such ones, turn after turn; that
    alone, repeated, is a subspace iteration for V, which is what is kept of it. It has rows of one
    weight (b = 0), p = 0, a = 0 and λ in purchases, and leaves out what was bought less often than
    some number.

    References
    ----------
    I. Shenbin, S. Nikolenko, "ImplicitSLIM and how it improves embedding-based collaborative
    filtering", ICLR 2024, arXiv:2406.00198. S. Roweis, L. Saul, "Nonlinear dimensionality reduction
    by locally linear embedding", Science 290, 2000, doi:10.1126/science.290.5500.2323.
    X. Feng et al., "Faster randomized SVD with dynamic shifts", 2024, arXiv:2404.09276.
    H. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019, arXiv:1905.03375.

    Examples
    --------
    >>> X = np.kron(np.eye(2), np.ones((9, 3))).astype(np.float32)
    >>> model = LocallyLinearAutoencoder(n_latent=2, random_state=0).fit(X)
    >>> model.reconstruct(np.array([[1, 1, 0, 0, 0, 0]], dtype=np.float32)).round(2) + 0
    array([[0.67, 0.67, 0.67, 0.  , 0.  , 0.  ]], dtype=float32)
    """

    n_latent: int = 64
    l2: float = 5.0
    popularity_power: float = 0.25
    item_power: float = 0.2
    user_power: float = 1.0

    type_name: ClassVar[str] = "lle"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **SpectralAutoencoder._parameter_constraints,
        "l2": [Interval(Real, 0, 1e6, closed="right")],
        "popularity_power": [Interval(Real, 0, 1, closed="both")],
    }

    def _directions(self, X: Any, n_latent: int, random: np.random.RandomState) -> Floats:
        R, diagonal = _of_mean_one(self._weighted(X))
        RT = sparse.csr_array(R.T) if sparse.issparse(R) else R.T
        ridged = (diagonal + self.l2) ** -(1 + self.popularity_power)
        # what nobody has says nothing of others, nor should it be a direction of its own
        share = np.where(diagonal > 0, ridged, 0).astype(np.float32)[:, None]

        def of_pairs(V: Floats) -> Floats:
            return product(RT, product(R, V)) + np.float32(self.l2) * V

        width = min(n_latent + OVERSAMPLES, R.shape[1])
        V, _ = _orthogonal(random.standard_normal((R.shape[1], width)).astype(np.float32))
        shift = 0.0
        for _ in range(TURNS):
            image = of_pairs(share**2 * of_pairs(V))
            image -= np.float32(shift) * V  # what is not sought stays behind sooner
            V, triangle = _orthogonal(image)
            shift = (shift + float(np.linalg.svd(triangle, compute_uv=False)[-1])) / 2
        image = share * of_pairs(V)
        _, turned = np.linalg.eigh(image.T @ image)
        found: Floats = turned[:, : -n_latent - 1 : -1].T @ V.T
        largest = np.abs(found).argmax(axis=1)
        found *= np.sign(found[np.arange(n_latent), largest])[:, None]
        return found


def _orthogonal(columns: Floats) -> tuple[Floats, Floats]:
    """Return an orthogonal base of columns, and the triangle that they are of it."""
    base, triangle = linalg.qr(columns, mode="economic", overwrite_a=True, check_finite=False)
    return np.ascontiguousarray(base), triangle


def _of_mean_one(R: Any) -> tuple[Any, NDArray[np.float64]]:
    """Return rows by one factor, so that the squares of a column are 1 on average, and these.

    Examples
    --------
    >>> _of_mean_one(np.array([[2.0, 0.0], [2.0, 0.0]]))[1]
    array([2., 0.])
    """
    if sparse.issparse(R):
        squares = np.bincount(R.indices, R.data.astype(np.float64) ** 2, minlength=R.shape[1])
    else:
        squares = np.einsum("ui,ui->i", R, R, dtype=np.float64)
    mean = squares.mean() or 1.0
    return R * np.float32(mean**-0.5), squares / mean
