"""Sparse codes: what the penalties are, what they do, and which units are dead."""

import numpy as np
import pytest
import torch

from likewise.autoencoders import SparseAutoencoder
from likewise.errors import ModelFolderError
from likewise.nn.rows import as_rows

FIRST = torch.zeros(())
"""The number of the first step."""

RUN = {"device": "cpu", "precision": "float32", "random_state": 0}


@pytest.fixture
def X():
    return np.random.default_rng(0).random((80, 10), dtype=np.float32)


def parts(model, X):
    """Pre-activations and Bernoulli loss of a model without hidden layers, in NumPy."""
    w = {k: v.numpy().astype(np.float64) for k, v in model.net_.state_dict().items()}
    a = X @ w["first.weight"] + w["first.bias"]

    def loss(h):
        o = h @ w["decoder.0.weight"].T + w["decoder.0.bias"]
        return (np.log1p(np.exp(o)) - X * o).sum(1)

    return a, loss


@pytest.mark.parametrize("penalty", ["l1", "kl", "k-sparse"])
def test_the_loss_is_its_ten_line_twin(X, penalty):
    model = SparseAutoencoder(
        n_latent=20, penalty=penalty, penalty_weight=0.3, sparsity=0.2, max_epochs=3, **RUN
    ).fit(X)
    assert model.setting("hidden") == ()
    a, loss = parts(model, X)
    if penalty == "l1":
        h = np.maximum(a, 0)
        expected = loss(h) + 0.3 * 10 / 20 * np.abs(h).sum(1)
    elif penalty == "kl":
        h = 1 / (1 + np.exp(-a))
        p = h.mean(0)
        kl = 0.2 * np.log(0.2 / p) + 0.8 * np.log(0.8 / (1 - p))
        expected = loss(h) + 0.3 * 10 / 20 * kl.sum()
    else:
        h = np.where(a >= np.sort(a)[:, [-4]], a, 0)  # the 4 = .2 · 20 largest
        expected = loss(h)
    np.testing.assert_allclose(model.transform(X), h, atol=1e-5)
    found = model._batch_loss(as_rows(X), torch.Generator(), FIRST).detach()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_larger_weight_makes_codes_sparser(X):
    mean = {}
    for penalty in ("l1", "kl"):
        for weight in (0.0, 3.0):
            model = SparseAutoencoder(n_latent=20, penalty=penalty, penalty_weight=weight, **RUN)
            model.set_params(max_epochs=60, learning_rate=0.03, validation_fraction=0.0)
            mean[penalty, weight] = model.fit_transform(X).mean()
    assert mean["l1", 3.0] < 0.2 * mean["l1", 0.0]
    assert abs(mean["kl", 3.0] - 0.05) < abs(mean["kl", 0.0] - 0.05)


@pytest.mark.parametrize("penalty", ["l1", "kl", "k-sparse"])
def test_dead_units_are_those_that_no_row_wakes(X, penalty, tmp_path):
    model = SparseAutoencoder(n_latent=20, penalty=penalty, max_epochs=3, **RUN).fit(X)
    with torch.no_grad():
        model.net_.first.weight[:, [3, 7]] = 0
        model.net_.first.bias[[3, 7]] = -50
    assert set(model._dead_units(X)) >= {3, 7}
    awake = np.abs(model.transform(X)).max(0) > (0.01 if penalty == "kl" else 0)
    np.testing.assert_array_equal(model._dead_units(X), np.flatnonzero(~awake))
    model.save(tmp_path / "a.model")
    again = SparseAutoencoder.load(tmp_path / "a.model")
    np.testing.assert_array_equal(again.dead_units_, model.dead_units_)


def test_dead_units_that_are_none_are_refused(X, tmp_path):
    model = SparseAutoencoder(n_latent=20, max_epochs=1, **RUN).fit(X)
    model.dead_units_ = np.array([20])
    model.save(tmp_path / "a.model")
    with pytest.raises(ModelFolderError, match="dead_units are none of the 20 units"):
        SparseAutoencoder.load(tmp_path / "a.model")
