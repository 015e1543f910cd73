"""How dense the sparse linear autoencoder is made, and the memory that this takes."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from likewise.autoencoders import conjugate
from likewise.autoencoders.gram import column_counts
from likewise.autoencoders.ties import ROW_BYTES, additions_of, ties_bytes
from likewise.memory import GIB

DENSITIES = (200, 100, 50, 25)
"""What "auto" may be, the first that memory has room for: of neighbours, and of whole columns where
an item is common."""
COMMON = 0.1
"""Of all rows, that hold a common item."""
NEIGHBOURS_ALONE, MOST_ITEMS_ALONE = 400, 60_000
"""What "auto" is of neighbours first where no column is whole, of so many items at most."""
BLOCK_BYTES = 2 * 1024**2
"""Matrices solved at a time, by each thread; more at a time save nothing."""
BLOCKS_HELD = 16
"""Of these, by each thread: three at work, and what the C library keeps of those before."""
MOST_GRAM_BYTES = 4 * GIB
"""What the kept Gram matrix takes unless more is asked for."""

HEAP_BYTES = 32 * 1024**2
"""The largest array that the C library may keep when it is freed."""


@dataclass(frozen=True)
class Sizes:
    """Of the rows that are learned from.

    Parameters
    ----------
    n_items, n_values : int
        Columns, and values that are not 0.
    additions : int, optional
        What multiplying the Gram matrix takes; if None, the most that so many values can take.
    most_held : float
        The share of the rows that hold the item that most of them hold.
    """

    n_items: int
    n_values: int
    additions: int | None = None
    most_held: float = 1.0

    @classmethod
    def of(cls, X: Any) -> "Sizes":
        """Measure a CSR matrix.

        Examples
        --------
        >>> from scipy import sparse
        >>> Sizes.of(sparse.csr_array([[1, 1, 0], [1, 0, 0]]))
        Sizes(n_items=3, n_values=3, additions=5, most_held=1.0)
        """
        held = column_counts(X).max(initial=0) / max(1, X.shape[0])
        return cls(int(X.shape[1]), int(X.nnz), additions_of(X), float(held))

    @property
    def any_common(self) -> bool:
        """Whether an item is so common that nearly every other one says something of it."""
        return self.most_held >= COMMON


@dataclass(frozen=True)
class Density:
    """How much is kept of the exact solution; parameters are those of the type.

    Examples
    --------
    >>> Density(200, 100).block_size(1_000), Density(200, 100).whole_columns(1_000)
    (201, 100)
    >>> Density(200, 100).block_size(50), Density(200, 100).whole_columns(50)
    (50, 0)
    """

    n_neighbours: int
    n_whole: int
    gram_gib: float | str = "auto"

    def block_size(self, n_items: int) -> int:
        """Return the items of a neighbourhood, the one that it is of among them."""
        return min(self.n_neighbours, n_items - 1) + 1

    def whole_columns(self, n_items: int) -> int:
        """Return how many columns are solved over all items; a neighbourhood of all is exact."""
        return min(self.n_whole, n_items) if self.block_size(n_items) < n_items else 0

    def of_items(self, n_items: int) -> "Density":
        """Return what is taken of so many items: all others of each, at most."""
        k = max(1, self.block_size(n_items) - 1)
        return replace(self, n_neighbours=k, n_whole=self.whole_columns(n_items))

    def gram_bytes(self, free: float) -> float:
        """Return what the Gram matrix may take, where so much memory is free."""
        if isinstance(self.gram_gib, str):
            return min(MOST_GRAM_BYTES, free / 3)
        return self.gram_gib * GIB

    def max_entries(self, n_items: int, free: float) -> int:
        """Return how many values of the Gram matrix may be kept."""
        return max(n_items, int(min(self.gram_bytes(free) / 8, n_items * (n_items - 1) / 2)))

    def bytes_with(self, free: float, sizes: Sizes) -> int:
        """Return what a fit takes at its peak, where so much memory is free for it."""
        n_items, k = sizes.n_items, self.block_size(sizes.n_items)
        p, entries = self.whole_columns(n_items), self.max_entries(n_items, free)
        kept = 8 * (entries if sizes.additions is None else min(entries, sizes.additions // 2))
        blocks = min(4 * n_items * k**2, torch.get_num_threads() * max(BLOCK_BYTES, 4 * k**2))
        of_ties = ties_bytes(n_items, sizes.n_values, sizes.additions)
        multiplying = kept + 4 * n_items * k + of_ties
        solving = kept + 12 * n_items * k + BLOCKS_HELD * blocks
        whole = 8 * n_items * k + 4 * n_items * p + conjugate.bytes_for(n_items, p)
        freed = 3 * min(HEAP_BYTES, 4 * n_items * (k + p))
        made_one = n_items * (26 * k + 18 * p + 40) + freed
        return ROW_BYTES * sizes.n_values + max(multiplying, solving, whole, made_one)

    def least_memory(self, sizes: Sizes) -> int:
        """Return the least free memory that a fit fits into: the Gram matrix takes less of less."""
        most = self.bytes_with(3 * MOST_GRAM_BYTES, sizes)
        return bisect_left(range(most), True, key=lambda free: self.bytes_with(free, sizes) <= free)


def densities(
    n_neighbours: int | str, n_whole: int | str, gram_gib: float | str, sizes: Sizes
) -> list[Density]:
    """Return what may be taken of such rows, the densest first; one where nothing is "auto".

    Examples
    --------
    >>> autos = "auto", "auto", "auto"
    >>> [(one.n_neighbours, one.n_whole) for one in densities(*autos, Sizes(9_000, 90_000))]
    [(200, 200), (100, 100), (50, 50), (25, 25)]
    >>> sizes = Sizes(9_000, 90_000, most_held=0.05)
    >>> [(one.n_neighbours, one.n_whole) for one in densities(*autos, sizes)]
    [(400, 0), (200, 0), (100, 0), (50, 0), (25, 0)]
    >>> len(densities(400, "auto", "auto", sizes)), len(densities(400, 0, "auto", sizes))
    (1, 1)
    """

    def said(given: int | str, n: int) -> int:
        return n if isinstance(given, str) else int(given)

    autos = [(n, n if sizes.any_common else 0) for n in DENSITIES]
    if not sizes.any_common and sizes.n_items <= MOST_ITEMS_ALONE:
        autos.insert(0, (NEIGHBOURS_ALONE, 0))
    tried = [Density(said(n_neighbours, k), said(n_whole, p), gram_gib) for k, p in autos]
    return list(dict.fromkeys(tried))


@dataclass(frozen=True)
class Room:
    """How dense memory lets it be.

    Parameters
    ----------
    taken : Density
        The densest of which all fits, else the least dense that may be taken.
    densest : Density
        What would be taken where memory has room for all.
    densest_bytes : int
        The least free memory that has room for all.
    """

    taken: Density
    densest: Density
    densest_bytes: int


def room(tried: Sequence[Density], sizes: Sizes, free: int) -> Room:
    """Return which of these, the densest first, so much memory has room for.

    Examples
    --------
    >>> sizes = Sizes(10_000, 90_000, 900_000)
    >>> tried = densities("auto", "auto", "auto", sizes)
    >>> room(tried, sizes, free=2**40).taken.n_neighbours, room(tried, sizes, free=0).taken.n_whole
    (200, 25)
    """
    fitting = (density for density in tried if density.least_memory(sizes) <= free)
    return Room(next(fitting, tried[-1]), tried[0], tried[0].least_memory(sizes))


def at_a_time(k: int) -> int:
    """Return how many systems of k unknowns a thread solves at a time."""
    return max(1, BLOCK_BYTES // (4 * k * k))
