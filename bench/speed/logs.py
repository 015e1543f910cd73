"""Made-up purchase logs of any size, alike to real ones in what decides the cost of learning.

Popularity follows Zipf's law. Every item belongs to a cluster (a taste, a category), every user
likes a few clusters, and most of what a user buys comes from them, so that items occur together
far more often than chance would have it. How many items a user has is lognormal.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

USERS_AT_A_TIME = 100_000
CLUSTER_ITEMS = 100
"""Items of a cluster, on average."""
LIKED = 4
"""Clusters that a user likes."""
FAITHFUL = 0.75
"""The share of purchases that come from them."""


@dataclass(frozen=True)
class Shape:
    """The size of a log; purchases are about `n_users * mean_length`, less repeats."""

    n_users: int
    n_items: int
    mean_length: float = 40.0


AMAZON_BOOK = Shape(52_643, 91_599, 83.0)
"""The shape of He et al.'s Amazon-Book: 3 million interactions."""


def made_up(shape: Shape, seed: int = 0) -> sparse.csr_array:
    """Return a users x items matrix of ones."""
    random = np.random.default_rng(seed)
    items = random.permutation(shape.n_items)  # those of a cluster stand together
    n_clusters = max(1, shape.n_items // CLUSTER_ITEMS)
    cuts = np.sort(random.choice(shape.n_items - 1, n_clusters - 1, replace=False) + 1)
    bounds = np.concatenate([[0], cuts, [shape.n_items]])
    popularity = (10.0 + random.permutation(shape.n_items)) ** -0.9
    upto = np.concatenate([[0.0], np.cumsum(popularity)])
    parts = [
        _users(random, min(USERS_AT_A_TIME, shape.n_users - start), shape, items, bounds, upto)
        for start in range(0, shape.n_users, USERS_AT_A_TIME)
    ]
    return sparse.csr_array(sparse.vstack(parts, format="csr"))


def _users(
    random: np.random.Generator,
    n_users: int,
    shape: Shape,
    items: NDArray[Any],
    bounds: NDArray[Any],
    upto: NDArray[Any],
) -> sparse.csr_array:
    sigma = 0.9
    lengths = random.lognormal(np.log(shape.mean_length) - sigma**2 / 2, sigma, n_users)
    lengths = np.clip(lengths.astype(int), 2, shape.n_items // 2)
    user = np.repeat(np.arange(n_users), lengths)
    weight = np.diff(upto[bounds])
    liked = random.choice(len(weight), size=(n_users, LIKED), p=weight / weight.sum())
    cluster = liked[user, random.integers(0, LIKED, len(user))]
    faithful = random.random(len(user)) < FAITHFUL
    low = np.where(faithful, upto[bounds[cluster]], 0.0)
    high = np.where(faithful, upto[bounds[cluster + 1]], upto[-1])
    place = np.searchsorted(upto, low + random.random(len(user)) * (high - low), side="right") - 1
    item = items[np.minimum(place, shape.n_items - 1)]
    ones = np.ones(len(user), np.float32)
    X = sparse.csr_array((ones, (user, item)), shape=(n_users, shape.n_items))
    X.sum_duplicates()
    X.data[:] = 1
    return X
