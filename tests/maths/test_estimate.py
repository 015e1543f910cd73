"""What is said before a fit is what it takes: never less memory, and not far more."""

import numpy as np
import pytest
from scipy import sparse

from likewise import memory
from likewise.autoencoders import (
    DenoisingAutoencoder,
    KernelAutoencoder,
    LinearAutoencoder,
    NeighbourhoodAutoencoder,
)
from likewise.autoencoders.linear import GRAM_BYTES
from likewise.data.interactions import Interactions
from likewise.evaluate.resources import measured
from likewise.recommend.baselines import ItemNeighbours, Popularity
from likewise.recommend.estimate import estimate, model_bytes


def interactions(n_users, n_items, n_values):
    random = np.random.default_rng(0)
    pairs = (random.integers(0, n_users, n_values), random.integers(0, n_items, n_values))
    ones = np.ones(n_values, np.float32)
    return Interactions.of_matrix(sparse.csr_array((ones, pairs), shape=(n_users, n_items)))


@pytest.mark.parametrize(
    ("model", "n_items", "slack"),
    [
        (LinearAutoencoder(), 3_000, 5 * GRAM_BYTES),
        (NeighbourhoodAutoencoder(n_neighbours=50), 3_000, 2**30),
    ],
    ids=lambda value: getattr(value, "type_name", ""),
)
def test_the_peak_is_not_above_the_estimate_nor_far_below(model, n_items, slack):
    X = interactions(2_000, n_items, 60_000).matrix
    model.fit(X[:50])  # so that what is loaded and compiled once is not counted
    with measured() as cost:
        model.fit(X)
    said = model_bytes(model, n_items, X.nnz)
    assert cost.added_bytes <= said
    assert said <= 3 * cost.added_bytes + slack


@pytest.mark.parametrize(
    "model",
    [
        LinearAutoencoder(),
        NeighbourhoodAutoencoder(),
        KernelAutoencoder(),
        DenoisingAutoencoder(max_seconds=7.0),
        ItemNeighbours(),
        Popularity(),
    ],
    ids=lambda model: model.type_name,
)
def test_more_items_take_more(model):
    log = interactions(900, 300, 9_000)
    small, large = (estimate(one, model) for one in (log, interactions(900, 2_000, 9_000)))
    assert (small.model, small.why) == (model.type_name, "named")
    assert (small.users, small.items, small.purchases) == (900, 300, log.matrix.nnz)
    assert 0 < small.memory_bytes < large.memory_bytes
    if isinstance(model, DenoisingAutoencoder):
        assert small.seconds == 7
    elif isinstance(model, LinearAutoencoder | NeighbourhoodAutoencoder):
        assert 0 < small.seconds < large.seconds
    else:
        assert small.seconds is None


def test_the_exact_one_is_taken_where_it_fits_and_the_neighbourhood_where_it_does_not(monkeypatch):
    log = interactions(900, 2_000, 9_000)
    needed = LinearAutoencoder.bytes_for(2_000)
    monkeypatch.setattr(memory, "_machine_available", lambda: needed + 1)
    exact = estimate(log)
    assert exact.model == "linear"
    assert exact.why == "the exact one takes 0.3 GiB for 2,000 items, and 0.3 are free"
    monkeypatch.setattr(memory, "_machine_available", lambda: needed - 1)
    sparse_one = estimate(log)
    assert sparse_one.model == "neighbourhood"
    assert sparse_one.why.endswith("each item is solved within its neighbourhood instead")
    assert not sparse_one.fits
    assert sparse_one.free_bytes < needed
