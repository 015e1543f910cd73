"""Places for the items on a map: their codes in two dimensions."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from likewise.autoencoders.base import Autoencoder
from likewise.autoencoders.parts import slices
from likewise.recommend.alike import CODE_BYTES, unit
from likewise.recommend.recommender import Recommender

WIDE = 1_024
"""Codes longer than that are brought to their leading directions, some items at a time."""
N_DIRECTIONS, N_PASSES = 40, 3

SAME = 1e-6
"""Codes that differ by no more, at unit length, are all the same."""

N_LANDMARKS = 2_000
"""t-SNE takes long beyond that many; the others are placed among them."""
N_NEAR = 5


def item_places(recommender: Recommender) -> NDArray[np.float32]:
    """Return a place in the square from -1 to 1 for each item: bought alike, close together.

    t-SNE of the items bought most; each other item lies at the mean of the five of them whose codes
    are most alike (by cosine), so that a large catalogue takes seconds too.

    Returns
    -------
    places : ndarray of shape (I, 2), float32
    """
    is_wide = recommender.model_._n_features_out > WIDE
    codes = _reduced(_directed(recommender.model_) if is_wide else recommender.item_codes())
    most = np.argsort(-recommender.catalogue_.counts, kind="stable")
    landmarks, others = most[:N_LANDMARKS], most[N_LANDMARKS:]
    places = np.zeros((len(codes), 2), dtype=np.float32)
    places[landmarks] = two_dimensions(codes[landmarks])
    for start in range(0, len(others), 1_000):
        part = others[start : start + 1_000]
        alike = codes[part] @ codes[landmarks].T
        near = np.argpartition(-alike, N_NEAR, axis=1)[:, :N_NEAR]
        places[part] = places[landmarks[near]].mean(axis=1)
    places -= places.mean(axis=0)
    largest = np.abs(places).max()
    return places / largest if largest else places


def _directed(model: Autoencoder) -> NDArray[np.float32]:
    """Return the items' codes, of unit length, in the directions in which they vary most.

    Subspace iteration from random directions (Halko, Martinsson, Tropp, 2011, SIAM Review 53): the
    table of all codes, items by items for types without a bottleneck, is never held.
    """

    def blocks() -> Iterator[Any]:
        columns = np.arange(model.n_features_in_)
        for part in slices(len(columns), max(1, CODE_BYTES // (4 * model._n_features_out))):
            yield unit(model._unit_codes(columns[part]))

    random = np.random.default_rng(0)
    directions = random.standard_normal((model._n_features_out, N_DIRECTIONS), dtype=np.float32)
    for _ in range(N_PASSES):
        products = (codes.T @ (codes @ directions) for codes in blocks())
        directions = np.linalg.qr(sum(products))[0]
    return np.concatenate([codes @ directions for codes in blocks()])


def two_dimensions(codes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the rows in two dimensions: PCA to 30, then t-SNE.

    van der Maaten and Hinton (2008), JMLR 9:2579-2605.
    """
    reduced = _reduced(codes)
    n_items = len(reduced)
    if n_items < 5 or not reduced.any():
        return np.pad(reduced, ((0, 0), (0, 2)))[:, :2]
    flat: NDArray[np.float64] = TSNE(
        perplexity=min(30, (n_items - 1) / 3), init="pca", random_state=0, max_iter=500
    ).fit_transform(reduced)
    return flat


def _reduced(codes: NDArray[Any]) -> NDArray[Any]:
    """Return the rows at unit length, in 30 dimensions at most."""
    vectors = unit(codes)
    if np.ptp(vectors, axis=0).max() <= SAME:  # popularity is the same whatever was bought
        return np.zeros((len(vectors), min(30, *vectors.shape)), dtype=np.float32)
    reduced: NDArray[Any] = PCA(min(30, *vectors.shape), random_state=0).fit_transform(vectors)
    return reduced
