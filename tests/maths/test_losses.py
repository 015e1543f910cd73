"""Each loss and its gradient against a twin in NumPy, of sparse rows as of dense ones."""

import numpy as np
import pytest
import torch
from scipy import sparse
from torch.autograd import gradcheck

from likewise.autoencoders import DenoisingAutoencoder
from likewise.nn.importance import Posterior
from likewise.nn.losses import LINKS, LOSSES, bernoulli, gaussian_kl
from likewise.nn.rows import SparseRows

B, F = 5, 7


def log_softmax(o):
    o = o - o.max(1, keepdims=True)
    return o - np.log(np.exp(o).sum(1, keepdims=True))


TWINS = {
    "squared": lambda o, x: ((x - o) ** 2).sum(1),
    "bernoulli": lambda o, x: (np.log1p(np.exp(o)) - x * o).sum(1),
    "multinomial": lambda o, x: -(x * log_softmax(o)).sum(1),
}
GRADIENTS = {
    "squared": lambda o, x: 2 * (o - x),
    "bernoulli": lambda o, x: 1 / (1 + np.exp(-o)) - x,
    "multinomial": lambda o, x: x.sum(1, keepdims=True) * np.exp(log_softmax(o)) - x,
}


@pytest.fixture(params=sorted(LOSSES))
def name(request):
    return request.param


