"""The linear autoencoder of large catalogues: every item is solved within its neighbourhood."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils._param_validation import Interval, StrOptions

from likewise.autoencoders import conjugate
from likewise.autoencoders.base import Autoencoder, Validate
from likewise.autoencoders.columns import of_columns
from likewise.autoencoders.gram import column_counts
from likewise.autoencoders.linear import LinearAutoencoder
from likewise.autoencoders.parts import in_threads, scores_of, slices
from likewise.autoencoders.ties import (
    NO_ITEM,
    ROW_BYTES,
    Ties,
    additions_of,
    ties_bytes,
    with_itself,
)
from likewise.errors import InputError
from likewise.memory import GIB, available_memory, require_memory

BLOCK_BYTES = 64 * 1024**2
"""Matrices solved at a time, by each thread."""
MOST_GRAM_BYTES = 4 * GIB
"""What the kept Gram matrix takes unless more is asked for."""


@dataclass(kw_only=True, eq=False, repr=False)
class NeighbourhoodAutoencoder(Autoencoder):
    """Linear autoencoder x̂ = x B with a sparse B, solved item by item.

    :class:`~likewise.LinearAutoencoder` inverts the Gram matrix of all items. Here each item j has
    the k others of the largest cosine as its neighbourhood N, and its column is that of the exact
    solution over N ∪ {j} alone::

        P = (G_NN + diag(Λ_N))⁻¹,   Λ = l2 + p / (1 - p) · diag(G)
        B_Nj = e_j - P_Nj · max(Λ_j, (1 - ξ) / P_jj),   0 elsewhere
        B_ij ← B_ij · n_iᵅ / n_jᵅ

    Who buys what nearly everybody buys is said by nearly all items. The columns of the most bought
    ones are therefore solved over all items, by conjugate gradients.

    Time and memory grow with the items times k², and times k; no dense I x I matrix is made.

    Parameters
    ----------
    l2 : float
        Ridge penalty λ.
    dropout : float in [0, 1)
        p, the share of the input that is dropped, in expectation (EDLAE).
    relaxation : float in [0, 1)
        ξ, how much of itself an item may explain at most (RDLAE).
    item_power : float
        α, by how much the scores of items bought often are lowered (DAN).
    user_power : float
        β, by how much the rows of users who bought much count less (DAN).
    n_neighbours : int
        k. With all other items (I - 1 or more) the solution is the exact one.
    n_whole : int
        How many of the most bought items have a column that is solved over all items. With all of
        them the solution is the exact one.
    gram_gib : float or "auto"
        GiB that the kept Gram matrix may take. Where all of it would be larger, each item keeps its
        ties of the largest cosine, and the others count as 0. "auto" is a third of what memory is
        free, and 4 at most.

    Attributes
    ----------
    B_ : csr_array of shape (I, I), float32
        Row i says what having item i adds to the score of other items.

    References
    ----------
    H. Steck, "Markov random fields for collaborative filtering", NeurIPS 2019, arXiv:1910.09645,
    restricts the inverse to blocks of neighbours; here every item has a block of its own.

    Examples
    --------
    >>> X = sparse.csr_array([[1.0, 1, 0], [1, 1, 0], [0, 1, 1]])
    >>> NeighbourhoodAutoencoder(l2=1.0, n_neighbours=1, n_whole=0).fit(X).B_.toarray().round(2)
    array([[0.  , 0.67, 0.  ],
           [0.5 , 0.  , 0.25],
           [0.  , 0.  , 0.  ]], dtype=float32)
    """

    l2: float = 500.0
    dropout: float = 0.0
    relaxation: float = 0.0
    item_power: float = 0.0
    user_power: float = 0.0
    n_neighbours: int = 200
    n_whole: int = 200
    gram_gib: float | str = "auto"

    type_name: ClassVar[str] = "neighbourhood"
    additive: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **LinearAutoencoder._parameter_constraints,
        "n_neighbours": [Interval(Integral, 1, None, closed="left")],
        "n_whole": [Interval(Integral, 0, None, closed="left")],
        "gram_gib": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    }

    def _fit(self, X: Any, validate: Validate | None) -> None:
        rows = self._weighted(X)
        self._require(rows)
        counts = column_counts(X)
        by_count = np.argsort(-counts, kind="stable").astype(np.int32)
        whole, groups, values = self._solved(rows[:, by_count])
        power = ((np.maximum(counts, 1) ** self.item_power)[by_count]).astype(np.float32)
        p = whole.shape[1]
        whole *= power[:, None]
        whole /= power[:p]
        values *= power[groups]
        values /= power[p:, None]
        values[groups == NO_ITEM] = 0
        self.B_ = of_columns(whole, groups, by_count, values)

    def _solved(self, X: Any) -> tuple[NDArray[Any], NDArray[np.int32], NDArray[Any]]:
        """Return the whole columns of B, and the neighbourhoods and weights of the other items.

        Each item is in its own neighbourhood. Items are numbered by how often they occur.
        """
        p = self._n_whole(X.shape[1])
        diagonal, penalty, groups, values = self._within_neighbourhoods(X, start=p)
        return self._whole_columns(X, diagonal, penalty, p), groups[p:], values[p:]

    def _within_neighbourhoods(self, X: Any, start: int) -> tuple[NDArray[Any], ...]:
        """Return XᵀX of each item with itself, the penalty, and the columns from `start` on."""
        n_items = X.shape[1]
        k = self._block_size(n_items)
        ties = Ties.of(X, k - 1, self._max_entries(n_items))
        if not np.isfinite(ties.diagonal).all():
            raise InputError("float32 cannot sum the squares of the rows' values; scale them down")
        penalty = self.l2 + self.dropout / (1 - self.dropout) * ties.diagonal
        groups, values = np.empty((n_items, k), np.int32), np.empty((n_items, k), np.float32)

        def solve(part: slice) -> None:
            groups[part], values[part] = self._columns(ties, penalty, part)

        for _ in in_threads(solve, slices(n_items, _at_a_time(k), start)):
            pass
        return ties.diagonal, penalty, groups, values

    def _whole_columns(
        self, X: Any, diagonal: NDArray[np.float32], penalty: NDArray[np.float32], p: int
    ) -> NDArray[np.float32]:
        """Return the first p columns of B, solved over all items."""
        try:
            P, own = conjugate.inverse_columns(X, diagonal, penalty, p), np.arange(p)
        except ZeroDivisionError:  # a step's length is lost in float32
            P, own = np.full((p, p), np.nan, np.float32), np.arange(p)
        if not (np.isfinite(P).all() and (P[own, own] > 0).all()):
            raise InputError(
                f"float32 is too coarse for l2={self.l2:g} and the rows' values; raise l2, or "
                "scale them"
            )
        P *= -np.maximum(penalty[:p], (1 - self.relaxation) / P[own, own])
        P[own, own] = P[own, own] + 1 if self.relaxation else 0
        return P

    def _columns(
        self, ties: Ties, penalty: NDArray[np.float32], part: slice
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the items of some neighbourhoods, and their weights in the columns of B."""
        from likewise.autoencoders.compiled import inverse_columns  # numba takes half a second

        items = np.arange(len(ties.diagonal), dtype=np.int32)[part]
        groups = with_itself(ties.neighbours[part], items)
        blocks = torch.from_numpy(ties.blocks(groups))
        ridge = np.where(groups == NO_ITEM, 1, penalty[groups]).astype(np.float32)
        blocks.diagonal(dim1=1, dim2=2).add_(torch.from_numpy(ridge))
        factors = _factors(blocks)
        own = groups == items[:, None]
        P = np.zeros(groups.shape, np.float32)
        inverse_columns(factors.mT.contiguous().numpy(), own.argmax(axis=1), P)
        scale = np.maximum(penalty[part], (1 - self.relaxation) / P[own])
        weights = own - P * scale[:, None]
        if not self.relaxation:
            weights[own] = 0
        return groups, weights

    def _weighted(self, X: Any) -> Any:
        rows = sparse.csr_array(X)
        rows.eliminate_zeros()
        if not self.user_power:
            return rows
        length = np.maximum(np.diff(rows.indptr), 1).astype(np.float32)
        scale = length ** (-self.user_power / 2)
        return sparse.csr_array(rows.multiply(scale[:, None]), dtype=np.float32)

    def _block_size(self, n_items: int) -> int:
        return min(self.n_neighbours, n_items - 1) + 1

    def _n_whole(self, n_items: int) -> int:
        """Return how many columns are solved over all items; a neighbourhood of all is exact."""
        return min(self.n_whole, n_items) if self._block_size(n_items) < n_items else 0

    def _max_entries(self, n_items: int) -> int:
        return max(n_items, int(min(self._gram_bytes() / 8, n_items * (n_items - 1) / 2)))

    def _gram_bytes(self) -> float:
        if isinstance(self.gram_gib, str):
            return min(MOST_GRAM_BYTES, available_memory() / 3)
        return self.gram_gib * GIB

    def bytes_for(self, n_items: int, n_values: int, additions: int | None = None) -> int:
        """Return what `fit` takes at its peak, for so many items and purchases.

        Less, where it is known how many additions the Gram matrix of the purchases takes.
        """
        k, p = self._block_size(n_items), self._n_whole(n_items)
        entries = self._max_entries(n_items)
        kept = 8 * (entries if additions is None else min(entries, additions // 2))
        at_a_time = min(n_items, torch.get_num_threads() * _at_a_time(k))
        multiplying = kept + 4 * n_items * k + ties_bytes(n_items, n_values, additions)
        solving = kept + 12 * n_items * k + 3 * 4 * at_a_time * k**2
        whole = 8 * n_items * k + 4 * n_items * p + conjugate.bytes_for(n_items, p)
        made_one = 24 * n_items * k + 22 * n_items * p
        return ROW_BYTES * n_values + max(multiplying, solving, whole, made_one)

    def _require(self, rows: Any) -> None:
        require_memory(
            self.bytes_for(rows.shape[1], rows.nnz, additions_of(rows)),
            f"the neighbourhoods of {rows.shape[1]:,} items ({self.n_neighbours} neighbours each, "
            f"and {self._gram_bytes() / GIB:.2g} GiB of their Gram matrix)",
            "lower n_neighbours, n_whole or gram_gib, or leave out rare items (with --drop)",
        )

    def _logits(self, X: Any) -> NDArray[np.float32]:
        return scores_of(sparse.csr_array(X), self.B_)

    def _unit_logits(self, columns: NDArray[np.int64]) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = self.B_[columns].toarray()
        return rows

    def _unit_codes(self, columns: NDArray[np.int64]) -> Any:
        return self.B_[columns]

    def _terms(self, columns: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float32]:
        terms: NDArray[np.float32] = self.B_[columns][:, targets].toarray()
        return terms

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {"data": self.B_.data, "indices": self.B_.indices, "indptr": self.B_.indptr}

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        n = self.n_features_in_
        if set(tensors) != {"data", "indices", "indptr"} or tensors["data"].dtype != np.float32:
            raise InputError("a sparse B has three tensors: data (float32), indices and indptr")
        try:
            B = sparse.csr_array(
                (tensors["data"], tensors["indices"], tensors["indptr"]), shape=(n, n)
            )
            B.check_format(full_check=True)
        except ValueError as error:
            raise InputError(f"the sparse B over {n} items is no valid {n} x {n} CSR") from error
        self.B_ = B


def _at_a_time(k: int) -> int:
    """Return how many systems of k unknowns a thread solves at a time."""
    return max(1, BLOCK_BYTES // (4 * k * k))


def _factors(blocks: torch.Tensor) -> torch.Tensor:
    """Return the Cholesky factors; halve what items share where a block is not positive definite.

    That happens where ties were left out of the Gram matrix, or where float32 is too coarse.
    """
    factors: torch.Tensor
    factors, info = torch.linalg.cholesky_ex(blocks)
    while (failed := torch.nonzero(info)[:, 0]).numel():
        diagonal = torch.diag_embed(blocks[failed].diagonal(dim1=1, dim2=2))
        blocks[failed] = (blocks[failed] + diagonal) / 2
        factors[failed], info[failed] = torch.linalg.cholesky_ex(blocks[failed])
    return factors
