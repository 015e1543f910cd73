"""Why an item was recommended: which items of the basket moved its score."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from likewise.autoencoders.base import Autoencoder
from likewise.autoencoders.parts import slices
from likewise.data.interactions import CSR
from likewise.recommend.catalogue import Catalogue

LOGIT_BYTES = 64 * 1024**2
"""Logits of baskets with an item left out that are held at a time."""


class Reason(NamedTuple):
    """One item of the basket, and by how much it moved the score of the recommended one."""

    item: Any
    effect: float
    title: str


def reasons(
    model: Autoencoder, row: CSR, targets: NDArray[np.int64], catalogue: Catalogue
) -> list[list[Reason]]:
    """Return the items of a basket, of one row, that moved the score of each target: most first."""
    if not row.nnz:
        return [[] for _ in targets]
    ids = catalogue.items.decode(row.indices).tolist()
    titles = [catalogue.title(column) for column in row.indices]
    return [
        [Reason(ids[n], float(moved[n]), titles[n]) for n in np.lexsort((row.indices, -moved))]
        for moved in effects(model, row, targets).T
    ]


def effects(model: Autoencoder, row: CSR, targets: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the effect of each item of a basket on the logits of `targets`.

    Where logits add up over the items (linear autoencoders, neighbours) the effects are the very
    terms of the sum, and exact. Elsewhere an item's effect is what a logit loses when the item is
    left out of the basket; all targets are read off the same rows.

    Parameters
    ----------
    row : csr_array of shape (1, I)
        The basket.
    targets : ndarray of shape (T,)
        Row numbers of the recommended items.

    Returns
    -------
    effects : ndarray of shape (n, T)
        In the order of the row's columns.
    """
    if model.additive:
        terms = model._terms(row.indices.astype(np.int64), targets)
        exact: NDArray[np.float64] = row.data.astype(np.float64)[:, None] * terms
        return exact
    whole = model._logits(row)[:, targets].astype(np.float64)
    moved = np.empty((row.nnz, len(targets)))
    for part in slices(row.nnz, max(1, LOGIT_BYTES // (4 * row.shape[1]))):
        moved[part] = whole - model._logits(_left_out(row, part))[:, targets]
    return moved


def _left_out(row: CSR, part: slice) -> CSR:
    """Return the row once for each of its places in `part`, without the item at that place."""
    places = np.arange(part.start, part.stop)
    without = sparse.vstack([row] * len(places), format="csr")
    without.data[np.arange(len(places)) * row.nnz + places] = 0
    without.eliminate_zeros()
    return without
