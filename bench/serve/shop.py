"""Made-up shops of any size, with popularity and kinds of customers as real logs have them.

Popularity follows a power law; each customer buys mostly within a few groups of products. The log
is kept as a matrix file for the peers, the fitted model as a folder, both in bench/.cache/serve.
"""

from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import likewise
from likewise.data.interactions import Interactions
from likewise.data.vocabulary import Vocabulary

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "serve"
CUSTOMERS = {4_000: 20_000, 20_000: 60_000, 100_000: 200_000}
MEAN_BASKET = 20
ITEMS_A_GROUP = 50
EXPONENT = 0.8
"""Of popularity: the n-th product is bought n^-0.8 as often as the first."""


def matrix_of(n_items: int, seed: int = 0) -> Any:
    """Return a customers x items matrix of ones (CSR, float32)."""
    rng = np.random.default_rng(seed)
    n_users = CUSTOMERS[n_items]
    lengths = np.clip(rng.lognormal(np.log(MEAN_BASKET) - 0.5, 1.0, n_users), 3, 500).astype(int)
    user = np.repeat(np.arange(n_users), lengths)
    n_groups = n_items // ITEMS_A_GROUP
    liked = rng.integers(n_groups, size=(n_users, 3))[user, rng.integers(3, size=len(user))]
    rank = _ranks(n_items, len(user), rng)
    # Three purchases in four are in a liked group: the nearest rank that belongs to it.
    within = np.where(rng.random(len(user)) < 0.75, rank - rank % n_groups + liked, rank)
    item = rng.permutation(n_items)[np.minimum(within, n_items - 1)]
    matrix = sparse.csr_array(
        (np.ones(len(user), np.float32), (user, item)), shape=(n_users, n_items)
    )
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def ids_of(n_items: int) -> list[str]:
    """Return the products' ids."""
    return [f"P{number:06d}" for number in range(n_items)]


def baskets_of(n_items: int, n: int = 2_000) -> list[list[str]]:
    """Return baskets to ask about: customers' own, the first ten of each."""
    rows, ids = log_of(n_items), ids_of(n_items)
    return [
        [ids[item] for item in rows.indices[rows.indptr[u] : rows.indptr[u + 1]][:10]]
        for u in range(min(n, rows.shape[0]))
    ]


def log_of(n_items: int) -> Any:
    """Return the log, made once."""
    path = CACHE / f"log-{n_items}.npz"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        sparse.save_npz(path, matrix_of(n_items), compressed=False)
    return sparse.csr_array(sparse.load_npz(path))


def attributes_of(n_items: int) -> Path:
    """Return a table of the products' categories, one of 40 each, made once."""
    path = CACHE / f"attributes-{n_items}.csv"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        kinds = [f"{id_},kind {row % 40}" for row, id_ in enumerate(ids_of(n_items))]
        path.write_text("\n".join(["item,category", *kinds]) + "\n")
    return path


def model_of(n_items: int) -> Path:
    """Return the folder of a model of the shop, fitted once: linear, or neighbourhood if large."""
    folder = CACHE / f"shop-{n_items}.model"
    if not folder.exists():
        matrix = log_of(n_items)
        model = (
            likewise.LinearAutoencoder(l2=200.0)
            if n_items <= 20_000
            else likewise.NeighbourhoodAutoencoder(l2=200.0, n_neighbours=100, n_whole=200)
        )
        users = Vocabulary(np.arange(matrix.shape[0]))
        titles = np.array([f"Product {n} of group {n % 400}" for n in range(n_items)], object)
        log = Interactions(matrix, users, Vocabulary.of(ids_of(n_items)), titles)
        likewise.Recommender(model).fit(log).save(folder)
    return folder


def _ranks(n_items: int, n: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    weight = np.arange(1, n_items + 1) ** -EXPONENT
    return np.searchsorted(np.cumsum(weight) / weight.sum(), rng.random(n))
