"""Every type there is, with settings that make it quick, and small purchases to learn from."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from likewise.autoencoders import Autoencoder
from likewise.recommend.folder import ALL_TYPES
from likewise.recommend.recommender import Recommender

NEURAL = {
    "n_latent": 3,
    "max_epochs": 3,
    "batch_size": 16,
    "learning_rate": 0.01,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}
QUICK: dict[str, dict[str, Any]] = {
    "undercomplete": NEURAL,
    "sparse": NEURAL,
    "denoising": NEURAL,
    "contractive": NEURAL,
    "stacked": {**NEURAL, "hidden": (6,), "pretrain_epochs": 1},
    "deep": {**NEURAL, "hidden": (6,), "pretrain_epochs": 1},
    "variational": {**NEURAL, "hidden": (6,), "anneal_steps": 10},
    "hvamp": {**NEURAL, "hidden": (6,), "n_pseudo": 4, "anneal_steps": 10},
    "cosine": NEURAL,
    "recvae": {**NEURAL, "hidden": (6, 6)},
    "convolutional": {**NEURAL, "filters": (4,)},
    "linear": {"l2": 2.0},
    "neighbourhood": {"l2": 2.0, "n_neighbours": 5},
    "kernel": {"n_landmarks": 20, "l2": 0.3, "random_state": 0},
    "spectral": {"n_latent": 3, "random_state": 0},
    "lle": {"n_latent": 3, "random_state": 0},
    "als": {"n_latent": 3, "random_state": 0},
    "item-knn": {"shrinkage": 1.0},
}
"""A type without an entry runs with its defaults."""

N_ROWS, N_FEATURES = 60, 12


def make_model(name: str, **changes: Any) -> Autoencoder:
    return ALL_TYPES[name](**QUICK.get(name, {}) | changes)


def make_purchases(seed: int = 0) -> Any:
    """Three groups of customers, who keep mostly to their own four items."""
    rng = np.random.default_rng(seed)
    own = np.arange(N_FEATURES) // 4 == rng.integers(0, 3, N_ROWS)[:, None]
    bought = rng.random((N_ROWS, N_FEATURES)) < np.where(own, 0.7, 0.1)
    bought[:, 11] &= rng.random(N_ROWS) < 0.5
    bought[0, :2] = True
    return sparse.csr_array(bought.astype(np.float32))


def name_of(column: int) -> str:
    """The outer id of an item: not a number, and not in the order of the alphabet by chance."""
    return f"item-{column:02d}"


def baskets_of(matrix: Any) -> list[list[str]]:
    rows = np.split(matrix.indices, matrix.indptr[1:-1])
    return [[name_of(int(column)) for column in row] for row in rows]


OF_PURCHASES = sorted(name for name, model in ALL_TYPES.items() if model.sparse_rows)


@pytest.fixture(params=OF_PURCHASES)
def name(request: pytest.FixtureRequest) -> str:
    """The name of each type that learns purchases in turn."""
    result: str = request.param
    return result


@pytest.fixture
def make(name: str) -> Callable[..., Autoencoder]:
    """Make one of the type, unfitted."""
    return lambda **changes: make_model(name, **changes)


@pytest.fixture
def make_any() -> Callable[..., Autoencoder]:
    """Make one of a type by name, unfitted."""
    return make_model


@pytest.fixture
def purchases() -> Any:
    return make_purchases()


@pytest.fixture
def table() -> Any:
    """Real numbers, negative ones among them, of two hidden dimensions."""
    rng = np.random.default_rng(1)
    plane = rng.normal(size=(N_ROWS, 2)) @ rng.normal(size=(2, N_FEATURES))
    return (plane + 0.1 * rng.normal(size=plane.shape)).astype(np.float32)


_fitted: dict[str, Recommender] = {}


@pytest.fixture
def recommender(name: str) -> Recommender:
    """One fitted on the purchases; every test of a type shares it, so none may change it."""
    if name not in _fitted:
        _fitted[name] = Recommender(make_model(name)).fit(baskets_of(make_purchases()))
    return _fitted[name]


@pytest.fixture
def baskets(purchases: Any) -> list[list[str]]:
    return baskets_of(purchases)
