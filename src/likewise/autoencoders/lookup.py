"""Looking up many pairs of items in a sparse triangle: compiled, as NumPy has no such verb."""

from typing import Any

from numba import njit


@njit(nogil=True)
def fill(indptr: Any, indices: Any, data: Any, diagonal: Any, groups: Any, blocks: Any) -> None:
    """Look up each pair of a group in the row of the later item, galloping through it.

    See :meth:`likewise.autoencoders.ties.Ties.blocks`; it runs without Python's lock.
    """
    for g in range(groups.shape[0]):
        for r in range(groups.shape[1]):
            item = groups[g, r]
            if item == -1:
                break
            low, end = indptr[item], indptr[item + 1]
            for c in range(r):
                wanted, high, step = groups[g, c], end, 8
                while low + step < end and indices[low + step] < wanted:
                    low += step
                    step *= 2
                high = min(end, low + step + 1)
                while low < high:
                    middle = (low + high) // 2
                    if indices[middle] < wanted:
                        low = middle + 1
                    else:
                        high = middle
                if low < end and indices[low] == wanted:
                    blocks[g, r, c] = data[low]
            blocks[g, r, r] = diagonal[item]
