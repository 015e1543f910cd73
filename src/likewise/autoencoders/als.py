"""The factorisation autoencoder: codes and items' vectors, each the least squares of the other.

Shapes: B rows, I items, L latent, n values of a row that are not 0.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from likewise.autoencoders.base import Autoencoder, Validate
from likewise.autoencoders.collapse import bound_reached
from likewise.autoencoders.parts import arrays, in_threads, one_blas_thread, parts_of, read_only
from likewise.errors import InputError
from likewise.memory import require_memory

Floats = NDArray[np.float32]

A_PART = 100_000
"""Values that a thread solves for at a time, about, the code's own counted too."""

AT_A_TIME = 1024
"""Vectors that a thread gathers at once, of a row that names many."""

BLAS_BYTES = 4 * 1024**2
"""What a thread's products take for themselves, about."""

CHECKED = 256
"""Rows, of the shortest to the longest, whose codes are solved for exactly after the last turn."""

START = 0.1
"""Length of an item's vector before the first iteration, about."""


@dataclass(kw_only=True, eq=False, repr=False)
class ALSAutoencoder(Autoencoder):
    """A code that is the best one for the decoder, found anew for each row by least squares.

    The decoder has a vector v_i for each item; the code of a row is where what the decoder makes of
    it is nearest to the row, what the row does not have counting little::

        f(x) = argmin_h  Σ_{i: x_i ≠ 0} (x_i - ⟨h, v_i⟩)² + α Σ_i ⟨h, v_i⟩² + l2 (n + α I) |h|²
        x̂ = f(x) Vᵀ                                         α = unobserved_weight

    V is learned in turns: with all codes held, an item's vector is the same least squares over the
    rows, with as many rows as there are in place of I.

    Parameters
    ----------
    n_latent : int
        L at most: never more than rows or items.
    unobserved_weight : float
        α, how much what a row does not have counts beside what it has.
    l2 : float
        Ridge penalty of a value, of a row's or of an item's. What is so large, or values so small,
        that the best vectors are all 0 is refused.
    n_iter : int
        How often codes and vectors are solved for.
    n_steps : int
        Steps of conjugate gradients that each of these solutions goes on for, from the last one.
        With L or more it is solved exactly.
    random_state : int, RandomState or None
        Draws the vectors that the first codes are solved with.

    Attributes
    ----------
    components_ : ndarray of shape (L, I), float32
        Vᵀ; in memory item by item, as rows name items.

    Notes
    -----
    The encoder is not linear, though the decoder is: a code is weighed by the whole row, and tells
    apart a row that lacks an item from one that lacks many. Its errors are others than a full-rank
    linear autoencoder's, most of all where it fits closely (a small `l2`), so a blend of the two
    is ahead of both. Work grows with the purchases times L, and with rows and items times L²;
    solved exactly, as codes that are asked for always are, with the purchases times L², and with
    rows and items times L³. Memory grows with rows and items times L. An empty row has the code 0.

    References
    ----------
    Y. Hu, Y. Koren, C. Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM
    2008, doi:10.1109/ICDM.2008.22.
    S. Rendle, W. Krichene, L. Zhang, Y. Koren, "Revisiting the performance of iALS on item
    recommendation benchmarks", RecSys 2022, arXiv:2110.14037 (the penalty by frequency).
    G. Takács, I. Pilászy, D. Tikk, "Applications of the conjugate gradient method for implicit
    feedback collaborative filtering", RecSys 2011, doi:10.1145/2043932.2043987.

    Examples
    --------
    >>> X = np.kron(np.eye(2), np.ones((9, 3))).astype(np.float32)
    >>> model = ALSAutoencoder(n_latent=2, random_state=0).fit(X)
    >>> x_hat = model.reconstruct(np.array([[1, 1, 0, 0, 0, 0]], dtype=np.float32))
    >>> bool(x_hat[0, 2] > 0.5 > x_hat[0, 3:].max())
    True
    """

    n_latent: int = 64
    unobserved_weight: float = 0.1
    l2: float = 0.003
    n_iter: int = 10
    n_steps: int = 3
    random_state: Any = None

    type_name: ClassVar[str] = "als"
    stochastic: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_latent": [Interval(Integral, 1, None, closed="left")],
        "unobserved_weight": [Interval(Real, 0, None, closed="neither")],
        "l2": [Interval(Real, 0, None, closed="neither")],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "n_steps": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def _fit(self, X: Any, validate: Validate | None) -> None:
        self._require_room(X)
        rows = _without_zeros(X)
        self._require_effect(rows)
        columns = sparse.csr_array(rows.T)
        n_latent = min(self.n_latent, *X.shape)
        random = check_random_state(self.random_state)
        vectors = random.normal(0, START / np.sqrt(n_latent), (X.shape[1], n_latent))
        vectors = vectors.astype(np.float32)
        codes = np.zeros((X.shape[0], n_latent), np.float32)
        learn = self._solve if self.n_steps >= n_latent else self._improve
        with one_blas_thread():  # its threads beside ours would wait for each other
            for _ in range(self.n_iter):
                learn(rows, vectors, self._shared(vectors), codes)
                learn(columns, codes, self._shared(codes), vectors)
        self._take(vectors)
        lengths = np.diff(rows.indptr)
        by_length = np.argsort(lengths, kind="stable")[np.count_nonzero(lengths == 0) :]
        some = np.linspace(0, len(by_length) - 1, min(CHECKED, len(by_length))).astype(np.int64)
        self._encode(rows[by_length[some]])  # refuses what float32 is too coarse for

    def _require_effect(self, rows: Any) -> None:
        bound = bound_reached(rows, self.unobserved_weight, self.l2)
        if bound is not None:
            raise InputError(
                f"l2={self.l2:g} outweighs these rows: the best vectors are all 0; give l2 below "
                f"{bound:.4g}, or make the rows' values larger"
            )

    def _take(self, vectors: Floats) -> None:
        self.components_ = vectors.T
        self._made_by = {"l2": self.l2, "unobserved_weight": self.unobserved_weight}
        self._of_all = self._shared(vectors)

    def _shared(self, vectors: Floats) -> Floats:
        """Return what all systems have in common: α VᵀV, with the penalty of α I values."""
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            shared: Floats = np.float32(self.unobserved_weight) * (vectors.T @ vectors)
            shared.flat[:: len(shared) + 1] += self.l2 * self.unobserved_weight * len(vectors)
        self._require_held(shared)
        return shared

    def _solve(self, rows: Any, vectors: Floats, shared: Floats, codes: Floats) -> None:
        """Write the code of each row.

        Raises
        ------
        InputError
            If rounding leaves a system not definite, or float32 cannot hold its numbers.
        """
        from likewise.autoencoders.least_squares import solve_rows  # numba takes half a second

        try:
            self._in_parts(solve_rows, AT_A_TIME, rows, vectors, shared, codes)
        except np.linalg.LinAlgError as error:
            raise InputError(
                f"float32 is too coarse for l2={self.l2:g} and the values of these rows; raise l2, "
                "lower n_latent, or scale the columns up if their values are tiny"
            ) from error

    def _improve(self, rows: Any, vectors: Floats, shared: Floats, codes: Floats) -> None:
        """Bring the code of each row nearer to what it is."""
        from likewise.autoencoders.least_squares import improve_rows  # as above

        self._in_parts(improve_rows, int(self.n_steps), rows, vectors, shared, codes)

    def _in_parts(
        self,
        loop: Callable[..., None],
        n: int,
        rows: Any,
        vectors: Floats,
        shared: Floats,
        codes: Floats,
    ) -> None:
        csr, held = tuple(read_only(part) for part in arrays(rows)), read_only(vectors)

        def write(part: slice) -> None:
            some = (part.start, part.stop)
            loop(csr, some, held, read_only(shared), float(self.l2), n, codes)

        for _ in in_threads(write, parts_of(np.diff(csr[0]) + vectors.shape[1], A_PART)):
            pass
        self._require_held(codes)

    @staticmethod
    def _require_held(numbers: Floats) -> None:
        if not np.isfinite(numbers).all():
            raise InputError(
                "float32 does not hold what these rows' values come to; scale the columns down"
            )

    def _encode(self, X: Any) -> Floats:
        rows = _without_zeros(X)
        one_part = rows.nnz + len(self.components_) * rows.shape[0] < A_PART
        codes = np.empty((rows.shape[0], len(self.components_)), np.float32)
        with nullcontext() if one_part else one_blas_thread():  # as in _fit
            self._solve(rows, self.components_.T, self._of_all, codes)
        return codes

    def _decode(self, Z: Any) -> Floats:
        rows: Floats = np.asarray(Z @ self.components_, dtype=np.float32)
        return rows

    def _logits(self, X: Any) -> Floats:
        return self._decode(self._encode(X))

    @property
    def _n_features_out(self) -> int:
        return len(self.components_)

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {"components": self.components_.T}

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        n = self.n_features_in_
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        components = tensors.get("components", np.empty((0, 0)))
        if shapes != {"components": (n, components.shape[-1])}:
            raise InputError(
                f"a factorisation over {n} features has one tensor, components, {n} x L"
            )
        if components.dtype != np.float32 or not 1 <= components.shape[1] <= n:
            raise InputError(
                f"components are float32, and 1 to {n} numbers of an item, not {components.dtype}, "
                f"and {components.shape[1]}"
            )
        self._take(components)

    def bytes_for(self, n_rows: int, n_items: int, n_values: int) -> int:
        """Return what `fit` takes at its peak, for so many rows, items and purchases."""
        n_latent, n_both = min(self.n_latent, n_rows, n_items), n_rows + n_items
        of_thread = 4 * n_latent * (min(AT_A_TIME, n_both) + 3 * n_latent) + BLAS_BYTES
        of_all = 12 * n_latent * n_both + 48 * n_both + 32 * n_values
        return of_all + torch.get_num_threads() * of_thread

    def _require_room(self, X: Any) -> None:
        n_rows, n_items = X.shape
        n_values = X.nnz if sparse.issparse(X) else np.count_nonzero(X)
        require_memory(
            self.bytes_for(n_rows, n_items, int(n_values)),
            f"the factorisation of {n_rows:,} rows and {n_items:,} items into "
            f"{min(self.n_latent, n_rows, n_items):,} numbers each",
            "lower n_latent",
        )


def _without_zeros(X: Any) -> Any:
    """Return rows as a CSR matrix that holds none of the zeros that the rows may hold."""
    rows = sparse.csr_array(X)
    if not rows.data.all():
        rows = rows.copy()
        rows.eliminate_zeros()
    return rows
