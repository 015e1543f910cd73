"""H+Vamp against a twin in NumPy, and its departures from the authors' code."""

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

FIRST = torch.zeros(())
"""The number of the first step."""


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


def read_by_the_encoders(fitted, X):
    """Return what the first layers of q(z2 | x) and of q(z1 | x, z2) read in a step."""
    read = {"rows_2": [], "rows_1": []}
    for name, seen in read.items():
        getattr(fitted.net_, name).register_forward_pre_hook(
            lambda _, given, seen=seen: seen.append(given[0])
        )
    fitted._batch_loss(as_rows(sparse.csr_array(X)), torch.Generator().manual_seed(0), FIRST)
    return read


def test_one_dropout_of_rows_of_unit_length_serves_both_encoders(X):
    read = read_by_the_encoders(model(input_dropout=0.5).fit(sparse.csr_array(X)), X)
    one, other = (read[name][0].dense().numpy() for name in ("rows_2", "rows_1"))
    np.testing.assert_array_equal(one, other)
    stays = one > 0  # made unit before it is thinned: what stays is twice what it was
    np.testing.assert_allclose(one, np.where(stays, 2 * unit(X), 0), atol=1e-6)
    assert 0.3 < stays.sum() / X.sum() < 0.7


def test_pseudo_rows_are_read_whole_and_between_0_and_1(X):
    fitted = model(input_dropout=0.5).fit(sparse.csr_array(X))
    with torch.no_grad():
        fitted.net_.pseudo[:2, :3] = torch.tensor([[-0.5], [1.5]])
    _, pseudo = read_by_the_encoders(fitted, X)["rows_2"]
    assert torch.equal(pseudo, fitted.net_.pseudo.clamp(0, 1))


def as_it_starts(X, **changes):
    """Return a model whose weights are still those it began with: a step is too short to count."""
    settings = {"n_latent": 20, "hidden": (40,), "max_epochs": 1, "learning_rate": 1e-30}
    return model(**settings | changes).fit(sparse.csr_array(X))


def test_weights_start_as_glorot_and_bengio_have_them_and_biases_near_0(X):
    net = as_it_starts(X).net_
    for name, weight in net.named_parameters():
        if name in ("pseudo", "x_last.bias"):
            continue
        if name.endswith("bias"):
            assert weight.abs().max() <= 0.002
        else:
            bound = (6 / sum(weight.shape)) ** 0.5
            assert 0.9 * bound < weight.abs().max() <= bound


def test_the_output_bias_starts_at_popularity(X):
    fitted = as_it_starts(X, validation_fraction=0.0)
    shares = np.log(X.mean(0) + 1 / len(X))
    bias = fitted.net_.output_bias.detach()
    np.testing.assert_allclose(bias, shares - shares.mean(), atol=1e-6)


def test_pseudo_rows_start_where_the_authors_let_them(X):
    pseudo = as_it_starts(X, n_pseudo=1000).net_.pseudo.detach()
    assert pseudo.mean() == pytest.approx(0.05, abs=1e-3)
    assert pseudo.std() == pytest.approx(0.01, rel=0.05)


def test_log_variances_are_held_between_12_below_0_and_4(X):
    net = model().fit(sparse.csr_array(X)).net_
    for layer in (net.q2_last, net.q1_last, net.p1_last):
        torch.nn.init.constant_(layer.bias[L:-1], -100)
        torch.nn.init.constant_(layer.bias[-1:], 100)
    z2 = torch.zeros(1, L)
    rows = torch.as_tensor(unit(X[:1]))
    for _, log_variance in (net.q2(rows), net.q1(rows, z2), net.p1(z2)):
        assert log_variance[0].tolist() == [-12, -12, 4]


def test_left_to_themselves_the_settings_are_the_papers_but_for_what_is_written_down(X):
    plain = HVamp()
    assert (plain.n_latent, tuple(plain.hidden), plain.n_pseudo) == (200, (600,), 1000)
    assert (plain.beta, plain.learning_rate, plain.input_dropout) == (0.3, 5e-4, 0.5)
    chosen = model(batch_size="auto", max_epochs="auto").fit(sparse.csr_array(X)).chosen_
    assert (chosen["optimizer"], chosen["batch_size"]) == ("adam", 500)
    assert (chosen["max_epochs"], chosen["patience"]) == (100, 10)
    assert plain.anneal_steps == 20_000


def test_adam_takes_gradients_as_they_are(X, monkeypatch):
    step, lengths = torch.optim.Adam.step, []

    def told(self, *given, **named):
        lengths.extend(w.grad.norm().item() for g in self.param_groups for w in g["params"])
        return step(self, *given, **named)

    monkeypatch.setattr(torch.optim.Adam, "step", told)
    net = model(max_epochs=1, validation_fraction=0.0).fit(sparse.csr_array(X)).net_
    assert len(lengths) == 2 * len([*net.parameters()])
    assert max(lengths) < 0.9  # none was scaled to 1


@pytest.mark.parametrize("there", [False, True])
def test_left_to_itself_products_are_in_bfloat16_where_there_are_units(X, monkeypatch, there):
    found = {"avx512_f": True, "avx512_bf16": there}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert model(precision="auto").fit(sparse.csr_array(X))._plan().bfloat16 is there


def test_the_weight_of_the_prior_grows_with_every_step_not_every_epoch(X, monkeypatch):
    steps, loss = [], HVamp._batch_loss

    def counted(fitted, rows, generator, step):
        steps.append(int(step))
        return loss(fitted, rows, generator, step)

    monkeypatch.setattr(HVamp, "_batch_loss", counted)
    model(max_epochs=3, validation_fraction=0.0).fit(sparse.csr_array(X))
    assert steps == list(range(3 * 2))  # of 32 rows 16 a step


def test_one_width_is_asked_for(X):
    with pytest.raises(InputError, match="one width"):
        model(hidden=(6, 6)).fit(X)
