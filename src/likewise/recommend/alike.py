"""Items whose codes point the same way, found without a table of all items by all items.

Shapes: Q items asked about, I items, L latent, K top-k.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from likewise.autoencoders.base import Autoencoder
from likewise.autoencoders.parts import slices
from likewise.recommend.topk import top_k

CODE_BYTES = 64 * 1024**2
"""Codes made, or cosines held, at a time."""

Codes = Callable[[NDArray[np.int64]], Any]
"""Row numbers of items to their codes, of unit length; sparse or not."""


def most_alike(
    model: Autoencoder, columns: NDArray[np.int64], k: int, codes: NDArray[np.float32] | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the k items of the largest cosine with each of these, and the cosines.

    Parameters
    ----------
    columns : ndarray of shape (Q,)
        The items asked about; they are not among their own answers.
    codes : ndarray of shape (I, L), optional
        The codes of all items. If None they are made in parts, again for each part of `columns`:
        those of types without a bottleneck are as long as the catalogue.

    Returns
    -------
    items, cosines : ndarray of shape (Q, K)
    """
    n_items = model.n_features_in_
    table = None if codes is None else unit(codes)

    def codes_of(items: NDArray[np.int64]) -> Any:
        return unit(model._unit_codes(items)) if table is None else table[items]

    parts = slices(len(columns), max(1, CODE_BYTES // (4 * n_items)))
    found = [_nearest(codes_of, columns[part], n_items, k) for part in parts]
    items, cosines = zip(*found, strict=True) if found else ((), ())
    return (
        np.concatenate([np.empty((0, k), np.int64), *items]),
        np.concatenate([np.empty((0, k), np.float32), *cosines]),
    )


def unit(codes: Any) -> Any:
    """Return the rows at unit length; rows of zeros stay as they are."""
    if sparse.issparse(codes):
        length = np.sqrt(codes.multiply(codes).sum(axis=1))
        return sparse.diags_array(1 / np.maximum(length, 1e-12), dtype=np.float32) @ codes
    return codes / np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-12)


def _nearest(
    codes_of: Codes, columns: NDArray[np.int64], n_items: int, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    mine = codes_of(columns)
    cosines = np.empty((len(columns), n_items), np.float32)
    at_a_time = n_items if sparse.issparse(mine) else max(1, CODE_BYTES // (4 * mine.shape[1]))
    for part in slices(n_items, at_a_time):
        product = mine @ codes_of(np.arange(part.start, part.stop)).T
        cosines[:, part] = product.toarray() if sparse.issparse(product) else product
    cosines[np.arange(len(columns)), columns] = -np.inf
    return top_k(cosines, k)
