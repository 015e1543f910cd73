"""The k best items of each row, exactly, with ties broken the same way every time.

Ties are broken by a fixed shuffle of the items, not by their order: item numbers often follow age
or popularity, and a tie must not favour either. Shapes: B rows, I items, K top-k.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.autoencoders.parts import in_threads, slices

NO_ITEM = -1
ROWS_AT_A_TIME = 64
"""Rows that one thread takes at a time."""


def top_k(
    scores: NDArray[np.float32], k: int, do: Callable[..., Iterator[Any]] = in_threads
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the k largest of each row of `scores`, best first.

    Parameters
    ----------
    scores : ndarray of shape (B, I), float32
        -inf marks what may not be chosen. NaN is not allowed.
    k : int
        At most I.
    do : callable
        How the parts are done: `map` where the caller has taken the threads already.

    Returns
    -------
    items : ndarray of shape (B, K), int64
        Row numbers of items; -1 where no more may be chosen.
    values : ndarray of shape (B, K), float32
        Their scores.

    Examples
    --------
    >>> items, values = top_k(np.array([[0.1, 0.9, -np.inf]], dtype=np.float32), 3)
    >>> items
    array([[ 1,  0, -1]])
    """
    from likewise.autoencoders.compiled import k_largest  # numba takes half a second to import

    items = np.empty((len(scores), k), np.int64)
    order = tie_order(scores.shape[1])
    bits = np.ascontiguousarray(scores, np.float32).view(np.int32)
    by_order = _by_order(scores.shape[1])

    def choose(part: slice) -> None:
        k_largest(bits[part], order, by_order, items[part])

    for _ in do(choose, slices(len(scores), ROWS_AT_A_TIME)):
        pass
    values = scores[np.arange(len(scores))[:, None], items]
    items[np.isneginf(values)] = NO_ITEM
    return items, values


def filled(items: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Return lists of k places, -1 after those of shorter ones.

    Examples
    --------
    >>> filled(np.array([[3, 1]]), 4)
    array([[ 3,  1, -1, -1]])
    """
    return np.pad(items, ((0, 0), (0, k - items.shape[1])), constant_values=NO_ITEM)


@lru_cache(maxsize=8)
def tie_order(n_items: int) -> NDArray[np.int64]:
    """Return each item's place in the fixed shuffle that breaks ties."""
    return np.random.default_rng(0).permutation(n_items)


@lru_cache(maxsize=8)
def _by_order(n_items: int) -> NDArray[np.int64]:
    """Return the item of each place of the shuffle."""
    return np.argsort(tie_order(n_items))
