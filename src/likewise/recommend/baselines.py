"""What an autoencoder has to beat: popularity, and neighbours by counting.

They keep the contract of :class:`~likewise.autoencoders.base.Autoencoder` (the code is the row
itself), so whatever recommends, evaluates or saves an autoencoder does so with them.
"""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils._param_validation import Interval

from likewise.autoencoders.base import Autoencoder, Validate
from likewise.autoencoders.gram import column_counts
from likewise.autoencoders.parts import arrays, as_indptr, in_threads, parts_of, scores_of
from likewise.errors import InputError
from likewise.memory import require_memory

ADDITIONS_AT_A_TIME = 2**24
"""Work of a thread before it takes the next items."""


class Popularity(Autoencoder):
    """Every row gets the same scores: in how many rows an item occurs.

    Attributes
    ----------
    counts_ : ndarray of shape (I,), float32
        Rows that hold each item.

    Examples
    --------
    >>> Popularity().fit(sparse.csr_array([[1.0, 1.0], [1.0, 0.0]])).logits(np.zeros((1, 2)))
    array([[2., 1.]], dtype=float32)
    """

    type_name: ClassVar[str] = "popularity"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}

    def _fit(self, X: Any, validate: Validate | None) -> None:
        self.counts_ = column_counts(X).astype(np.float32)

    def _logits(self, X: Any) -> NDArray[np.float32]:
        return np.tile(self.counts_, (X.shape[0], 1))

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {"counts": self.counts_}

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        n = self.n_features_in_
        if set(tensors) != {"counts"} or tensors["counts"].shape != (n,):
            raise InputError(f"popularity over {n} items has one tensor, counts")
        if tensors["counts"].dtype != np.float32:
            raise InputError(f"popularity's counts are {tensors['counts'].dtype}, not float32")
        self.counts_ = tensors["counts"]


class PersonalFrequency(Popularity):
    """What a row has most of comes first, popularity second: x̂ = x + share of rows (below 1).

    The one to beat where customers buy the same things again. Counts are wanted:
    ``Recommender(PersonalFrequency(), weighting="linear")``.

    References
    ----------
    H. Hu et al., "Modeling personalized item frequency information for next-basket recommendation",
    SIGIR 2020, arXiv:2006.00556.

    Examples
    --------
    >>> model = PersonalFrequency().fit(sparse.csr_array([[1.0, 1.0, 0], [1.0, 0.0, 0]]))
    >>> model.logits(np.array([[0, 0, 3]])).argsort()[0, ::-1]
    array([2, 0, 1])
    """

    type_name: ClassVar[str] = "personal-frequency"

    def _logits(self, X: Any) -> NDArray[np.float32]:
        own = X.toarray() if sparse.issparse(X) else X
        result: NDArray[np.float32] = own + self.counts_ / (1 + self.counts_.max())
        return result


class _Neighbours(Autoencoder):
    """Item-to-item similarities, sparse: x̂ = x S."""

    additive: ClassVar[bool] = True
    S_: Any

    def _logits(self, X: Any) -> NDArray[np.float32]:
        return scores_of(sparse.csr_array(X), self.S_)

    def _unit_codes(self, columns: NDArray[np.int64]) -> Any:
        return self.S_[columns]

    def _terms(self, columns: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float32]:
        terms: NDArray[np.float32] = self.S_[columns][:, targets].toarray()
        return terms

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {"data": self.S_.data, "indices": self.S_.indices, "indptr": self.S_.indptr}

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        n = self.n_features_in_
        try:
            parts = tuple(tensors[name] for name in ("data", "indices", "indptr"))
            if len(tensors) > len(parts):
                raise ValueError("there are other tensors beside it")
            self.S_ = sparse.csr_array(parts, shape=(n, n))
            self.S_.check_format(full_check=True)
        except (KeyError, ValueError) as error:
            raise InputError(f"item neighbours of {n} items are a valid {n} x {n} CSR") from error
        if len(tensors) != 3 or self.S_.dtype != np.float32:
            raise InputError("item neighbours have three tensors, data of them float32")


@dataclass(kw_only=True, eq=False, repr=False)
class ItemNeighbours(_Neighbours):
    """Item k-nearest-neighbours: x̂ = x S, S a shrunk, popularity-discounted co-count.

    With C_ij the rows that hold both items and n_i = C_ii::

        S_ij = C_ij / (n_iᵃ · n_jᵇ + shrinkage),        S_ii = 0, the k largest of each column kept

    With a = b = ½ and no shrinkage this is the cosine. b discounts popular items less (0) or more
    (1); `shrinkage` distrusts pairs that were seen a few times.

    Parameters
    ----------
    n_neighbours : int
        k, all other items (I - 1) at most: a larger number is taken as that.
    shrinkage : float
        Added to the denominator.
    discount : float in [0, 1]
        b; a is 1 - b.

    Attributes
    ----------
    S_ : csr_array of shape (I, I), float32
        The similarities.

    References
    ----------
    G. Linden, B. Smith, J. York, "Amazon.com recommendations: item-to-item collaborative
    filtering", IEEE Internet Computing 7(1), 2003. DOI 10.1109/MIC.2003.1167344.
    M. Deshpande, G. Karypis, "Item-based top-N recommendation algorithms", ACM TOIS 22(1), 2004.
    DOI 10.1145/963770.963776.

    Examples
    --------
    >>> X = sparse.csr_array([[1.0, 1, 0], [1, 1, 0], [0, 1, 1]])
    >>> ItemNeighbours(shrinkage=0).fit(X).S_.toarray().round(2)
    array([[0.  , 0.82, 0.  ],
           [0.82, 0.  , 0.58],
           [0.  , 0.58, 0.  ]], dtype=float32)
    """

    n_neighbours: int = 100
    shrinkage: float = 10.0
    discount: float = 0.5

    type_name: ClassVar[str] = "item-knn"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_neighbours": [Interval(Integral, 1, None, closed="left")],
        "shrinkage": [Interval(Real, 0, None, closed="left")],
        "discount": [Interval(Real, 0, 1, closed="both")],
    }

    def _fit(self, X: Any, validate: Validate | None) -> None:
        rows = _without_zeros(X)
        counts = column_counts(rows)
        powers = counts ** (1 - self.discount), counts**self.discount
        self.S_ = _nearest(
            rows, np.ones(rows.shape[0]), powers, float(self.shrinkage), self.n_neighbours
        )


