"""RecVAE against a twin in NumPy, the order in which its layers learn, and its departures."""

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


def unit(X):
    return X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12)


def encoder(net, name, x):
    """Dense skips, swish, then a layer norm with an epsilon of 0.1."""
    w = {k.removeprefix(f"{name}."): p.double().numpy() for k, p in net.state_dict().items()}
    outputs, a = [], unit(x) @ w["first.weight"] + w["first.bias"]
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


def test_in_the_decoders_turn_z_is_drawn_as_before_and_likelihood_is_all(X):
    fitted = model(max_epochs=7).fit(sparse.csr_array(X))
    fitted._decoder_alone = True
    rows, generator = as_rows(sparse.csr_array(X)), torch.Generator()
    found = fitted._batch_loss(rows, generator.manual_seed(7), FIRST).detach()
    mean, logvar = encoder(fitted.net_, "encoder", X)
    torch.empty(int(X.sum())).bernoulli_(1.0, generator=generator.manual_seed(7))
    z = mean + np.exp(logvar / 2) * torch.empty(32, 3).normal_(generator=generator).numpy()
    o = z @ fitted.net_.decoder.weight.detach().numpy().T + fitted.net_.output_bias.detach().numpy()
    likelihood = (X * (o - logsumexp(o, axis=1, keepdims=True))).sum(1)
    np.testing.assert_allclose(found, -likelihood, rtol=1e-4, atol=1e-4)


def read_by(fitted, X):
    """Return the rows that the encoder reads in a step, and those that the old one reads."""
    read = {"encoder": [], "old": []}
    for name, seen in read.items():
        getattr(fitted.net_, name).register_forward_pre_hook(
            lambda _, given, seen=seen: seen.append(given[0].dense().numpy())
        )
    fitted._batch_loss(as_rows(sparse.csr_array(X)), torch.Generator().manual_seed(0), FIRST)
    return read["encoder"], read["old"]


def test_the_encoder_reads_thinned_rows_of_unit_length_and_the_old_one_whole_ones(X):
    (thinned,), (whole,) = read_by(model(input_dropout=0.5).fit(sparse.csr_array(X)), X)
    np.testing.assert_allclose(whole, unit(X), atol=1e-6)
    stays = thinned > 0  # made unit before it is thinned: what stays is twice what it was
    np.testing.assert_allclose(thinned, np.where(stays, 2 * unit(X), 0), atol=1e-6)
    assert 0.3 < stays.sum() / X.sum() < 0.7


def test_in_the_decoders_turn_rows_are_whole(X):
    fitted = model(input_dropout=0.5).fit(sparse.csr_array(X))
    fitted._decoder_alone = True
    (read,), old = read_by(fitted, X)
    np.testing.assert_allclose(read, unit(X), atol=1e-6)
    assert not old


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
    assert len(one.history_.epochs) == 2  # one epoch each
    assert not any(same(before[part], weights(one, part)) for part in before)
    assert all(map(torch.equal, weights(one, "old").values(), weights(one, "encoder").values()))


def test_an_empty_basket_is_no_nan(X):
    fitted = model().fit(sparse.csr_array(X))
    empty = as_rows(sparse.csr_array((2, 8), dtype=np.float32))
    loss = fitted._batch_loss(empty, torch.Generator().manual_seed(0), FIRST)
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in fitted.net_.parameters())


def test_left_to_themselves_the_settings_are_the_papers(X):
    plain = RecVAE()
    assert (plain.n_latent, tuple(plain.hidden), plain.activation) == (200, (600,) * 5, "silu")
    assert (plain.optimizer, plain.learning_rate, plain.batch_size) == ("adam", 5e-4, 500)
    assert (plain.gamma, plain.input_dropout, plain.weight_decay) == (0.005, 0.5, 0.0)
    assert plain.max_epochs == 50 * (3 + 1)  # fifty rounds
    assert not model().fit(sparse.csr_array(X)).chosen_


@pytest.mark.parametrize("there", [False, True])
def test_left_to_itself_products_are_in_bfloat16_where_there_are_units(X, monkeypatch, there):
    found = {"avx512_f": True, "avx512_bf16": there}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert model(precision="auto").fit(sparse.csr_array(X))._plan().bfloat16 is there


def as_it_starts(X, **changes):
    """Return a model whose weights are still those it began with: a step is too short to count."""
    settings = {"n_latent": 20, "hidden": (40, 40, 40), "max_epochs": 1, "learning_rate": 1e-30}
    return model(**settings | changes).fit(sparse.csr_array(X))


def test_weights_start_as_glorot_and_bengio_have_them_and_biases_near_0(X):
    for name, weight in as_it_starts(X).net_.encoder.named_parameters():
        if name.endswith("bias"):
            assert weight.abs().max() <= 0.002
        elif weight.ndim == 1:
            assert (weight == 1).all()
        else:
            bound = (6 / sum(weight.shape)) ** 0.5
            assert 0.9 * bound < weight.abs().max() <= bound


def test_the_output_bias_starts_at_popularity(X):
    shares = np.log(X.mean(0) + 1 / len(X))
    bias = as_it_starts(X).net_.output_bias.detach()
    np.testing.assert_allclose(bias, shares - shares.mean(), atol=1e-6)


def test_the_old_encoder_starts_as_the_encoder(X):
    fitted = as_it_starts(X)
    assert all(map(torch.equal, weights(fitted, "old").values(),
                   weights(fitted, "encoder").values()))  # fmt: skip


def judged_best_after(best):
    """Return a judge whose score is highest after so many epochs."""
    epochs = iter(range(1, 1000))
    return lambda _: -abs(next(epochs) - best)


@pytest.mark.parametrize("best", [2, 3, 6])
def test_the_best_epoch_is_looked_for_after_every_epoch_not_after_every_round(X, best):
    found = model(max_epochs=8).fit(sparse.csr_array(X), validate=judged_best_after(best))
    assert found.n_epochs_ == best
    expected = model(max_epochs=best).fit(sparse.csr_array(X))
    assert all(same(weights(found, part), weights(expected, part)) for part in ("enc", "dec"))


def test_training_ends_after_five_rounds_without_a_better_epoch(X):
    found = model(max_epochs=200).fit(sparse.csr_array(X), validate=judged_best_after(1))
    assert (found.n_epochs_, len(found.history_.epochs)) == (1, 1 + 5 * 4)
    assert found.history_.stopped == "patience"


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
