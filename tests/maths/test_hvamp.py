"""H+Vamp against a twin in NumPy."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.special import expit, logsumexp
from scipy.stats import norm

from likewise.autoencoders import HVamp
from likewise.errors import InputError
from likewise.nn.rows import as_rows

L = 3


@pytest.fixture
def X():
    rows = (np.random.default_rng(0).random((32, 8)) < 0.4).astype(np.float32)
    rows[4] = 0
    return rows


def model(**changes):
    settings = {"n_latent": L, "hidden": (6,), "n_pseudo": 5, "max_epochs": 4, "batch_size": 16,
                "device": "cpu", "precision": "float32", "random_state": 0, "beta": 0.8,
                "anneal_steps": 10}  # fmt: skip
    return HVamp(**settings | changes)


class Twin:
    """The five networks, in float64."""

    def __init__(self, net):
        self.w = {k: p.double().numpy() for k, p in net.state_dict().items()}

    def linear(self, name, x):
        W = self.w[f"{name}.weight"]
        return x @ (W if name.startswith("rows") else W.T) + self.w[f"{name}.bias"]

    def glu(self, both):
        value, gate = np.split(both, 2, axis=1)
        return value * expit(gate)

    def normal(self, name, both):
        mean, log_variance = np.split(self.linear(name, self.glu(both)), 2, axis=1)
        return mean, np.exp(np.clip(log_variance, -12, 4) / 2)

    def q2(self, x):
        return self.normal("q2_last", self.linear("rows_2", x))

    def q1(self, x, z2):
        return self.normal("q1_last", self.linear("rows_1", x) + self.linear("q1_z2", z2))

    def p1(self, z2):
        return self.normal("p1_last", self.linear("p1_first", z2))

    def decode(self, z1, z2):
        return self.linear("x_last", self.glu(self.linear("x_first", np.hstack([z1, z2]))))


def unit(X):
    return X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12)


def test_answers_are_those_of_the_twin(X):
    fitted = model().fit(sparse.csr_array(X))
    twin = Twin(fitted.net_)
    z2, _ = twin.q2(unit(X))
    z1, _ = twin.q1(unit(X), z2)
    np.testing.assert_allclose(fitted.transform(X), np.hstack([z1, z2]), atol=1e-5)
    np.testing.assert_allclose(fitted.logits(X), twin.decode(z1, z2), atol=1e-5)


@pytest.mark.parametrize(("step", "weight"), [(0, 0.0), (5, 0.4), (10, 0.8), (99, 0.8)])
def test_the_loss_is_the_twins_with_the_vamp_prior(X, step, weight):
    fitted = model(input_dropout=0.0).fit(sparse.csr_array(X))
    rows = as_rows(sparse.csr_array(X))
    found = fitted._batch_loss(rows, torch.Generator().manual_seed(7), torch.tensor(step)).detach()
    generator = torch.Generator().manual_seed(7)
    torch.empty(int(X.sum())).bernoulli_(1.0, generator=generator)  # the dropout's numbers
    noise = [torch.empty(32, L).normal_(generator=generator).numpy() for _ in range(2)]
    twin = Twin(fitted.net_)
    q2 = twin.q2(unit(X))
    z2 = q2[0] + q2[1] * noise[0]
    q1 = twin.q1(unit(X), z2)
    z1 = q1[0] + q1[1] * noise[1]
    u, s = twin.q2(np.clip(twin.w["pseudo"], 0, 1))
    vamp = logsumexp(norm.logpdf(z2[:, None], u, s).sum(2), axis=1) - np.log(5)
    gap = (norm.logpdf(z2, *q2) + norm.logpdf(z1, *q1) - norm.logpdf(z1, *twin.p1(z2))).sum(1)
    o = twin.decode(z1, z2)
    likelihood = (X * (o - logsumexp(o, axis=1, keepdims=True))).sum(1)
    expected = -likelihood + weight * (gap - vamp)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_pseudo_rows_learn(X):
    one, four = (model(max_epochs=n, learning_rate=0.05).fit(X).net_.pseudo for n in (1, 4))
    assert not torch.allclose(one, four, atol=1e-3)


def test_one_width_is_asked_for(X):
    with pytest.raises(InputError, match="one width"):
        model(hidden=(6, 6)).fit(X)
