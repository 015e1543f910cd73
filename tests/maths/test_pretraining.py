"""Layers trained one by one: stacked denoising autoencoders and Boltzmann machines."""

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import nn

from likewise.autoencoders import DeepAutoencoder, StackedAutoencoder, deep, neural
from likewise.autoencoders import stacked as module
from likewise.autoencoders.classifier import AutoencoderClassifier
from likewise.cli.models import show_progress
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.memory import limit_memory
from likewise.nn import greedy
from likewise.nn.boltzmann import BoltzmannMachine
from likewise.nn.rows import SparseRows

RUN = {"device": "cpu", "precision": "float32", "random_state": 0, "n_latent": 2}


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return (rng.random((60, 8)) < np.repeat([[0.9], [0.1]], 30, axis=0)).astype(np.float32)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


# Stacked


def test_each_layer_learns_from_uncorrupted_codes_of_those_below(X, monkeypatch):
    seen, train = [], greedy.train

    def watched(layer, rows, loss, plan, **more):
        seen.append(rows)
        return train(layer, rows, loss, plan, **more)

    monkeypatch.setattr(greedy, "train", watched)
    model = StackedAutoencoder(
        hidden=(6, 4), activation="sigmoid", validation_fraction=0.0, max_epochs=1, **RUN
    )
    model.set_params(learning_rate=1e-12, corruption_level=0.9).fit(X)
    w = {k: v.numpy() for k, v in model.net_.state_dict().items()}
    h1 = sigmoid(X @ w["first.weight"] + w["first.bias"])
    h2 = sigmoid(h1 @ w["encoder.0.weight"].T + w["encoder.0.bias"])
    for found, expected in zip(seen, (X, h1, h2), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_layer_is_the_denoiser_of_its_codes(X):
    model = StackedAutoencoder(hidden=(6, 4), activation="tanh", max_epochs=1, **RUN).fit(X)
    layers = model.net_.pairs()
    layer = module._Layer(model, *layers[1], 1)
    rows = torch.rand(5, 6)
    found = layer.loss(rows, torch.Generator().manual_seed(1), 0).detach()
    keep = torch.empty(5, 6).bernoulli_(0.75, generator=torch.Generator().manual_seed(1))
    encoder, decoder = layers[1]
    expected = (torch.tanh(decoder(torch.tanh(encoder(rows * keep)))) - rows).square().sum(1)
    torch.testing.assert_close(found, expected.detach())


@pytest.mark.parametrize("kind", [StackedAutoencoder, DeepAutoencoder])
def test_pretraining_is_kept_where_the_whole_is_hardly_trained(X, kind):
    few = {"max_epochs": 1, "hidden": (6,), "validation_fraction": 0.0, "activation": "sigmoid"}
    model = kind(**few, **RUN, learning_rate=0.01)
    longer = model.set_params(pretrain_epochs=200).fit(X)
    assert [len(history.epochs) for history in longer.pretraining_] == [200, 200]
    error = longer.reconstruction_error(X).mean()
    without = {"pretrain_epochs": 0} if kind is StackedAutoencoder else {"pretrain": False}
    direct = model.set_params(**without).fit(X)
    assert direct.pretraining_ == []
    assert error < 0.97 * direct.reconstruction_error(X).mean()


# Boltzmann machines


def machine(**kinds):
    torch.manual_seed(0)
    weight, b, c = (nn.Parameter(0.5 * torch.randn(*s)) for s in ((4, 3), (3,), (4,)))
    return BoltzmannMachine(weight, b, c, **kinds)


def test_its_gradient_is_that_of_contrastive_divergence():
    rbm, v = machine(), (torch.rand(6, 4) < 0.5).float()
    rbm.loss(v, torch.Generator().manual_seed(2), 0).mean().backward()
    W, b, c = (p.detach().numpy() for p in (rbm.weight, rbm.hidden_bias, rbm.visible_bias))
    p = sigmoid(v.numpy() @ W + b)
    drawn = torch.empty(6, 3).bernoulli_(
        torch.tensor(p), generator=torch.Generator().manual_seed(2)
    )
    again = sigmoid(drawn.numpy() @ W.T + c)
    p_again = sigmoid(again @ W + b)
    expected = -(v.numpy().T @ p - again.T @ p_again) / 6  # -(data - reconstruction)
    np.testing.assert_allclose(rbm.weight.grad, expected, atol=1e-6)
    np.testing.assert_allclose(rbm.hidden_bias.grad, (p_again - p).mean(0), atol=1e-6)
    np.testing.assert_allclose(rbm.visible_bias.grad, (again - v.numpy()).mean(0), atol=1e-6)


def test_free_energy_is_the_sum_over_all_hidden_states():
    rbm, v = machine(), (torch.rand(5, 4) < 0.5).float()
    states = torch.tensor([[i >> j & 1 for j in range(3)] for i in range(8)]).float()
    energy = -(
        v @ rbm.weight @ states.T + states @ rbm.hidden_bias + (v @ rbm.visible_bias)[:, None]
    )
    torch.testing.assert_close(rbm.free_energy(v), -(-energy).logsumexp(1))


def test_gaussian_units_have_quadratic_energies():
    v = torch.randn(5, 4)
    rbm = machine(gaussian_visible=True, gaussian_hidden=True)
    into = v @ rbm.weight + rbm.hidden_bias
    torch.testing.assert_close(rbm.hidden(v), into)
    expected = 0.5 * (v - rbm.visible_bias).square().sum(1) - 0.5 * into.square().sum(1)
    torch.testing.assert_close(rbm.free_energy(v), expected)


@pytest.mark.parametrize("loss", ["squared", "bernoulli"])
def test_the_code_is_gaussian_and_so_are_rows_of_any_numbers(X, loss, monkeypatch):
    made, train = [], deep.train_greedily
    monkeypatch.setattr(
        deep, "train_greedily", lambda layers, *more: made.extend(layers) or train(layers, *more)
    )
    DeepAutoencoder(hidden=(6, 4), loss=loss, max_epochs=1, **RUN).fit(X)
    kinds = [(one.machine.gaussian_visible, one.machine.gaussian_hidden) for one in made]
    assert kinds == [(loss == "squared", False), (False, False), (False, True)]


def test_a_machine_is_unrolled_into_both_halves(X):
    model = DeepAutoencoder(hidden=(6,), max_epochs=1, validation_fraction=0.0, **RUN)
    model.set_params(learning_rate=1e-12).fit(X)
    w = model.net_.state_dict()
    torch.testing.assert_close(w["first.weight"], w["decoder.1.weight"], atol=1e-6, rtol=0)
    torch.testing.assert_close(w["encoder.0.weight"].T, w["decoder.0.weight"], atol=1e-6, rtol=0)
    assert model.setting("activation") == "sigmoid"
    h = sigmoid(X @ w["first.weight"].numpy() + w["first.bias"].numpy())
    code = h @ w["encoder.0.weight"].numpy().T + w["encoder.0.bias"].numpy()
    np.testing.assert_allclose(model.transform(X), code, atol=1e-5)


def test_other_activations_have_no_machines(X):
    with pytest.raises(InputError, match=r"activation='silu' and pretrain=True.*pretrain=False"):
        DeepAutoencoder(activation="silu", **RUN).fit(X)
    direct = DeepAutoencoder(pretrain=False, max_epochs=1, **RUN).fit(X)
    assert direct.setting("activation") == "silu"


@pytest.mark.parametrize("kind", [StackedAutoencoder, DeepAutoencoder])
def test_an_interrupt_of_pre_training_ends_it(X, kind, monkeypatch):
    """What follows would learn from layers that are not done."""
    trained, train = [], greedy.train

    def interrupted(layer, *given, **more):
        history = train(layer, *given, **more)
        trained.append(layer)
        history.stopped = "interrupt"
        return history

    monkeypatch.setattr(greedy, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kind(hidden=(6, 4), max_epochs=1, **RUN).fit(X)
    assert len(trained) == 1


@pytest.mark.parametrize("kind", [StackedAutoencoder, DeepAutoencoder])
def test_layers_share_half_of_the_seconds_and_the_whole_has_the_rest(X, kind, monkeypatch):
    given = []
    for place in (greedy, neural):

        def watched(net, rows, loss, plan, train=place.train, **more):
            given.append(plan.max_seconds)
            return train(net, rows, loss, plan, **more)

        monkeypatch.setattr(place, "train", watched)
    kind(hidden=(6,), max_epochs=1, max_seconds=1_000, **RUN).fit(X)
    assert given[:2] == [250, 250]
    assert 500 < given[2] < 1_000


@pytest.mark.parametrize("kind", [StackedAutoencoder, DeepAutoencoder])
def test_what_was_not_pre_trained_has_no_history_of_it(X, kind):
    assert kind(hidden=(6,), **RUN).partial_fit(X).pretraining_ == []


def test_a_machine_says_what_dense_rows_take():
    purchases = sparse.csr_array((np.ones(50, np.float32), (np.arange(50), np.arange(50))),
                                 shape=(50, 200_000))  # fmt: skip
    model = DeepAutoencoder(hidden=(4,), batch_size=2_000, output="blocked", **RUN)
    try:
        limit_memory(4 * 1024**3)
        with pytest.raises(NotEnoughMemoryError, match=r"pretrain=False .*are dense"):
            model.fit(purchases)
    finally:
        limit_memory(None)


def test_a_machine_sees_sparse_rows_as_dense_ones():
    rbm = machine()
    dense = (np.random.default_rng(0).random((5, 4)) < 0.5).astype(np.float32)
    found = rbm.hidden(SparseRows.of(sparse.csr_array(dense)))
    torch.testing.assert_close(found, rbm.hidden(torch.from_numpy(dense)))


# Progress


def stages(at):
    return list(dict.fromkeys(one.stage for one in at))


@pytest.mark.parametrize("kind", [StackedAutoencoder, DeepAutoencoder])
def test_each_layer_that_is_pre_trained_says_so(X, kind):
    told = []
    kind(hidden=(6,), pretrain_epochs=2, max_epochs=1, progress=told.append, **RUN).fit(X)
    assert stages(told) == ["pre-training layer 1 of 2", "pre-training layer 2 of 2", ""]
    assert [one.epoch for one in told if one.rows_done == one.n_rows] == [1, 2, 1, 2, 1]


def test_a_classifier_tells_of_its_autoencoder_too(X):
    told = []
    inner = StackedAutoencoder(hidden=(6,), pretrain_epochs=1, max_epochs=1, **RUN)
    model = AutoencoderClassifier(inner, max_epochs=1, progress=told.append).fit(X, X[:, 0])
    layers = [f"autoencoder, pre-training layer {n} of 2" for n in (1, 2)]
    assert stages(told) == [*layers, "autoencoder", ""]
    assert (inner.progress, model.autoencoder_.progress) == (None, None)


def test_the_command_line_names_the_stage(X):
    seen = []
    model = StackedAutoencoder(hidden=(6,), pretrain_epochs=1, max_epochs=1, **RUN)
    show_progress(model, lambda share, words: seen.append(words))
    model.fit(X)
    assert seen[0].startswith("pre-training layer 1 of 2: epoch 1/1, error ")
    assert seen[-1].startswith("epoch 1/1, error ")
