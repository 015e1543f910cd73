"""The linear autoencoder of large catalogues: every item is solved within its neighbourhood."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils._param_validation import Interval, StrOptions

from likewise.autoencoders import cholesky, conjugate
from likewise.autoencoders.base import Autoencoder, Validate, copy_of
from likewise.autoencoders.columns import of_columns
from likewise.autoencoders.density import Density, Room, Sizes, at_a_time, densities, room
from likewise.autoencoders.gram import column_counts
from likewise.autoencoders.linear import LinearAutoencoder
from likewise.autoencoders.parts import in_threads, scores_of, slices
from likewise.autoencoders.ties import NO_ITEM, Ties, with_itself
from likewise.errors import InputError
from likewise.memory import GIB, available_memory, require_memory

OF_MEMORY = ("n_neighbours", "n_whole")
"""Parameters that the rows and memory decide where they are "auto"."""


@dataclass(kw_only=True, eq=False, repr=False)
class NeighbourhoodAutoencoder(Autoencoder):
    """Linear autoencoder x̂ = x B with a sparse B, solved item by item.

    :class:`~likewise.LinearAutoencoder` inverts the Gram matrix of all items. Here each item j has
    the k others of the largest cosine as its neighbourhood N, and its column is that of the exact
    solution over N ∪ {j} alone::

        P = (G_NN + diag(Λ_N))⁻¹,   Λ = l2 + p / (1 - p) · diag(G)
        B_Nj = e_j - P_Nj · max(Λ_j, (1 - ξ) / P_jj),   0 elsewhere
        B_ij ← B_ij · n_iᵅ / n_jᵅ

    Who buys what nearly everybody buys is said by nearly all items. Where there are such items the
    columns of the most bought ones are solved over all items, by conjugate gradients.

    Time and memory grow with the items times k², and times k; no dense I x I matrix is made. What
    is "auto" depends on the free memory: as much of it gives the same model, and a number
    gives the same model whatever memory there is, or is refused.

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
    n_neighbours : int or "auto"
        k, all other items (I - 1) at most: a larger number is taken as that, and the solution is
        the exact one. "auto" is 400 where "auto" columns over all items are none and items 60,000
        at most, else 200; or the first of 200, 100, 50 and 25 that memory has room for.
    n_whole : int or "auto"
        How many of the most bought items have a column that is solved over all items, I at most.
        With all of them the solution is the exact one. "auto" is 0 where no item is in a tenth of
        the rows; else 200, 100, 50 or 25 as for `n_neighbours`, the same where both are.
    gram_gib : float or "auto"
        GiB that the kept Gram matrix may take. Where all of it would be larger, each item keeps its
        ties of the largest cosine, and the others count as 0. "auto" is a third of what memory is
        free, and 4 at most.

    Attributes
    ----------
    B_ : csr_array of shape (I, I), float32
        Row i says what having item i adds to the score of other items.
    n_neighbours_, n_whole_ : int
        What was taken of the items; no column is apart where all others are neighbours. Given as
        numbers, they make the same model.

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
    n_neighbours: int | str = "auto"
    n_whole: int | str = "auto"
    gram_gib: float | str = "auto"

    type_name: ClassVar[str] = "neighbourhood"
    additive: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **LinearAutoencoder._parameter_constraints,
        "n_neighbours": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "n_whole": [StrOptions({"auto"}), Interval(Integral, 0, None, closed="left")],
        "gram_gib": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    }

    def _checked(self, X: Any, *, reset: bool = False) -> Any:
        if reset:
            self._free = available_memory()  # a fit states its copies of the rows too
        return super()._checked(X, reset=reset)

    def _fit(self, X: Any, validate: Validate | None) -> None:
        rows, free = self._weighted(X), self._free
        density = self._require(rows, free)
        counts = column_counts(X)
        by_count = np.argsort(-counts, kind="stable").astype(np.int32)
        whole, groups, values = self._solved(rows[:, by_count], density, free)
        power = ((np.maximum(counts, 1) ** self.item_power)[by_count]).astype(np.float32)
        whole *= power[:, None]
        whole /= power[: whole.shape[1]]
        values *= power[groups]
        values /= power[whole.shape[1] :, None]
        values[groups == NO_ITEM] = 0
        self.B_ = of_columns(whole, groups, by_count, values)
        taken = density.of_items(X.shape[1])
        self.n_neighbours_, self.n_whole_ = taken.n_neighbours, taken.n_whole

    def _solved(
        self, X: Any, density: Density, free: int
    ) -> tuple[NDArray[Any], NDArray[np.int32], NDArray[Any]]:
        """Return the whole columns of B, and the neighbourhoods and weights of the other items.

        Each item is in its own neighbourhood. Items are numbered by how often they occur.
        """
        p = density.whole_columns(X.shape[1])
        diagonal, penalty, groups, values = self._within_neighbourhoods(X, density, free, start=p)
        return self._whole_columns(X, diagonal, penalty, p), groups[p:], values[p:]

    def _within_neighbourhoods(
        self, X: Any, density: Density, free: int, start: int
    ) -> tuple[NDArray[Any], ...]:
        """Return XᵀX of each item with itself, the penalty, and the columns from `start` on."""
        n_items = X.shape[1]
        k = density.block_size(n_items)
        ties = Ties.of(X, k - 1, density.max_entries(n_items, free))
        if not np.isfinite(ties.diagonal).all():
            raise InputError("float32 cannot sum the squares of the rows' values; scale them down")
        with np.errstate(over="ignore"):  # `_own_of` refuses what comes of an infinite one
            penalty = self.l2 + self.dropout / (1 - self.dropout) * ties.diagonal
        groups, values = np.empty((n_items, k), np.int32), np.empty((n_items, k), np.float32)

        def solve(part: slice) -> None:
            groups[part], values[part] = self._columns(ties, penalty, part)

        for _ in in_threads(solve, slices(n_items, at_a_time(k), start)):
            pass
        return ties.diagonal, penalty, groups, values

    def _whole_columns(
        self, X: Any, diagonal: NDArray[np.float32], penalty: NDArray[np.float32], p: int
    ) -> NDArray[np.float32]:
        """Return the first p columns of B, solved over all items."""
        try:
            P = conjugate.inverse_columns(X, diagonal, penalty, p)
        except ZeroDivisionError:  # a step's length is lost in float32
            P = np.full((p, p), np.nan, np.float32)
        own = np.arange(p), np.arange(p)
        P *= -np.maximum(penalty[:p], (1 - self.relaxation) / self._own_of(P, own))
        P[own] = P[own] + 1 if self.relaxation else 0
        return P

    def _own_of(self, P: NDArray[np.float32], own: Any) -> NDArray[np.float32]:
        """Return what columns of an inverse hold at their own place; refuse useless ones."""
        if not (np.isfinite(P).all() and (P[own] > 0).all()):
            way = "raise" if self.l2 < 1e30 else "lower"
            raise InputError(
                f"float32 is too coarse for l2={self.l2:g} and the rows' values; {way} l2, or "
                "scale them"
            )
        found: NDArray[np.float32] = P[own]
        return found

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
        own = groups == items[:, None]
        P = np.zeros(groups.shape, np.float32)
        try:
            factors = cholesky.factors(blocks).mT.contiguous().numpy()
            inverse_columns(factors, own.argmax(axis=1), P)
        except ArithmeticError:  # no factors can be found, or one is lost in float32
            P[:] = np.nan
        scale = np.maximum(penalty[part], (1 - self.relaxation) / self._own_of(P, own))
        weights = own - P * scale[:, None]
        if not self.relaxation:
            weights[own] = 0
        return groups, weights

    def _weighted(self, X: Any) -> Any:
        rows = sparse.csr_array(X)
        rows.eliminate_zeros()
        if not self.user_power:
            return rows
        scale = np.maximum(np.diff(rows.indptr), 1).astype(np.float32) ** (-self.user_power / 2)
        return sparse.csr_array(rows.multiply(scale[:, None]), dtype=np.float32)

    def room_on(self, X: Any, free: int | None = None) -> Room:
        """Return how dense `fit` of a CSR matrix would make it, where so much memory is free.

        None is what is free now.
        """
        return self._room(Sizes.of(X), available_memory() if free is None else free)

    def _room(self, sizes: Sizes, free: int) -> Room:
        given = self.n_neighbours, self.n_whole, self.gram_gib
        return room(densities(*given, sizes), sizes, free)

    def bytes_for(self, sizes: Sizes) -> int:
        """Return what `fit` takes at its peak, for such rows; the least where there is no room."""
        free = available_memory()
        taken = self._room(sizes, free).taken
        return taken.bytes_with(max(free, taken.least_memory(sizes)), sizes)

    def _require(self, rows: Any, free: int) -> Density:
        """Return how dense it is to be made of these rows; refuse them where none has room."""
        sizes = Sizes.of(rows)
        taken = self._room(sizes, free).taken
        needed, k = taken.least_memory(sizes), taken.of_items(sizes.n_items).n_neighbours
        if needed > free:
            require_memory(
                needed,
                f"the neighbourhoods of {rows.shape[1]:,} items ({k} neighbours "
                f"each, and {taken.gram_bytes(needed) / GIB:.2g} GiB of their Gram matrix)",
                "lower n_neighbours, n_whole or gram_gib, or leave out rare items (with --drop)",
            )
        return taken

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

    def _extra(self) -> dict[str, Any]:
        autos = [name for name in OF_MEMORY if isinstance(getattr(self, name), str)]
        chosen = {name: getattr(self, f"{name}_") for name in autos}
        return super()._extra() | ({"chosen": chosen} if chosen else {})

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
        self._restore_density(extra.get("chosen", {}))

    def _restore_density(self, chosen: Any) -> None:
        """Take back what was "auto"; a folder of numbers alone does not say it again."""
        given = {name: getattr(self, name) for name in OF_MEMORY}
        for name in (name for name, value in given.items() if isinstance(value, str)):
            if not isinstance(chosen, dict) or isinstance(chosen.get(name, ""), str):
                raise InputError(f"chosen does not say what {name} is")
            given[name] = chosen[name]
        copy_of(self).set_params(**given)._validate_params()
        taken = Density(*map(int, given.values())).of_items(self.n_features_in_)
        self.n_neighbours_, self.n_whole_ = taken.n_neighbours, taken.n_whole
