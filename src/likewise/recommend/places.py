"""Places for the items on a map: their codes in two dimensions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from likewise.recommend.recommender import Recommender

N_LANDMARKS = 3_000
"""t-SNE takes a minute or more beyond that many; the others are placed among them."""
N_NEAR = 5


def item_places(recommender: Recommender) -> NDArray[np.float32]:
    """Return a place in the square from -1 to 1 for each item: bought alike, close together.

    t-SNE of the items bought most; each other item lies at the mean of the five of them whose codes
    are most alike (by cosine), so that a large catalogue takes seconds too.

    Returns
    -------
    places : ndarray of shape (I, 2), float32
    """
    codes = _reduced(recommender.item_codes())
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


def two_dimensions(codes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the rows in two dimensions: PCA to 30, then t-SNE.

    van der Maaten and Hinton (2008), JMLR 9:2579-2605.
    """
    reduced = _reduced(codes)
    n_items = len(reduced)
    if n_items < 5:
        return np.pad(reduced, ((0, 0), (0, 2)))[:, :2]
    flat: NDArray[np.float64] = TSNE(
        perplexity=min(30, (n_items - 1) / 3), init="pca", random_state=0, max_iter=500
    ).fit_transform(reduced)
    return flat


def _reduced(codes: NDArray[Any]) -> NDArray[Any]:
    """Return the rows at unit length, in 30 dimensions at most."""
    vectors = codes / np.maximum(np.linalg.norm(codes, axis=1, keepdims=True), 1e-12)
    reduced: NDArray[Any] = PCA(min(30, *vectors.shape), random_state=0).fit_transform(vectors)
    return reduced
