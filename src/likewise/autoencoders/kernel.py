"""The kernel autoencoder: a code of likenesses to typical rows, decoded by a ridge regression.

Shapes: B rows, I items, L landmarks.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from likewise.autoencoders.base import BLOCK_BYTES, Autoencoder, Validate
from likewise.autoencoders.gram import column_counts
from likewise.autoencoders.parts import product, scaled, slices
from likewise.errors import InputError
from likewise.memory import require_memory

Floats = NDArray[np.float32]

LEAST_MEMBERS = 3
"""Rows that a landmark is the mean of, at least, where there are such landmarks at all."""

JITTERS = (1e-6, 1e-5, 1e-4)
"""Of the mean diagonal; keeps the system definite where landmarks nearly coincide."""


@dataclass(kw_only=True, eq=False, repr=False)
class KernelAutoencoder(Autoencoder):
    """One hidden layer of radial units: the encoder is drawn, the decoder solved in closed form.

    A row is discounted by its items' counts n and brought to unit length; its code says how like it
    is to each of L landmarks, and the decoder is the ridge regression of the rows on their codes::

        u(x) = x n⁻ᵃ / ‖x n⁻ᵃ‖                        a = item_power
        z_l  = exp(-2 gamma (1 - ⟨u(x), c_l⟩))        = exp(-gamma ‖u(x) - c_l‖²)
        x̂    = z W,    W = (ZᵀZ + l2 K)⁻¹ ZᵀX         K the likenesses of the landmarks themselves

    Parameters
    ----------
    n_landmarks : int
        L at most. Rows are drawn, and every row is given to the nearest; a landmark is the mean of
        the rows it was given, at unit length, and is left out where they are fewer than three.
    gamma : float
        How fast likeness falls with distance, as in scikit-learn's RBF kernel.
    l2 : float
        Ridge penalty.
    item_power : float in [0, 1]
        a, by how much items that many rows have say less about a row.
    random_state : int, RandomState or None
        Draws the landmarks.

    Attributes
    ----------
    landmarks_ : ndarray of shape (L, I), float32
        c; in memory item by item, as rows name items.
    decoder_ : ndarray of shape (L, I), float32
        W.
    item_scale_ : ndarray of shape (I,), float32
        n⁻ᵃ.

    Notes
    -----
    Where a linear autoencoder sums what single items say, this one knows combinations; its errors
    are others, so a blend of the two is ahead of both. With all rows as landmarks it is kernel
    ridge regression over users, as the infinitely wide autoencoder is (with another kernel).

    Work and memory grow with L (U L + I): a catalogue may be large. An empty row is equally unlike
    all landmarks, and is answered with something near popularity.

    References
    ----------
    N. Sachdeva, M. Dhaliwal, C.-J. Wu, J. McAuley, "Infinite recommendation networks: a
    data-centric approach", NeurIPS 2022, arXiv:2206.02626 (kernel ridge regression over users).
    C. Williams, M. Seeger, "Using the Nyström method to speed up kernel machines", NIPS 2000.
    K. Zhang, I. Tsang, J. Kwok, "Improved Nyström low-rank approximation and error analysis",
    ICML 2008, doi:10.1145/1390156.1390311 (means of clusters as landmarks).

    Examples
    --------
    >>> X = np.kron(np.eye(2), np.ones((9, 3))).astype(np.float32)
    >>> model = KernelAutoencoder(n_landmarks=6, l2=0.1, random_state=0).fit(X)
    >>> x_hat = model.reconstruct(np.array([[1, 1, 0, 0, 0, 0]], dtype=np.float32))
    >>> bool(x_hat[0, :3].min() > x_hat[0, 3:].max())
    True
    """

    n_landmarks: int = 1000
    gamma: float = 1.0
    l2: float = 3.0
    item_power: float = 0.3
    random_state: Any = None

    type_name: ClassVar[str] = "kernel"
    stochastic: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_landmarks": [Interval(Integral, 1, None, closed="left")],
        "gamma": [Interval(Real, 0, None, closed="neither")],
        "l2": [Interval(Real, 0, None, closed="neither")],
        "item_power": [Interval(Real, 0, 1, closed="both")],
        "random_state": ["random_state"],
    }

    def _fit(self, X: Any, validate: Validate | None) -> None:
        self._require_room(X)
        n_landmarks = min(self.n_landmarks, X.shape[0])
        self.item_scale_ = (np.maximum(column_counts(X), 1) ** -self.item_power).astype(np.float32)
        self._made_by = {"gamma": self.gamma}
        drawn = check_random_state(self.random_state).permutation(X.shape[0])[:n_landmarks]
        self.landmarks_ = self._means(X, _dense(self._unit(X[np.sort(drawn)])))
        self.decoder_ = self._regression(X)

    def _unit(self, X: Any) -> Any:
        """Return u(x) of rows, sparse if they are; an empty row stays empty."""
        rows = scaled(X, self.item_scale_)
        squares = np.asarray((rows * rows).sum(axis=1), dtype=np.float32).ravel()
        length = np.sqrt(np.where(squares > 0, squares, 1))[:, None]
        return sparse.csr_array(rows / length) if sparse.issparse(X) else rows / length

    def _means(self, X: Any, drawn: Floats) -> Floats:
        """Return the mean, at unit length, of the rows nearest to each drawn row."""
        total = np.zeros_like(drawn)
        members = np.zeros(len(drawn), dtype=np.int64)
        for block in self._learned_blocks(X):
            rows = self._unit(block)
            nearest = np.asarray(rows @ drawn.T).argmax(axis=1)
            one_hot = sparse.csr_array(
                (np.ones(len(nearest), np.float32), (nearest, np.arange(len(nearest)))),
                shape=(len(drawn), len(nearest)),
            )
            total += _dense(one_hot @ rows)
            members += np.bincount(nearest, minlength=len(drawn))
        kept = total[members >= min(LEAST_MEMBERS, members.max())]
        length = np.linalg.norm(kept, axis=1, keepdims=True)
        return np.asfortranarray(kept / np.where(length > 0, length, 1))

    def _learned_blocks(self, X: Any) -> Iterator[Any]:
        """Yield some rows at a time: of sparse ones as many as likenesses allow, however wide."""
        width = self.n_landmarks if sparse.issparse(X) else max(self.n_landmarks, X.shape[1])
        for part in slices(X.shape[0], max(1, BLOCK_BYTES // (4 * width))):
            yield X[part]

    def _regression(self, X: Any) -> Floats:
        """Return W, solved in float64."""
        L = len(self.landmarks_)
        A, right = np.zeros((L, L)), np.zeros((L, X.shape[1]), dtype=np.float32)
        for block in self._learned_blocks(X):
            Z = self._encode(block)
            A += Z.T @ Z
            right += np.asarray((block.T @ Z).T)
        A += self.l2 * _likeness(self.landmarks_ @ self.landmarks_.T, self.gamma)
        return _solved(A, right)

    def _encode(self, X: Any) -> Floats:
        return _likeness(product(self._unit(X), self.landmarks_.T), self.gamma)

    def _decode(self, Z: Any) -> Floats:
        result: Floats = np.asarray(Z @ self.decoder_, dtype=np.float32)
        return result

    def _logits(self, X: Any) -> Floats:
        return self._decode(self._encode(X))

    @property
    def _n_features_out(self) -> int:
        return len(self.landmarks_)

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {
            "landmarks": self.landmarks_.T,
            "decoder": self.decoder_,
            "item_scale": self.item_scale_,
        }

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        n = self.n_features_in_
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        L = len(tensors.get("decoder", ()))
        if shapes != {"landmarks": (n, L), "decoder": (L, n), "item_scale": (n,)}:
            raise InputError(
                f"a kernel autoencoder over {n} features has the tensors landmarks, {n} x L, "
                f"decoder, L x {n}, and item_scale, of {n} values"
            )
        self.landmarks_, self.decoder_ = tensors["landmarks"].T, tensors["decoder"]
        self.item_scale_ = tensors["item_scale"]
        self._made_by = {"gamma": self.gamma}

    def bytes_for(self, n_rows: int, n_items: int, n_values: int, is_sparse: bool = True) -> int:
        """Return what `fit` takes at its peak: blocks of likenesses are summed, or W is solved."""
        L = min(self.n_landmarks, n_rows)
        block = min(BLOCK_BYTES, 4 * n_rows * (L if is_sparse else max(L, n_items)))
        summed = 12 * L * n_items + 16 * L**2 + (2 if is_sparse else 4) * block
        return max(summed, 48 * L * n_items + 24 * L**2) + (48 * n_values if is_sparse else 0)

    def _require_room(self, X: Any) -> None:
        (n_rows, n_items), is_sparse = X.shape, sparse.issparse(X)
        n_landmarks = min(self.n_landmarks, n_rows)
        require_memory(
            self.bytes_for(n_rows, n_items, int(X.nnz) if is_sparse else 0, is_sparse),
            f"the kernel autoencoder of {n_landmarks:,} landmarks over {n_items:,} items",
            "lower n_landmarks",
        )


def _solved(A: NDArray[np.float64], right: Floats) -> Floats:
    """Return A⁻¹ right, in float64; A is of float32 products, which may leave it not definite."""
    mean = A.trace() / len(A)
    for jitter in JITTERS:
        A.flat[:: len(A) + 1] += jitter * mean
        try:
            W: Floats = linalg.solve(A, right, assume_a="pos").astype(np.float32)
        except linalg.LinAlgError:
            continue
        return W
    raise InputError(
        "the likenesses of the landmarks are so alike that float32 cannot tell them apart; raise "
        "l2 or gamma, or lower n_landmarks"
    )


def _likeness(cosines: Floats, gamma: float) -> Floats:
    """Return likenesses in the place of the cosines, of which a block is large."""
    cosines -= 1
    cosines *= np.float32(2 * gamma)
    return np.exp(cosines, out=cosines)


def _dense(rows: Any) -> Floats:
    result: Floats = np.asarray(rows.toarray() if sparse.issparse(rows) else rows, np.float32)
    return result
