"""Support: how many baskets held two items together."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from likewise.autoencoders.parts import as_indptr
from likewise.autoencoders.ties import ROW_BYTES, Ties, additions_of, ties_bytes
from likewise.data.interactions import CSR
from likewise.errors import InputError
from likewise.memory import available_memory, require_memory

MAX_PAIRS = 1 << 26
"""Pairs that are kept if nothing else is said and memory is not short: half a GiB."""

PAIR_BYTES = 40
"""What a pair takes while it is counted."""

SHARE = 0.9
"""Of the free memory, what is filled with pairs where nothing is said of how many."""


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
    >>> support.between(np.array([0]), np.array([[0, 1, 2]]))
    array([[2, 2, 1]], dtype=int32)
    """

    pairs: Any

    @classmethod
    def of(cls, matrix: CSR, max_pairs: int = MAX_PAIRS) -> Self:
        """Count pairs in the rows of a users x items matrix.

        Parameters
        ----------
        max_pairs : int
            How many to keep. Where there are more, each item keeps those with items bought more
            often than itself whose cosine is the largest, as many for each item; the others count
            as 0.
        """
        require_memory(
            cls.bytes_for(matrix, max_pairs),
            f"counting the pairs of {matrix.shape[1]:,} items",
            "count fewer (support=1_000_000), or none (support=False)",
        )
        return cls._counted(matrix, max_pairs)

    @classmethod
    def that_fits(cls, matrix: CSR) -> Self:
        """Count as many pairs as the free memory has room for, `MAX_PAIRS` at most, or none.

        What is free is measured once, before the work, and a tenth of it is left alone. Never
        refused: it is asked for when a model has been learned, which is not to be lost for counts.
        """
        most = cls.most_that_fit(matrix)
        return cls._counted(matrix, most) if most else cls.none(matrix.shape[1])

    @classmethod
    def _counted(cls, matrix: CSR, max_pairs: int) -> Self:
        counts = np.bincount(matrix.indices, minlength=matrix.shape[1])
        by_count = np.argsort(-counts, kind="stable").astype(np.int32)
        ones = sparse.csr_array(matrix[:, by_count], dtype=np.float32)
        ones.data[:] = 1
        ties = Ties.of(ones, 0, max_pairs)
        rarer = np.repeat(by_count, np.diff(ties.below.indptr))
        commoner = by_count[ties.below.indices]
        items = np.arange(len(counts), dtype=np.int32)
        first = np.concatenate([np.minimum(rarer, commoner), items])
        second = np.concatenate([np.maximum(rarer, commoner), items])
        values = np.concatenate([ties.below.data, counts]).astype(np.int32)
        pairs = sparse.csr_array((values, (first, second)), shape=ties.below.shape)
        pairs.sort_indices()
        pairs.eliminate_zeros()
        return cls(pairs)

    @staticmethod
    def bytes_for(matrix: CSR, max_pairs: int = MAX_PAIRS) -> int:
        """Return what counting takes at its peak: no more pairs than the rows can hold."""
        n_items, additions = matrix.shape[1], additions_of(matrix)
        pairs = min(max_pairs, n_items * (n_items - 1) // 2, additions)
        of_ties = ROW_BYTES * matrix.nnz + ties_bytes(n_items, matrix.nnz, additions)
        return int(PAIR_BYTES * (pairs + n_items) + of_ties)

    @classmethod
    def most_that_fit(cls, matrix: CSR, held: int = 0) -> int:
        """Return how many pairs free memory has room for beside `held` bytes: 0 to `MAX_PAIRS`."""
        room = int(SHARE * (available_memory() - held)) - cls.bytes_for(matrix, 0)
        return max(0, min(MAX_PAIRS, room // PAIR_BYTES))

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
            counts, indices, indptr = (tensors[name] for name in ("counts", "indices", "indptr"))
            parts = (counts, indices, as_indptr(indptr))
            pairs = sparse.csr_array(parts, shape=(n_items, n_items))
            pairs.check_format(full_check=True)
        except (KeyError, ValueError) as error:
            raise InputError(f"the support counts are no {n_items} x {n_items} CSR") from error
        if pairs.dtype != np.int32 or (pairs.data < 0).any() or len(tensors) != 3:
            raise InputError("support is counts: int32, none negative")
        return cls(pairs)

    def between(self, items: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return the counts of each item with its own others.

        Parameters
        ----------
        items : ndarray of shape (Q,)
        others : ndarray of shape (Q, K)

        Returns
        -------
        counts : ndarray of shape (Q, K), int32
        """
        each = np.broadcast_to(items[:, None], others.shape)
        first, second = np.minimum(each, others).ravel(), np.maximum(each, others).ravel()
        found = self.pairs[first, second]
        counts: NDArray[np.int32] = found.toarray() if sparse.issparse(found) else found
        return counts.astype(np.int32, copy=False).reshape(others.shape)