@dataclass(kw_only=True, eq=False, repr=False)
class RP3Beta(_Neighbours):
    """RP³β: x̂ = x S, S a walk from item to customer to item, popular ends discounted.

    With n_i the rows that hold item i and |u| the items of row u::

        S_ij = n_j⁻ᵝ Σ_u (1 / n_i)ᵅ (1 / |u|)ᵅ,      S_ii = 0, the k largest of each column kept

    Parameters
    ----------
    n_neighbours : int
        k, all other items (I - 1) at most: a larger number is taken as that.
    alpha : float
        α, by how much steps of low probability count less.
    beta : float
        β, by how much popular items are discounted.

    Attributes
    ----------
    S_ : csr_array of shape (I, I), float32
        The similarities.

    References
    ----------
    B. Paudel et al., "Updatable, accurate, diverse, and scalable recommendations for interactive
    applications", ACM TiiS 7(1), 2017. DOI 10.1145/2955101.

    Examples
    --------
    >>> X = sparse.csr_array([[1.0, 1, 0], [1, 1, 0], [0, 1, 1]])
    >>> RP3Beta(alpha=1.0, beta=0.0).fit(X).S_.toarray().round(2)
    array([[0.  , 0.5 , 0.  ],
           [0.33, 0.  , 0.17],
           [0.  , 0.5 , 0.  ]], dtype=float32)
    """

    n_neighbours: int = 100
    alpha: float = 0.8
    beta: float = 0.4

    type_name: ClassVar[str] = "rp3beta"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_neighbours": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, 2, closed="both")],
        "beta": [Interval(Real, 0, 2, closed="both")],
    }

    def _fit(self, X: Any, validate: Validate | None) -> None:
        rows = _without_zeros(X)
        counts = np.maximum(column_counts(rows), 1)
        length = np.maximum(np.diff(rows.indptr), 1).astype(np.float64)
        powers = counts**self.alpha, counts**self.beta
        self.S_ = _nearest(rows, length**-self.alpha, powers, 0.0, self.n_neighbours)


def _without_zeros(X: Any) -> Any:
    rows = sparse.csr_array(X)
    rows.eliminate_zeros()
    return rows


def _nearest(
    rows: Any, weights: NDArray[np.float64], powers: tuple[Any, Any], shrinkage: float, k: int
) -> Any:
    """Return, of each column j, the k largest S_ij = Σ_u w_u / (p_i q_j + shrinkage) beside S_jj.

    The sum is over the rows u that hold both; of equal ones the smaller i is kept.
    """
    from likewise.autoencoders.compiled import nearest_in_columns  # numba takes half a second

    n_items = rows.shape[1]
    k = max(1, min(k, n_items - 1))
    require_memory(
        nearest_bytes(n_items, rows.nnz, k), f"{k:,} neighbours of {n_items:,} items each",
        "lower n_neighbours, or leave out rare items (with --drop)",
    )  # fmt: skip
    columns = sparse.csc_array(rows)
    neighbours, values = np.empty((n_items, k), np.int32), np.empty((n_items, k), np.float32)
    counts = np.empty(n_items, np.int64)
    added = np.concatenate([[0], np.cumsum(np.diff(rows.indptr)[columns.indices])])

    def find(part: slice) -> None:
        nearest_in_columns(
            part.start, arrays(columns)[:2], arrays(rows)[:2], weights, powers, shrinkage,
            neighbours[part], values[part], counts[part],
        )  # fmt: skip

    for _ in in_threads(find, parts_of(np.diff(added[columns.indptr]), ADDITIONS_AT_A_TIME)):
        pass
    kept = np.arange(k) < counts[:, None]
    indptr = as_indptr(np.concatenate([[0], np.cumsum(counts)]))
    S = sparse.csc_array((values[kept], neighbours[kept], indptr), shape=(n_items, n_items))
    return S.tocsr()


def nearest_bytes(n_items: int, n_values: int, k: int) -> int:
    """Return what finding k neighbours of each item takes: the rows turned, and S four times."""
    of_thread = 32 * n_items
    return 36 * n_items * k + 24 * n_values + torch.get_num_threads() * of_thread
