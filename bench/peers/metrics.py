"""Recall and nDCG of recommendation lists: the one measure that every peer is held to.

Both are means over the users that have a relevant item. Shapes: U users, I items, K places of a
list; `lists_UK` holds item numbers, best first, -1 where a list ends early.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def hits(lists_UK: NDArray[np.int64], relevant_UI: sparse.csr_array) -> NDArray[np.bool_]:
    """Say which places of each list hold a relevant item."""
    n_items = relevant_UI.shape[1]
    user_U1 = np.arange(len(lists_UK))[:, None]
    user, item = relevant_UI.nonzero()
    return np.isin(user_U1 * n_items + lists_UK, user * n_items + item) & (lists_UK >= 0)


def recall(lists_UK: NDArray[np.int64], relevant_UI: sparse.csr_array, k: int) -> float:
    """Hits among the first k / number of relevant items, which is not cut at k."""
    n_U = np.diff(relevant_UI.indptr)
    found_U = hits(lists_UK[:, :k], relevant_UI).sum(axis=1)
    return float((found_U[n_U > 0] / n_U[n_U > 0]).mean())


def ndcg(lists_UK: NDArray[np.int64], relevant_UI: sparse.csr_array, k: int) -> float:
    """DCG of the first k / DCG of a list that has min(k, n) relevant items at its head."""
    return float(ndcg_U(lists_UK, relevant_UI, k).mean())


def ndcg_U(
    lists_UK: NDArray[np.int64], relevant_UI: sparse.csr_array, k: int
) -> NDArray[np.float64]:
    """The same of each user that has a relevant item."""
    n_U = np.diff(relevant_UI.indptr)
    discount_K = 1 / np.log2(np.arange(2, k + 2))
    found_UK = hits(lists_UK[:, :k], relevant_UI)
    dcg_U = found_UK @ discount_K[: found_UK.shape[1]]
    ideal_U = np.cumsum(discount_K)[np.minimum(n_U, k) - 1]
    return np.asarray(dcg_U[n_U > 0] / ideal_U[n_U > 0])
