"""RecVAE against a twin in NumPy, and the order in which its layers learn."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.special import logsumexp
from scipy.stats import norm

from likewise.autoencoders import RecVAE
from likewise.errors import InputError
from likewise.nn.rows import as_rows

FIRST = torch.zeros(())
"""The number of the first step."""

RUN = {"device": "cpu", "precision": "float32", "random_state": 0, "batch_size": 16}


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    rows = (rng.random((32, 8)) < 0.4).astype(np.float32)
    rows[4] = 0
    return rows


def model(**changes):
    settings = {"n_latent": 3, "hidden": (6, 6, 6), "validation_fraction": 0.0, "max_epochs": 8}
    return RecVAE(**RUN | settings | changes)


def encoder(net, name, x):
    """Dense skips, swish, then a layer norm with an epsilon of 0.1."""
    w = {k.removeprefix(f"{name}."): p.double().numpy() for k, p in net.state_dict().items()}
    x = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    outputs, a = [], x @ w["first.weight"] + w["first.bias"]
    for i in range(3):
        a = a if i == 0 else outputs[-1] @ w[f"inner.{i - 1}.weight"].T + w[f"inner.{i - 1}.bias"]
        s = a + sum(outputs, np.zeros(6))
        s = s / (1 + np.exp(-s))
        n = (s - s.mean(1, keepdims=True)) / np.sqrt(s.var(1, keepdims=True) + 0.1)
        outputs.append(n * w[f"norms.{i}.weight"] + w[f"norms.{i}.bias"])
    return np.split(outputs[-1] @ w["last.weight"].T + w["last.bias"], 2, axis=1)


def test_answers_are_those_of_the_twin(X):
    fitted = model().fit(sparse.csr_array(X))
    mean, _ = encoder(fitted.net_, "encoder", X)
    decoder = fitted.net_.decoder
    logits = mean @ decoder.weight.detach().double().numpy().T
    logits += decoder.bias.detach().double().numpy()
    np.testing.assert_allclose(fitted.transform(X), mean, atol=1e-5)
    np.testing.assert_allclose(fitted.logits(X), logits, atol=1e-5)


def test_the_loss_is_the_twins_with_a_composite_prior_and_a_weight_a_customer(X):
    fitted = model(gamma=0.3, input_dropout=0.0, max_epochs=7).fit(sparse.csr_array(X))
    found = fitted._batch_loss(
        as_rows(sparse.csr_array(X)), torch.Generator().manual_seed(7), torch.zeros(())
    )
    (mean, logvar), (old, old_logvar) = (encoder(fitted.net_, n, X) for n in ("encoder", "old"))
    assert not np.allclose(mean, old)
    generator = torch.Generator().manual_seed(7)
    torch.empty(int(X.sum())).bernoulli_(1.0, generator=generator)  # the dropout's numbers
    z = mean + np.exp(logvar / 2) * torch.empty(32, 3).normal_(generator=generator).numpy()
    parts = [norm.logpdf(z), norm.logpdf(z, old, np.exp(old_logvar / 2)),
             norm.logpdf(z, 0, np.exp(5))]  # fmt: skip
    prior = logsumexp(np.stack(parts), axis=0, b=np.array([0.15, 0.75, 0.1])[:, None, None])
    gap = (norm.logpdf(z, mean, np.exp(logvar / 2)) - prior).sum(1)
    o = z @ fitted.net_.decoder.weight.detach().numpy().T + fitted.net_.output_bias.detach().numpy()
    likelihood = (X * (o - logsumexp(o, axis=1, keepdims=True))).sum(1)
    np.testing.assert_allclose(
        found.detach(), -likelihood + 0.3 * X.sum(1) * gap, rtol=1e-4, atol=1e-4
    )


def weights(fitted, part):
    return {k: p.clone() for k, p in fitted.net_.state_dict().items() if k.startswith(part)}


def same(one, other):
    return all(torch.equal(one[key], other[key]) for key in one)


def test_three_epochs_of_the_encoder_then_one_of_the_decoder(X):
    after = {n: model(max_epochs=n).fit(sparse.csr_array(X)) for n in (2, 3, 4, 5)}
    assert same(weights(after[2], "decoder"), weights(after[3], "decoder"))
    assert not same(weights(after[2], "encoder"), weights(after[3], "encoder"))
    assert same(weights(after[3], "encoder"), weights(after[4], "encoder"))
    assert not same(weights(after[3], "decoder"), weights(after[4], "decoder"))
    assert not same(weights(after[4], "encoder"), weights(after[5], "encoder"))
    assert same(weights(after[2], "old"), weights(after[3], "old"))
    for n in (4, 5):
        renewed = weights(after[n], "old").values()
        assert all(map(torch.equal, renewed, weights(after[4], "encoder").values()))


def test_partial_fit_teaches_all_layers_and_renews_the_prior(X):
    one = model().partial_fit(X)
    before = {part: weights(one, part) for part in ("encoder", "decoder")}
    one.partial_fit(X)
    assert not any(same(before[part], weights(one, part)) for part in before)
    assert all(map(torch.equal, weights(one, "old").values(), weights(one, "encoder").values()))


def test_an_empty_basket_is_no_nan(X):
    fitted = model().fit(sparse.csr_array(X))
    empty = as_rows(sparse.csr_array((2, 8), dtype=np.float32))
    loss = fitted._batch_loss(empty, torch.Generator().manual_seed(0), FIRST)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in fitted.net_.parameters())


def test_a_folder_holds_no_old_encoder(X):
    tensors = model().fit(X).contents().tensors
    assert {name.split(".")[0] for name in tensors} == {"encoder", "decoder"}


@pytest.mark.parametrize("hidden", [(), (6, 5)])
def test_layers_that_cannot_be_added_up_are_refused(X, hidden):
    with pytest.raises(InputError, match="equal widths"):
        model(hidden=hidden).fit(X)


def test_after_a_fit_that_failed_all_layers_learn_again(X):
    told = []

    def fail(at):
        told.append(at.epoch)
        if at.epoch == 4:  # the decoder's turn
            raise RuntimeError("no more")

    fitted = model(max_epochs=8, progress=fail)
    with pytest.raises(RuntimeError, match="no more"):
        fitted.fit(sparse.csr_array(X))
    assert told[-1] == 4
    assert not fitted._decoder_alone
    fitted.set_params(progress=None).partial_fit(sparse.csr_array(X))
    assert all(weight.requires_grad for weight in fitted.net_.encoder.parameters())
