"""The sparse Gram matrix of large catalogues: made and read in parts, kept below the diagonal.

Items are numbered by how often they occur, most often first, so that row a of the strictly lower
triangle lists the ties of item a with items that occur more often. Two items are looked up in the
row of the rarer one, which is the shorter. Shapes: U rows, I items, K neighbours, J items a time.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

NO_ITEM = -1
PRODUCTS_AT_A_TIME = 2**24
"""Additions of one part of the sparse product, which has no more values than that."""

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


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
        n = X.shape[1]
        columns = X.T.tocsr()
        work = (columns != 0).astype(np.float32) @ np.diff(X.indptr).astype(np.float32)
        possible = np.minimum(work, np.arange(n)).astype(np.int64)
        per_item = _fair_share(possible, max_entries)
        diagonal = np.asarray(columns.multiply(columns).sum(axis=1), dtype=np.float32)
        length = np.sqrt(np.maximum(diagonal, np.finfo(np.float32).tiny))

        def product(part: slice) -> tuple[NDArray[np.int32], list[Any]]:
            G = sparse.csr_array(columns[part] @ X)
            rows = [_row(G, row) for row in range(G.shape[0])]
            numbers = range(part.start, part.stop)
            found = [
                _nearest(j, *row, length, n_neighbours)
                for j, row in zip(numbers, rows, strict=True)
            ]
            kept = [_kept(j, *row, length, per_item) for j, row in zip(numbers, rows, strict=True)]
            return np.array(found, dtype=np.int32), kept

        limit = np.minimum(possible, per_item)
        indices, data = np.empty(limit.sum(), np.int32), np.empty(limit.sum(), np.float32)
        indptr, row, neighbours = np.zeros(n + 1, np.int64), 0, []
        for found, kept in in_threads(product, _parts(work)):
            neighbours.append(found)
            for items, values in kept:
                start, stop = indptr[row], indptr[row] + len(items)
                indices[start:stop], data[start:stop], indptr[row + 1] = items, values, stop
                row += 1
        below = sparse.csr_array((data[: indptr[-1]], indices[: indptr[-1]], indptr), shape=(n, n))
        everyone = _all_others(n) if n_neighbours >= n - 1 else np.concatenate(neighbours)
        return cls(diagonal, below, everyone)

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
        from likewise.autoencoders.lookup import fill  # numba takes half a second to import

        result = np.zeros((*groups.shape, groups.shape[1]), dtype=np.float32)
        fill(self.below.indptr, self.below.indices, self.below.data, self.diagonal, groups, result)
        return result


def in_threads(work: Callable[[_Part], _Result], parts: Iterable[_Part]) -> Iterator[_Result]:
    """Do the parts on as many threads as torch may use; results come in the parts' order."""
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        yield from pool.map(work, parts)


def _row(G: Any, row: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    part = slice(G.indptr[row], G.indptr[row + 1])
    return G.indices[part].astype(np.int32), G.data[part]


def _nearest(
    item: int,
    others: NDArray[np.int32],
    values: NDArray[np.float32],
    length: NDArray[np.float32],
    k: int,
) -> NDArray[np.int32]:
    """Return the k others of the largest cosine, sorted, -1 behind."""
    cosine = np.abs(values) / length[others]
    cosine[others == item] = -1
    chosen = others[_largest(cosine, min(k, int(np.count_nonzero(cosine > 0))))]
    return np.pad(np.sort(chosen), (0, k - len(chosen)), constant_values=NO_ITEM)


def _kept(
    item: int,
    others: NDArray[np.int32],
    values: NDArray[np.float32],
    length: NDArray[np.float32],
    limit: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the strongest ties with items of smaller numbers, sorted by them."""
    earlier = others < item
    others, values = others[earlier], values[earlier]
    if len(others) > limit:
        strongest = _largest(np.abs(values) / length[others], limit)
        others, values = others[strongest], values[strongest]
    order = np.argsort(others)
    return others[order], values[order]


def _largest(values: NDArray[np.floating[Any]], k: int) -> NDArray[np.int64]:
    """Return the places of the k largest values, in no order."""
    if k >= len(values):
        return np.arange(len(values))
    return np.argpartition(-values, k)[:k]


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


def _parts(work: NDArray[np.float32]) -> Iterator[slice]:
    """Cut the items so that a part is about `PRODUCTS_AT_A_TIME` additions."""
    number = (np.cumsum(work, dtype=np.float64) // PRODUCTS_AT_A_TIME).astype(np.int64)
    cuts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(work)]
    for start, stop in pairwise(cuts):
        yield slice(start, stop)
