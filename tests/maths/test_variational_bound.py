"""The importance-weighted bound and the likelihood, against integrals that can be done exactly."""

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from likewise.autoencoders import VariationalAutoencoder
from likewise.errors import InputError
from likewise.nn.corruption import dropout
from likewise.nn.rows import as_rows

RUN = {"device": "cpu", "precision": "float32", "random_state": 0}


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return (rng.random((40, 6)) < np.repeat([[0.8], [0.2]], 20, axis=0)).astype(np.float32)


def vae(X, **changes):
    settings = {"n_latent": 1, "hidden": (5,), "max_epochs": 30, **RUN}
    return VariationalAutoencoder(**settings | changes).fit(X)


def test_the_likelihood_is_the_integral_over_the_code(X):
    model = vae(X)
    grid = np.linspace(-8, 8, 4001)
    x_hat = model.inverse_transform(grid[:, None]).astype(np.float64)
    log_p = np.log(x_hat) @ X.T + np.log1p(-x_hat) @ (1 - X).T
    prior = -0.5 * grid**2 - 0.5 * math.log(2 * math.pi) + math.log(grid[1] - grid[0])
    expected = logsumexp(log_p + prior[:, None], axis=0)
    np.testing.assert_allclose(model.log_likelihood(X, 4000), expected, atol=0.02)


def test_a_linear_gaussian_model_has_the_likelihood_of_its_covariance():
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(200, 1)) @ [[3.0, 1, -2]] + rng.normal(size=(200, 3))).astype(np.float32)
    model = vae(X, hidden=(), activation="identity", max_epochs=100, optimizer="adam")
    model.set_params(learning_rate=0.02).fit(X)
    W, c = model.net_.decoder[0].weight.detach().numpy(), model.net_.output_bias.detach().numpy()
    s, m = model.scaling_.scale, model.scaling_.mean
    exact = multivariate_normal(m + s * c, s**2 * (W @ W.T + np.eye(3) / 2)).logpdf(X)
    gaps = np.abs(model.log_likelihood(X, 4000) - exact)  # large where q(z | x) is far off
    assert np.median(gaps) < 0.02
    assert np.quantile(gaps, 0.9) < 0.1


def test_the_likelihood_of_a_row_is_the_same_alone_and_twice(X):
    model = vae(X)
    whole = model.log_likelihood(X, 20)
    np.testing.assert_allclose(model.log_likelihood(X[7:8], 20), whole[7:8], atol=1e-5)
    np.testing.assert_array_equal(model.log_likelihood(X, 20), whole)
    for wrong in (0, -1, 2.5, None):
        with pytest.raises(InputError, match="n_samples="):
            model.log_likelihood(X, wrong)


def test_more_samples_give_a_tighter_bound(X):
    model = vae(X, anneal_steps=1)
    bounds = []
    for k in (1, 5, 50):
        model.set_params(n_importance=k)
        draws = [
            model._batch_loss(as_rows(X), torch.Generator().manual_seed(seed), torch.tensor(10))
            .mean()
            .item()
            for seed in range(30)
        ]
        bounds.append(-np.mean(draws))
    assert bounds[0] < bounds[1] < bounds[2] < model.log_likelihood(X, 4000).mean() + 0.01


def test_the_importance_weighted_loss_is_its_twin(X):
    model = vae(X, n_importance=3, anneal_steps=100, max_epochs=2)
    found = model._batch_loss(
        as_rows(X), torch.Generator().manual_seed(5), torch.tensor(40)
    ).detach()
    with torch.no_grad():
        mean, log_variance = (a.numpy() for a in model.net_.encode(torch.tensor(X)).chunk(2, 1))
    random = torch.Generator().manual_seed(5)
    torch.empty(40, 6).bernoulli_(1.0, generator=random)  # the input's dropout, of none
    noise = torch.empty(3, 40, 1).normal_(generator=random).numpy()
    log_w = []
    for e in noise:
        z = mean + np.exp(log_variance / 2) * e
        x_hat = model.inverse_transform(z)
        log_p = (X * np.log(x_hat) + (1 - X) * np.log(1 - x_hat)).sum(1)
        gap = (-0.5 * z**2 + 0.5 * (e**2 + log_variance)).sum(1)
        log_w.append(log_p + 0.4 * gap)
    np.testing.assert_allclose(found, math.log(3) - logsumexp(log_w, axis=0), rtol=1e-4)


def test_tables_get_a_likelihood_and_purchases_what_the_paper_has(X):
    assert vae(X).chosen_["beta"] == 1.0
    assert vae(X).chosen_["input_dropout"] == 0.0


def test_grey_values_are_drawn_anew_each_time():
    grey = np.repeat([[0.9, 0.5, 0.1]], 400, axis=0).astype(np.float32)
    model = vae(grey, binarise=True, max_epochs=100)
    drawn = [model._drawn(as_rows(grey), torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert set(drawn[0].unique().tolist()) == {0.0, 1.0}
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    np.testing.assert_allclose(drawn[0].mean(0), grey[0], atol=0.08)
    np.testing.assert_allclose(model.reconstruct(grey)[0], grey[0], atol=0.1)


def test_only_probabilities_are_drawn_from(X):
    with pytest.raises(InputError, match="set binarise=False"):
        vae(X, binarise=True, loss="squared")


def test_the_likelihood_is_the_same_after_load(X, tmp_path):
    model = vae(X)
    model.save(tmp_path / "m")
    again = VariationalAutoencoder.load(tmp_path / "m")
    np.testing.assert_array_equal(again.log_likelihood(X, 50), model.log_likelihood(X, 50))


def test_held_out_rows_are_judged_by_the_bound_and_not_by_the_code_alone(X):
    """The prior at full weight whatever the step, rows in full, draws the same at every call."""
    model = vae(X, anneal_steps=1_000_000, beta=2.0, input_dropout=0.5)
    with torch.inference_mode():
        rows = as_rows(X)
        mean, log_variance = model.net_.encode(rows).chunk(2, dim=1)
        generator = torch.Generator().manual_seed(0)
        dropout(rows, 0.0, generator)  # of which nothing comes, but random numbers are drawn
        noise = torch.empty_like(mean).normal_(generator=generator)
        logits = model.net_.decode(mean + noise * (log_variance / 2).exp())
    lost = np.logaddexp(0, logits.numpy()).sum(1) - (X * logits.numpy()).sum(1)
    m, v = mean.numpy(), log_variance.numpy()
    kl = 0.5 * (m**2 + np.exp(v) - v - 1).sum(1)
    assert model._held_out_score(X) == pytest.approx(-(lost + 2 * kl).mean(), rel=1e-5)
