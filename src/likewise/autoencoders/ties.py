"""The sparse Gram matrix of large catalogues: made and read in parts, kept below the diagonal.

Items are numbered by how often they occur, most often first, so that row a of the strictly lower
triangle lists the ties of item a with items that occur more often. Two items are found in the
row of the rarer one, which is the shorter. Shapes: U rows, I items, K neighbours, J items a time.
"""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from likewise.autoencoders.parts import arrays, as_indptr, in_threads, parts_of

NO_ITEM = -1
ROW_BYTES = 48
"""Of a value of the rows, while they are multiplied: they are there thrice."""
PRODUCTS_AT_A_TIME = 2**24
"""Additions of one part of the sparse product, which has no more values than that."""


@dataclass(frozen=True)
class Ties:
    """What items share: XᵀX, sparse.

    Parameters
    ----------
    diagonal : ndarray of shape (I,), float32
        XᵀX of each item with itself.
    below : csr_array of shape (I, I), float32
        What is kept of XᵀX below the diagonal; sorted.
    neighbours : ndarray of shape (I, K), int32
        For each item, the K others of the largest cosine, sorted; -1 behind where there are fewer.
    """

    diagonal: NDArray[np.float32]
    below: Any
    neighbours: NDArray[np.int32]

    @classmethod
    def of(cls, X: Any, n_neighbours: int, max_entries: int) -> "Ties":
        """Multiply, part by part, and keep what is strongest.

        Parameters
        ----------
        X : csr_array of shape (U, I)
            Rows over items that are numbered by how often they occur.
        n_neighbours : int
            K. With K >= I - 1 every other item is a neighbour, occurring together or not.
        max_entries : int
            How many values to keep below the diagonal; each item keeps its strongest.
        """
        from likewise.autoencoders.compiled import gather_ties  # numba takes half a second

        n = X.shape[1]
        columns = X.T.tocsr()
        work = (columns != 0).astype(np.float32) @ np.diff(X.indptr).astype(np.float32)
        possible = np.minimum(work, np.arange(n)).astype(np.int64)
        per_item = _fair_share(possible, max_entries)
        with np.errstate(over="ignore"):  # summed in float64, as ones beyond 2²⁴ are counted too
            diagonal = np.bincount(X.indices, np.square(X.data), n).astype(np.float32)
        length = np.sqrt(np.maximum(diagonal, np.finfo(np.float32).tiny))

        limit = np.minimum(possible, per_item)
        neighbours = np.full((n, n_neighbours), NO_ITEM, np.int32)
        by_item, by_row = arrays(columns), arrays(X)

        def product(part: slice) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]:
            room = int(limit[part].sum())
            items, values = np.empty(room, np.int32), np.empty(room, np.float32)
            counts = gather_ties(
                part.start, by_item, by_row, length, per_item, neighbours[part], items, values,
            )  # fmt: skip
            return counts, items, values

        indices, data = np.empty(limit.sum(), np.int32), np.empty(limit.sum(), np.float32)
        lengths, end = [], 0
        for counts, items, values in in_threads(product, parts_of(work, PRODUCTS_AT_A_TIME)):
            start, end = end, end + int(counts.sum())
            indices[start:end], data[start:end] = items[: end - start], values[: end - start]
            lengths.append(counts)
        indptr = as_indptr(np.concatenate([[0], np.cumsum(np.concatenate(lengths))]))
        below = sparse.csr_array((data[:end], indices[:end], indptr), shape=(n, n))
        return cls(diagonal, below, _all_others(n) if n_neighbours >= n - 1 else neighbours)

    def blocks(self, groups: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return XᵀX among the items of each group, its lower triangle only.

        Parameters
        ----------
        groups : ndarray of shape (J, K), int32
            Items, sorted; -1 behind.

        Returns
        -------
        blocks : ndarray of shape (J, K, K), float32
            0 above the diagonal and where there is no item.
        """
        from likewise.autoencoders.compiled import fill  # numba takes half a second to import

        result = np.zeros((*groups.shape, groups.shape[1]), dtype=np.float32)
        starts, others, values = self._below
        fill(starts, others.view(np.uint32), values, self.diagonal, groups, result)
        return result

    @cached_property
    def _below(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
        """What is kept below the diagonal, as compiled loops read it."""
        return arrays(self.below)


def additions_of(X: Any) -> int:
    """Return how many additions XᵀX takes, Σ|u|²; no more than half of them lie below its diagonal.

    Examples
    --------
    >>> additions_of(sparse.csr_array([[1, 1, 0], [0, 0, 1]]))
    5
    """
    return int(np.square(np.diff(X.indptr), dtype=np.float64).sum())


def ties_bytes(n_items: int, n_values: int, additions: int | None = None) -> int:
    """Return what multiplying takes beside what it keeps and the rows: parts, scratch.

    It is bound by the work there is, or can be: Σ|u|² <= n_values · min(n_values, n_items).
    """
    if additions is None:
        additions = n_values * min(n_values, n_items)
    threads = min(torch.get_num_threads(), additions // PRODUCTS_AT_A_TIME + 1)
    waiting = threads > 1  # a part that is done, and not yet taken over
    ties = min(additions // 2, n_items**2 // 2, (threads + waiting) * PRODUCTS_AT_A_TIME)
    return 8 * ties + threads * 32 * n_items


def _fair_share(possible: NDArray[np.int64], total: int) -> int:
    """Return the largest m for which the sum of min(possible, m) is at most `total`; 1 or more.

    Examples
    --------
    >>> _fair_share(np.array([0, 1, 5, 9]), 9)
    4
    """
    limits = range(int(possible.max(initial=0)) + 1)
    fitting = bisect_right(limits, total, key=lambda m: int(np.minimum(possible, m).sum()))
    return max(1, fitting - 1)


def _all_others(n: int) -> NDArray[np.int32]:
    place = np.arange(n - 1)
    return (place + (place >= np.arange(n)[:, None])).astype(np.int32)


def with_itself(neighbours: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.int32]:
    """Add each item to its neighbours; sorted, -1 behind."""
    groups = np.concatenate([neighbours, items[:, None]], axis=1).view(np.uint32)
    groups.sort(axis=1)  # as an unsigned number -1 is the largest
    return groups.view(np.int32)
