"""Support: how many baskets held two items together."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from likewise.data.interactions import CSR
from likewise.errors import InputError
from likewise.memory import require_memory


@dataclass(frozen=True)
class Support:
    """Counts of baskets that hold two items together; it knows pairs of items, and no customer.

    Parameters
    ----------
    pairs : csr_array of shape (I, I), int32
        Above the diagonal, the number of baskets that hold both items; on it, those that hold one.

    Examples
    --------
    >>> support = Support.of(sparse.csr_array([[1, 1, 0], [1, 1, 1]]))
    >>> support.rows(np.array([0]))
    array([[2, 2, 1]], dtype=int32)
    """

    pairs: Any

    @classmethod
    def of(cls, matrix: CSR) -> Self:
        """Count pairs in the rows of a users x items matrix."""
        length = np.diff(matrix.indptr).astype(np.float64)
        require_memory(
            int(24 * min(np.square(length).sum(), float(matrix.shape[1]) ** 2)),
            f"the counts of pairs of {matrix.shape[1]:,} items",
            "leave out rare items, or baskets with very many",
        )
        ones = matrix.astype(np.int32)
        ones.data[:] = 1
        pairs = sparse.triu(ones.T @ ones, format="csr")
        pairs.sort_indices()
        return cls(sparse.csr_array(pairs, dtype=np.int32))

    @classmethod
    def none(cls, n_items: int) -> Self:
        """Return counts of no baskets at all."""
        return cls(sparse.csr_array((n_items, n_items), dtype=np.int32))

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the counts as arrays, for the model folder."""
        return {
            "counts": self.pairs.data,
            "indices": self.pairs.indices.astype(np.int32),
            "indptr": self.pairs.indptr.astype(np.int64),
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, NDArray[Any]], n_items: int) -> Self:
        """Take the arrays back, checked."""
        try:
            parts = tuple(tensors[name] for name in ("counts", "indices", "indptr"))
            pairs = sparse.csr_array(parts, shape=(n_items, n_items))
            pairs.check_format(full_check=True)
        except (KeyError, ValueError) as error:
            raise InputError(f"the support counts are no {n_items} x {n_items} CSR") from error
        if pairs.dtype != np.int32 or (pairs.data < 0).any() or len(tensors) != 3:
            raise InputError("support is counts: int32, none negative")
        return cls(pairs)

    def rows(self, items: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the counts of these items with all items, of shape (n, I)."""
        below = self._transposed[items].toarray()
        counts: NDArray[np.int32] = self.pairs[items].toarray() + below
        counts[np.arange(len(items)), items] //= 2
        return counts

    @cached_property
    def _transposed(self) -> Any:
        return self.pairs.T.tocsr()
