"""The types trained by back-propagation, against twins in NumPy."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.linalg import subspace_angles
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from likewise.autoencoders import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    UndercompleteAutoencoder,
    VariationalAutoencoder,
)
from likewise.autoencoders.choices import loss_for
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.nn.device import resolve_device, use_bfloat16
from likewise.nn.optimizers import make_optimizer
from likewise.nn.rows import as_rows

RUN = {"device": "cpu", "precision": "float32", "random_state": 0}


@pytest.fixture
def purchases():
    rng = np.random.default_rng(0)
    X = (rng.random((30, 8)) < 0.4).astype(np.float32)
    X[4] = 0
    return X


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def weights(net):
    """Encoder's and decoder's matrices (input x output) and biases, in float64."""
    w = {name: p.detach().numpy().astype(np.float64) for name, p in net.named_parameters()}
    layers = [(w["first.weight"], w["first.bias"])]
    for part in ("encoder", "decoder"):
        n = sum(name.startswith(part) for name in w) // 2
        layers += [(w[f"{part}.{i}.weight"].T, w[f"{part}.{i}.bias"]) for i in range(n)]
    return layers


# The seven steps


def seven_steps(layers, X, order, rate, loss):
    """The classic autoencoder, one row at a time."""
    (W, b), (V, c) = ([a.copy() for a in layer] for layer in layers)
    for x in X[order].astype(np.float64):  # 1: take one row
        h = sigmoid(x @ W + b)  # 2: encode
        o = h @ V + c  # 3: decode
        delta = 2 * (o - x) if loss == "squared" else sigmoid(o) - x  # 4: the error
        back = (V @ delta) * h * (1 - h)  # 5: propagate it back, change each weight by its share
        V, c = V - rate * np.outer(h, delta), c - rate * delta
        W, b = W - rate * np.outer(x, back), b - rate * back
    return (W, b), (V, c)  # 6: next row; 7: next epoch


@pytest.mark.parametrize("loss", ["bernoulli", "squared"])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_one_epoch_row_by_row_is_the_textbook(purchases, loss, kind):
    model = UndercompleteAutoencoder(
        n_latent=3, hidden=(), activation="sigmoid", batch_size=1, optimizer="sgd",
        learning_rate=0.1, max_epochs=1, validation_fraction=0.0, loss=loss, **RUN,
    )  # fmt: skip
    X = kind(purchases)
    start = weights(model._prepare(X))
    order = np.random.default_rng([model._seed, 0]).permutation(len(purchases))
    model.fit(X)
    seen = purchases
    if loss == "squared" and kind is np.asarray:  # such tables are brought to unit size
        centred = purchases - purchases.mean(0)
        seen = centred / np.sqrt((centred**2).mean())
    expected = seven_steps(start, seen, order, 0.1, loss)
    for ours, theirs in zip(weights(model.net_), expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    for before, after in zip(start, weights(model.net_), strict=True):
        assert not np.allclose(before[0], after[0], atol=1e-3)


@pytest.mark.parametrize(("loss", "scale"), [("bernoulli", 1), ("squared", 7)])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_the_untrained_net_answers_with_the_mean_row(purchases, loss, scale, kind):
    model = UndercompleteAutoencoder(n_latent=2, loss=loss, max_epochs=1, **RUN)
    model.set_params(learning_rate=1e-12).fit(kind(scale * purchases))
    with torch.no_grad():
        for weight in model.net_.decoder[-1].parameters():
            if weight.ndim == 2:
                weight.zero_()
    answer = model.reconstruct(kind(purchases))
    np.testing.assert_allclose(answer[0], scale * purchases.mean(0), atol=1e-3)


# Undercomplete


def test_a_linear_one_spans_the_principal_components():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) * [4, 2, 0.5] @ np.linalg.qr(rng.normal(size=(6, 6)))[0][:3]
    X = (X + 0.05 * rng.normal(size=X.shape) + 5).astype(np.float32)
    model = UndercompleteAutoencoder(
        n_latent=2, hidden=(), activation="identity", optimizer="adam", learning_rate=0.01,
        batch_size=200, max_epochs=800, validation_fraction=0.0, **RUN,
    ).fit(X)  # fmt: skip
    assert model.loss_ == "squared"
    _, _, components = np.linalg.svd(X - X.mean(0), full_matrices=False)
    _, (V, _) = weights(model.net_)
    assert subspace_angles(V.T, components[:2].T).max() < 0.005
    best = ((X - X.mean(0)) @ components[2:].T) ** 2
    assert -model.score(X) == pytest.approx(best.sum(1).mean(), rel=0.05)


def test_a_code_as_wide_as_the_data_copies_it():
    X = np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)
    model = UndercompleteAutoencoder(
        n_latent=4, hidden=(), activation="identity", optimizer="adam", learning_rate=0.02,
        max_epochs=500, batch_size=60, validation_fraction=0.0, **RUN,
    ).fit(X)  # fmt: skip
    np.testing.assert_allclose(model.reconstruct(X), X, atol=0.05)


# Mult-DAE


def log_softmax(o):
    return o - o.max(1, keepdims=True) - np.log(np.exp(o - o.max(1, keepdims=True)).sum(1))[:, None]


def unit(x):
    return x / np.maximum(np.sqrt((x**2).sum(1, keepdims=True)), 1e-12)


def mult_dae(layers, seen):
    """Seen rows of unit length in, code and logits out."""
    (W, b), (V, c) = layers
    h = np.tanh(seen @ W + b)
    return h, h @ V + c


@pytest.mark.parametrize("scale", [1, 3])
def test_mult_dae_is_its_ten_line_twin(purchases, scale):
    X = sparse.csr_array(scale * purchases)
    model = DenoisingAutoencoder(n_latent=5, max_epochs=2, batch_size=8, **RUN).fit(X)
    assert model.loss_ == "multinomial"
    h, o = mult_dae(weights(model.net_), unit(scale * purchases))
    np.testing.assert_allclose(model.transform(X), h, atol=1e-6)
    np.testing.assert_allclose(model.logits(X), o, atol=1e-6)
    np.testing.assert_allclose(model.reconstruct(X), np.exp(log_softmax(o)), atol=1e-6)
    np.testing.assert_allclose(
        model.reconstruction_error(X), -(scale * purchases * log_softmax(o)).sum(1), rtol=1e-5
    )


def test_the_loss_of_mult_dae_compares_with_the_clean_row(purchases):
    X = sparse.csr_array(purchases)
    model = DenoisingAutoencoder(n_latent=5, max_epochs=1, **RUN).fit(X)
    found = model._batch_loss(
        as_rows(X), torch.Generator().manual_seed(3), torch.zeros(())
    ).detach()
    keep = torch.empty(X.nnz).bernoulli_(0.5, generator=torch.Generator().manual_seed(3))
    seen = unit(purchases)
    seen[np.nonzero(purchases)] *= 2 * keep.numpy()
    assert (keep == 0).any()
    _, o = mult_dae(weights(model.net_), seen)
    np.testing.assert_allclose(found, -(purchases * log_softmax(o)).sum(1), rtol=1e-5, atol=1e-6)


def test_corruption_of_tables_reaches_zeros_too():
    X = np.random.default_rng(2).normal(size=(40, 6)).astype(np.float32)
    for corruption in ("gaussian", "masking", "dropout"):
        model = DenoisingAutoencoder(n_latent=3, corruption=corruption, max_epochs=3, **RUN).fit(X)
        assert model.loss_ == "squared"
        loss = [
            model._batch_loss(
                as_rows(X), torch.Generator().manual_seed(seed), torch.zeros(())
            ).detach()
            for seed in (0, 0, 1)
        ]
        assert torch.equal(loss[0], loss[1])
        assert not torch.equal(loss[0], loss[2])


# Mult-VAE


def vae(**changes):
    settings = {"n_latent": 3, "hidden": (6,), "max_epochs": 2, "batch_size": 8} | RUN
    return VariationalAutoencoder(**settings | changes)


def test_mult_vae_is_its_ten_line_twin(purchases):
    X = sparse.csr_array(purchases)
    model = vae().fit(X)
    (W1, b1), (W2, b2), (V1, c1), (V2, c2) = weights(model.net_)
    mean = (np.tanh(unit(purchases) @ W1 + b1) @ W2 + b2)[:, :3]
    o = np.tanh(mean @ V1 + c1) @ V2 + c2
    np.testing.assert_allclose(model.transform(X), mean, atol=1e-6)
    np.testing.assert_allclose(model.logits(X), o, atol=1e-6)
    np.testing.assert_allclose(
        model.reconstruction_error(X), -(purchases * log_softmax(o)).sum(1), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("step", "beta", "weight"), [(0, 0.2, 0), (10, 0.2, 0.1), (20, 0.2, 0.2), (99, 0.2, 0.2),
                                 (50, 2.0, 0.5), (300, 2.0, 2.0)]
)  # fmt: skip
def test_the_loss_of_mult_vae_is_likelihood_and_annealed_kl(purchases, step, beta, weight):
    X = sparse.csr_array(purchases)
    model = vae(beta=beta, anneal_steps=100).fit(X)
    found = model._batch_loss(
        as_rows(X), torch.Generator().manual_seed(3), torch.tensor(step)
    ).detach()

    random = torch.Generator().manual_seed(3)
    keep = torch.empty(X.nnz).bernoulli_(0.5, generator=random).numpy()
    noise = torch.empty(30, 3).normal_(generator=random).numpy()
    seen = unit(purchases)
    seen[np.nonzero(purchases)] *= 2 * keep
    (W1, b1), (W2, b2), (V1, c1), (V2, c2) = weights(model.net_)
    mean, log_variance = np.split(np.tanh(seen @ W1 + b1) @ W2 + b2, 2, axis=1)
    z = mean + noise * np.exp(log_variance / 2)
    o = np.tanh(z @ V1 + c1) @ V2 + c2
    kl = (mean**2 + np.exp(log_variance) - log_variance - 1).sum(1) / 2
    expected = -(purchases * log_softmax(o)).sum(1) + weight * kl
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_beta_pulls_the_codes_to_the_prior(purchases):
    X = sparse.csr_array(np.tile(purchases, (4, 1)))
    spread = {
        beta: vae(beta=beta, anneal_steps=1, learning_rate=0.01, max_epochs=40)
        .fit(X)
        .transform(X)
        .std()
        for beta in (0.0, 20.0)
    }
    assert spread[20.0] < 0.3 * spread[0.0]


def test_annealing_goes_on_over_epochs_and_over_parts(purchases, monkeypatch):
    steps, of_batch = [], VariationalAutoencoder._batch_loss

    def watched(self, rows, generator, step):
        steps.append(step)
        return of_batch(self, rows, generator, step)

    monkeypatch.setattr(VariationalAutoencoder, "_batch_loss", watched)
    vae(batch_size=10, validation_fraction=0.0).fit(purchases)
    assert steps == list(range(6))
    steps.clear()
    model = vae(batch_size=10)
    for _ in range(3):
        model.partial_fit(purchases)
    assert steps == list(range(9))


# What all of them choose


def test_partial_fit_takes_the_steps_of_fit_one_pass_at_a_time(purchases):
    def model():
        return UndercompleteAutoencoder(
            n_latent=3, optimizer="sgd", batch_size=100, max_epochs=3, validation_fraction=0.0,
            **RUN,
        )  # fmt: skip

    whole, parts = model().fit(purchases), model()
    for _ in range(3):
        parts.partial_fit(purchases)
    np.testing.assert_allclose(parts.logits(purchases), whole.logits(purchases), atol=1e-6)
    assert parts.n_epochs_ == len(parts.history_.epochs) == 3


OPTIMIZERS = [
    {"optimizer": "adam"}, {"optimizer": "adamw", "weight_decay": 0.1}, {"optimizer": "muon"},
    {"optimizer": "sgd"}, {"optimizer": "adam", "output": "sampled"},
]  # fmt: skip


@pytest.mark.parametrize("how", OPTIMIZERS)
def test_partial_fit_goes_on_at_the_rate_that_is_set_by_then(purchases, how):
    X = sparse.csr_array(purchases)

    def went_on(**changes):
        model = DenoisingAutoencoder(n_latent=3, learning_rate=0.01, **how, **RUN)
        before = model.partial_fit(X).set_params(**changes).logits(X)
        optimizer = model._optimizer
        moved = np.abs(model.partial_fit(X).logits(X) - before).max()
        assert model._optimizer is optimizer  # its moments are kept
        return moved

    assert went_on(learning_rate=1e-9) < 0.01 * went_on()


def test_partial_fit_heeds_a_decay_that_is_set_by_then(purchases):
    model = UndercompleteAutoencoder(n_latent=3, optimizer="adamw", learning_rate=0.01, **RUN)
    model.partial_fit(purchases).set_params(weight_decay=100.0).partial_fit(purchases)
    assert max(float(weight.detach().abs().max()) for weight in model.net_.parameters()) < 0.1


@pytest.mark.parametrize("how", OPTIMIZERS)
def test_partial_fit_goes_on_with_another_optimiser(purchases, how):
    X = sparse.csr_array(purchases)
    model = VariationalAutoencoder(n_latent=3, hidden=(5,), learning_rate=0.01, **how, **RUN)
    model.partial_fit(X)
    rest = {"weight_decay": 0.0, "output": "full"}
    for other in ("sgd", "adam", "muon", "adamw"):
        model.set_params(optimizer=other, **rest).partial_fit(X)
        assert type(model._optimizer) is type(make_optimizer(model.net_, model._plan()))
    assert model._n_steps == 5 * -(-X.shape[0] // model.setting("batch_size"))


def test_partial_fit_refuses_what_the_loss_cannot_explain():
    X = np.random.default_rng(0).random((20, 4), dtype=np.float32)
    model = UndercompleteAutoencoder(n_latent=2, loss="bernoulli", **RUN).partial_fit(X)
    with pytest.raises(InputError, match=r"values in \[0, 1\]"):
        model.partial_fit(2 * X)


@pytest.mark.parametrize(
    ("X", "kind", "loss"),
    [
        ([[0.0, 1.0]], "bernoulli", "bernoulli"),
        ([[0.2, 0.9]], "multinomial", "bernoulli"),
        ([[0.0, 1.5]], "multinomial", "squared"),
        ([[-0.1, 1.0]], "multinomial", "squared"),
        (sparse.csr_array([[0.0, 1.0]]), "multinomial", "multinomial"),
        (sparse.csr_array([[0.0, 5.0]]), "multinomial", "multinomial"),
        (sparse.csr_array([[0.0, 1.0]]), "bernoulli", "bernoulli"),
        (sparse.csr_array([[0.0, 5.0]]), "bernoulli", "squared"),
        (sparse.csr_array([[-1.0, 5.0]]), "multinomial", "squared"),
        (sparse.csr_array((2, 3)), "multinomial", "multinomial"),
    ],
)
def test_the_loss_fits_the_range_of_the_data(X, kind, loss):
    assert loss_for(X if sparse.issparse(X) else np.array(X), kind) == loss


def test_devices_are_chosen_or_refused_in_words():
    assert resolve_device("cpu") == torch.device("cpu")
    assert isinstance(resolve_device("auto"), torch.device)
    for name in ("meta", "no such", "cuda:-1", ""):
        with pytest.raises(InputError, match=f"device='{name}'"):
            resolve_device(name)


def test_precision_is_what_was_asked_for(monkeypatch):
    cpu = torch.device("cpu")
    assert use_bfloat16("bfloat16", cpu)
    assert not use_bfloat16("float32", cpu)
    for units in ("amx_bf16", "avx512_bf16"):
        for there in (True, False):
            found = {"avx512_f": True, units: there}
            monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found)
            assert use_bfloat16("auto", cpu) is there


def test_left_to_itself_only_the_multinomial_loss_is_learned_in_bfloat16(purchases, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    for X, coarse in ((sparse.csr_array(purchases), True), (purchases, False)):
        model = DenoisingAutoencoder(n_latent=2, max_epochs=1, device="cpu").fit(X)
        assert model._plan().bfloat16 is coarse


def test_bfloat16_learns_about_the_same(purchases):
    X = sparse.csr_array(np.tile(purchases, (10, 1)))
    errors = {
        precision: -DenoisingAutoencoder(n_latent=4, max_epochs=5, **RUN | {"precision": precision})
        .fit(X)
        .score(X)
        for precision in ("float32", "bfloat16")
    }
    assert errors["bfloat16"] == pytest.approx(errors["float32"], rel=0.02)
    assert errors["bfloat16"] != errors["float32"]


def test_what_would_not_fit_into_memory_is_refused_before_it_is_taken(purchases, monkeypatch):
    monkeypatch.setattr("likewise.memory.available_memory", lambda: 10_000)
    monkeypatch.setattr(
        "likewise.nn.layers.Net.initialise", lambda *_: pytest.fail("weights were drawn")
    )
    with pytest.raises(NotEnoughMemoryError, match="lower batch_size, hidden or n_latent"):
        vae(n_latent=1000).fit(purchases)


def test_a_judge_from_outside_decides_which_epoch_is_kept(purchases):
    scores = iter([0.1, 0.9, 0.5, 0.4])
    judged = []

    def validate(judge_me):
        judged.append(judge_me.logits(purchases))
        return next(scores)

    model = UndercompleteAutoencoder(n_latent=2, max_epochs=4, **RUN)
    model.fit(purchases, validate=validate)
    assert model.n_epochs_ == 2
    np.testing.assert_array_equal(model.logits(purchases), judged[1])


def test_rows_held_out_are_not_learned_from(purchases):
    X = np.tile(purchases, (2, 1))
    rows = []
    model = UndercompleteAutoencoder(
        n_latent=2, max_epochs=2, validation_fraction=0.25, progress=rows.append, **RUN
    ).fit(X)
    assert {at.n_rows for at in rows} == {45}
    assert all(epoch["validation"] < 0 for epoch in model.history_.epochs)


@pytest.mark.parametrize("kind", [ContractiveAutoencoder, DenoisingAutoencoder])
def test_left_to_itself_a_short_code_of_a_small_table_keeps_what_pca_does(kind):
    X = StandardScaler().fit_transform(load_iris().data)
    order = np.random.default_rng(0).permutation(len(X))
    held, train = X[order[:45]], X[order[45:]]
    pca = PCA(3).fit(train)
    lost = np.square(held - pca.inverse_transform(pca.transform(held))).sum()
    again = kind(n_latent=3, device="cpu", random_state=0).fit(train).reconstruct(held)
    # With half of it dropped it was 16 times as much, with one layer of sigmoids 88 times.
    assert np.square(held - again).sum() < 2 * lost


def test_noise_on_tables_is_gaussian_and_purchases_and_images_are_dropped(purchases):
    def chosen(X, **given):
        model = DenoisingAutoencoder(n_latent=2, max_epochs=1, **RUN, **given).fit(X)
        return model.setting("corruption"), model.setting("corruption_level")

    assert chosen(purchases) == ("gaussian", 0.1)
    assert chosen(sparse.csr_array(purchases)) == ("dropout", 0.5)
    assert chosen(np.ones((9, 256), np.float32)) == ("dropout", 0.5)
    assert chosen(purchases, corruption="masking") == ("masking", 0.5)
    assert chosen(purchases, corruption_level=0.3) == ("gaussian", 0.3)
