"""The contractive penalty, against the Jacobian that autograd finds."""

import numpy as np
import pytest
import torch
from scipy import sparse
from torch.func import jacrev, vmap

from likewise.autoencoders import ContractiveAutoencoder
from likewise.nn.losses import LOSSES
from likewise.nn.rows import as_rows

FIRST = torch.zeros(())
"""The number of the first step."""

RUN = {"device": "cpu", "precision": "float32", "random_state": 0, "max_epochs": 2}


@pytest.fixture
def X():
    return np.random.default_rng(0).random((6, 5), dtype=np.float32)


def true_norms(model, x):
    """‖∂h/∂x‖² of each row, by the whole Jacobian."""
    jacobian = vmap(jacrev(lambda row: model._code(model.net_.encode(row[None]))[0]))(x)
    return jacobian.square().sum((1, 2)).detach()


def penalties(model, rows, seeds):
    clean = LOSSES[model.loss_](model._forward(rows), rows)
    found = [
        (model._batch_loss(rows, torch.Generator().manual_seed(seed), FIRST) - clean).detach()
        for seed in seeds
    ]
    return torch.stack(found) / model.penalty_weight


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "silu", "identity"])
def test_one_layer_has_the_closed_form(X, activation):
    model = ContractiveAutoencoder(n_latent=3, hidden=(), activation=activation, **RUN).fit(X)
    (found,) = penalties(model, as_rows(X), [0])
    np.testing.assert_allclose(found, true_norms(model, torch.tensor(X)), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "silu"])
def test_deeper_ones_have_an_unbiased_estimate(X, activation):
    model = ContractiveAutoencoder(
        n_latent=3, hidden=(7, 4), activation=activation, penalty_weight=10.0, **RUN
    ).fit(X)
    draws = penalties(model, as_rows(X), range(400)).double()
    error = draws.std(0) / 20 + 1e-4 * draws.mean(0)
    expected = true_norms(model, torch.tensor(X))
    assert ((draws.mean(0) - expected).abs() < 5 * error).all()


@pytest.mark.parametrize("hidden", [(), (4,)])
def test_sparse_rows_cost_what_dense_ones_do(X, hidden):
    X[X < 0.5] = 0
    model = ContractiveAutoencoder(n_latent=3, hidden=hidden, loss="bernoulli", **RUN).fit(X)
    one, other = (
        model._batch_loss(
            as_rows(kind(X)), torch.Generator().manual_seed(0), torch.zeros(())
        ).detach()
        for kind in (np.asarray, sparse.csr_array)
    )
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_the_penalty_is_learned_from(X):
    X = np.tile(X, (20, 1))
    norm = {}
    for weight in (0.0, 10.0):
        model = ContractiveAutoencoder(n_latent=3, hidden=(), penalty_weight=weight, **RUN)
        model.set_params(
            activation="sigmoid", max_epochs=60, learning_rate=0.03, validation_fraction=0.0
        )
        norm[weight] = float(true_norms(model.fit(X), torch.tensor(X[:6])).mean())
    assert norm[10.0] < 0.3 * norm[0.0]
