"""A small shop's models, and the service of them in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import likewise
from likewise.recommend.classic import Classic
from likewise.serve.app import create_app
from likewise.serve.served import Served, shelf_of
from likewise.serve.settings import Settings

ORDERS = Path(__file__).parents[1] / "shop" / "orders.csv"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linear model of the small shop, with a classic autoencoder beside it."""
    interactions = likewise.read_log(ORDERS).interactions()
    recommender = likewise.Recommender(likewise.LinearAutoencoder(l2=20.0)).fit(interactions)
    recommender.classic_ = Classic.of(interactions, max_epochs=1)
    out = tmp_path_factory.mktemp("models") / "shop.model"
    recommender.save(out)
    return out


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A neural model whose ids are whole numbers, without titles."""
    baskets = [[1, 2, 3], [1, 2], [2, 3, 4], [4, 5], [4, 5, 6], [5, 6]] * 4
    model = likewise.DenoisingAutoencoder(n_latent=3, max_epochs=3, validation_fraction=0.0)
    out = tmp_path_factory.mktemp("models") / "numbers.model"
    likewise.Recommender(model).fit(baskets).save(out)
    return out


@pytest.fixture(scope="session")
def shelf(folder: Path, other: Path) -> dict[str, Served]:
    shelf = shelf_of({"shop": folder, "numbers": other})
    for served in shelf.values():
        served.draw()
    return shelf


@pytest.fixture
def recommender(folder: Path) -> Any:
    return likewise.load(folder)


@pytest.fixture
def serving(shelf: dict[str, Served]) -> Callable[..., TestClient]:
    """Return a client of a service with these settings."""

    def _serving(**settings: Any) -> TestClient:
        app = create_app(shelf, Settings(**settings))
        return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)

    return _serving


@pytest.fixture
def client(serving: Callable[..., TestClient]) -> TestClient:
    return serving()
