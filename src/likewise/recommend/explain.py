"""Why an item was recommended: which items of the basket moved its score."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from likewise.autoencoders.base import Autoencoder
from likewise.data.interactions import CSR


class Reason(NamedTuple):
    """One item of the basket, and by how much it moved the score of the recommended one."""

    item: Any
    effect: float
    title: str


def effects(model: Autoencoder, row: CSR, target: int) -> NDArray[np.float64]:
    """Return the effect of each item of a basket on the logit of `target`.

    Where logits add up over the items (linear autoencoders, neighbours) the effects are the very
    terms of the sum, and exact. Elsewhere an item's effect is what the logit loses when the item is
    left out of the basket.

    Parameters
    ----------
    row : csr_array of shape (1, I)
        The basket.
    target : int
        Row number of the recommended item.

    Returns
    -------
    effects : ndarray of shape (n,)
        In the order of the row's columns.
    """
    if model.additive:
        terms = model._terms(row.indices.astype(np.int64), target)
        exact: NDArray[np.float64] = row.data.astype(np.float64) * terms
        return exact
    without = sparse.vstack([row] * row.nnz, format="csr")
    without.data[np.arange(row.nnz) * (row.nnz + 1)] = 0
    without.eliminate_zeros()
    left_out = model._logits(without)[:, target].astype(np.float64)
    moved: NDArray[np.float64] = float(model._logits(row)[0, target]) - left_out
    return moved