@pytest.fixture
def x():
    """Rows with counts; the third is empty, the last is full."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.8, (B, F)).astype(np.float64)
    counts[2], counts[4] = 0, 1
    return counts


@pytest.fixture
def logits():
    return np.random.default_rng(1).normal(0, 2, (B, F))


def sparse_rows(x, dtype=torch.float64):
    rows = SparseRows.of(sparse.csr_array(x))
    return rows.with_values(rows.values.to(dtype))


def value_and_gradient(name, logits, rows, upstream=None):
    o = torch.tensor(logits, requires_grad=True)
    loss = LOSSES[name](o, rows)
    weight = torch.ones(len(o), dtype=o.dtype) if upstream is None else torch.tensor(upstream)
    (gradient,) = torch.autograd.grad(loss, o, weight)
    return loss.detach().numpy(), gradient.numpy()


def test_every_loss_has_a_link_and_a_twin():
    assert set(LOSSES) == set(LINKS) == set(TWINS)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_value_and_gradient_are_the_twins(name, x, logits, kind):
    rows = torch.tensor(x) if kind == "dense" else sparse_rows(x)
    value, gradient = value_and_gradient(name, logits, rows)
    np.testing.assert_allclose(value, TWINS[name](logits, x), rtol=1e-12)
    np.testing.assert_allclose(gradient, GRADIENTS[name](logits, x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sparse_and_dense_rows_cost_the_same(name, x, logits, dtype):
    logits = logits.astype(str(dtype).removeprefix("torch."))
    upstream = np.random.default_rng(2).normal(size=B).astype(logits.dtype)
    dense = value_and_gradient(name, logits, torch.tensor(x, dtype=dtype), upstream)
    thin = value_and_gradient(name, logits, sparse_rows(x, dtype), upstream)
    for one, other in zip(dense, thin, strict=True):
        assert one.dtype == other.dtype == logits.dtype
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-5)


def test_the_link_is_the_gradient_of_the_part_without_x(name, logits):
    _, gradient = value_and_gradient(name, logits, torch.zeros(B, F, dtype=torch.float64))
    link = LINKS[name](torch.tensor(logits)).numpy()
    if name == "multinomial":  # A(o) is weighed by |x| = 0: take one purchase and add it back
        x = np.zeros((B, F))
        x[:, 0] = 1
        gradient = GRADIENTS[name](logits, x) + x
    np.testing.assert_allclose(gradient / (2 if name == "squared" else 1), link, atol=1e-12)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_an_empty_row_costs_nothing_in_the_multinomial(x, logits, kind):
    rows = torch.tensor(x) if kind == "dense" else sparse_rows(x)
    value, gradient = value_and_gradient("multinomial", logits, rows)
    assert value[2] == 0
    assert (gradient[2] == 0).all()


def test_a_batch_of_empty_rows_is_no_trouble(name, logits):
    rows = sparse_rows(np.zeros((B, F)))
    value, gradient = value_and_gradient(name, logits, rows)
    np.testing.assert_allclose(value, TWINS[name](logits, np.zeros((B, F))), rtol=1e-12)
    assert np.isfinite(gradient).all()


class Fresh(torch.autograd.Function):
    """A loss whose backward pass may run twice, as gradcheck asks: it starts anew each time."""

    @staticmethod
    def forward(ctx, logits, name, rows):
        ctx.save_for_backward(logits)
        ctx.rest = name, rows
        return LOSSES[name](logits, rows)

    @staticmethod
    def backward(ctx, upstream):
        name, rows = ctx.rest
        with torch.enable_grad():
            logits = ctx.saved_tensors[0].detach().requires_grad_()
            (gradient,) = torch.autograd.grad(LOSSES[name](logits, rows), logits, upstream)
        return gradient, None, None


def test_the_gradient_of_sparse_rows_is_the_slope(name, x, logits):
    o = torch.tensor(logits, requires_grad=True)
    assert gradcheck(lambda o: Fresh.apply(o, name, sparse_rows(x)), o)


def test_large_logits_neither_overflow_nor_vanish(name, x):
    logits = np.zeros((B, F), dtype=np.float32)
    logits[:, 0], logits[:, 1] = 300, -300
    value, gradient = value_and_gradient(name, logits, sparse_rows(x, torch.float32))
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(
        value, value_and_gradient(name, logits, torch.tensor(x).float())[0], rtol=1e-5
    )


def test_coarse_logits_are_summed_in_float32(x, logits):
    o = torch.tensor(logits).bfloat16().requires_grad_()
    loss = LOSSES["multinomial"](o, sparse_rows(x, torch.float32))
    loss.sum().backward()
    assert (loss.dtype, o.grad.dtype) == (torch.float32, torch.bfloat16)
    expected = TWINS["multinomial"](o.detach().double().numpy(), x)
    np.testing.assert_allclose(loss.detach().numpy(), expected, rtol=1e-5)


def test_kl_against_its_definition():
    rng = np.random.default_rng(3)
    mean, log_variance = rng.normal(size=(2, B, 4))
    z = np.linspace(-60, 60, 20_001)[:, None, None]
    deviation = np.exp(log_variance / 2)
    log_q = -0.5 * (((z - mean) / deviation) ** 2 + log_variance)
    log_p = -0.5 * z**2
    density = np.exp(log_q) / np.sqrt(2 * np.pi)
    expected = (density * (log_q - log_p)).sum((0, 2)) * (z[1, 0, 0] - z[0, 0, 0])
    found = gaussian_kl(torch.tensor(mean), torch.tensor(log_variance)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert gaussian_kl(torch.zeros(2, 3), torch.zeros(2, 3)).tolist() == [0, 0]


def test_a_bernoulli_loss_of_bfloat16_logits_is_summed_in_float32():
    """Of 784 terms a sum in bfloat16 would be off by halves of a percent."""
    logits = torch.randn(3, 784, generator=torch.Generator().manual_seed(0)).bfloat16()
    x = torch.rand(3, 784, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(bernoulli(logits, x), bernoulli(logits.float(), x))


def test_errors_of_sparse_rows_of_large_values_are_those_of_float64():
    rng = np.random.default_rng(0)
    X = sparse.csr_array((3e3 * rng.random(12) + rng.normal(size=(40, 12))).astype(np.float32))
    model = DenoisingAutoencoder(
        n_latent=2, loss="squared", max_epochs=1, learning_rate=1e-6, device="cpu", random_state=0
    ).fit(X)
    slow = np.square(X.toarray().astype(np.float64) - model.reconstruct(X)).sum(axis=1)
    np.testing.assert_allclose(model.reconstruction_error(X), slow, rtol=1e-6)


@pytest.mark.parametrize("name", ["squared", "multinomial"])
def test_other_losses_of_bfloat16_logits_are_summed_in_float32_too(name):
    logits = torch.randn(3, 784, generator=torch.Generator().manual_seed(0)).bfloat16()
    x = (torch.rand(3, 784, generator=torch.Generator().manual_seed(1)) < 0.1).float()
    for rows in (x, SparseRows.of(sparse.csr_array(x.numpy()))):
        torch.testing.assert_close(LOSSES[name](logits, rows), LOSSES[name](logits.float(), rows))


def test_the_divergence_of_a_posterior_is_summed_in_float32():
    encoded = torch.randn(5, 200, generator=torch.Generator().manual_seed(0)).bfloat16()
    q = Posterior.of(encoded)
    wanted = Posterior.of(encoded.double()).kl()
    torch.testing.assert_close(q.kl().double(), wanted, rtol=1e-5, atol=0)
