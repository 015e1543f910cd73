"""The k best items of each row, exactly, with ties broken the same way every time.

Ties are broken by a fixed shuffle of the items, not by their order: item numbers often follow age
or popularity, and a tie must not favour either. Shapes: B rows, I items, K top-k.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

NO_ITEM = -1


def top_k(scores: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the k largest of each row of `scores`, best first.

    Parameters
    ----------
    scores : ndarray of shape (B, I), float32
        -inf marks what may not be chosen. NaN is not allowed.
    k : int
        At most I.

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
    values, items = (t.numpy() for t in torch.topk(torch.from_numpy(scores), k, sorted=False))
    threshold = values.min(axis=1, keepdims=True)
    crowded = ((scores >= threshold).sum(axis=1) > k) & np.isfinite(threshold[:, 0])
    for row in np.flatnonzero(crowded):
        items[row] = _row_top_k(scores[row], threshold[row, 0], k)
    values = np.take_along_axis(scores, items, axis=1)
    order = np.lexsort((tie_order(scores.shape[1])[items], -values), axis=1)
    items, values = (np.take_along_axis(a, order, axis=1) for a in (items, values))
    items[np.isneginf(values)] = NO_ITEM
    return items, values


def _row_top_k(scores: NDArray[np.float32], threshold: np.float32, k: int) -> NDArray[Any]:
    """Choose among the items that tie for the last places by the shuffle."""
    above = np.flatnonzero(scores > threshold)
    tied = np.flatnonzero(scores == threshold)
    tied = tied[np.argsort(tie_order(len(scores))[tied])]
    return np.concatenate([above, tied[: k - len(above)]])


@lru_cache(maxsize=8)
def tie_order(n_items: int) -> NDArray[np.int64]:
    """Return each item's place in the fixed shuffle that breaks ties."""
    return np.random.default_rng(0).permutation(n_items)
