"""What neural types choose for tables, and that it serves: no plateau, no unit of measurement."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from likewise.autoencoders import DeepAutoencoder, StackedAutoencoder, UndercompleteAutoencoder
from likewise.autoencoders.choices import PURCHASES, choose, for_table
from likewise.errors import InputError
from likewise.nn.augmentation import augmented
from likewise.nn.layers import Hourglass
from likewise.nn.muon import MatrixMuon, orthogonal
from likewise.nn.optimizers import RATES, Muon, rate_at
from likewise.nn.plan import Plan
from likewise.nn.training import train

RUN = {"device": "cpu", "random_state": 0}


@pytest.fixture(scope="module")
def digits():
    return (load_digits().data / 16).astype(np.float32)


@pytest.mark.parametrize("scale", [1, 255])
def test_the_defaults_beat_pca_at_the_same_dimension(digits, scale):
    train, test = scale * digits[:1400], scale * digits[1400:]
    model = UndercompleteAutoencoder(n_latent=8, max_epochs=40, **RUN).fit(train)
    assert model.loss_ == ("bernoulli" if scale == 1 else "squared")
    pca = PCA(8).fit(train)
    linear = pca.inverse_transform(pca.transform(test))
    ours, theirs = (np.square(x_hat - test).sum(1).mean() for x_hat in
                    (model.reconstruct(test), linear))  # fmt: skip
    assert ours < 0.9 * theirs


def test_what_was_chosen_is_said(digits):
    model = UndercompleteAutoencoder(n_latent=2, max_epochs=1, batch_size=64, **RUN).fit(digits)
    assert model.chosen_ == {
        "hidden": (64, 32), "activation": "silu", "optimizer": "muon", "learning_rate": 0.005,
        "patience": 20,
    }  # fmt: skip
    assert model.setting("batch_size") == 64
    baskets = UndercompleteAutoencoder(n_latent=2, max_epochs=1, **RUN).fit(
        sparse.csr_array(digits)
    )
    assert baskets.chosen_ == {
        "hidden": (), "activation": "sigmoid", "optimizer": "adam", "learning_rate": 0.003,
        "batch_size": 64, "patience": 5,
    }  # fmt: skip


def test_the_learning_rate_follows_the_optimizer():
    auto = dict.fromkeys(PURCHASES, "auto")
    for optimizer, rate in RATES.items():
        chosen = choose(auto | {"optimizer": optimizer}, for_table(100, 5))
        assert chosen["learning_rate"] == rate
        assert "optimizer" not in chosen


@pytest.mark.parametrize(("factor", "shift"), [(1e6, 0), (1e-6, 0), (1, 1e3), (1e15, -1e15)])
def test_the_unit_of_a_table_does_not_matter(factor, shift):
    X = np.random.default_rng(0).normal(size=(80, 5)).astype(np.float32)
    settings = {"n_latent": 2, "max_epochs": 3, "precision": "float32", **RUN}
    plain = UndercompleteAutoencoder(**settings).fit(X)
    other = UndercompleteAutoencoder(**settings).fit(factor * X + shift)
    np.testing.assert_allclose(
        (other.reconstruct(factor * X + shift).astype(np.float64) - shift) / factor,
        plain.reconstruct(X), atol=2e-2,
    )  # fmt: skip
    np.testing.assert_allclose(
        other.reconstruction_error(factor * X + shift) / factor**2,
        plain.reconstruction_error(X), rtol=2e-2,
    )  # fmt: skip


def test_errors_are_in_the_unit_of_the_table():
    X = 1000 * np.random.default_rng(0).normal(size=(80, 5)).astype(np.float32)
    model = UndercompleteAutoencoder(n_latent=2, max_epochs=3, **RUN).fit(X)
    expected = np.square(X - model.reconstruct(X)).sum(1)
    np.testing.assert_allclose(model.reconstruction_error(X), expected, rtol=1e-3)
    decoded = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(decoded, model.reconstruct(X), rtol=1e-3, atol=1)


@pytest.mark.parametrize(
    "X", [np.full((20, 3), 7.0), np.ones((1, 3)), np.arange(9.0)[:, None], np.zeros((4, 1)),
          np.full((5, 2), 1e38) * [[1], [-1], [1], [-1], [1]]],
    ids=["constant", "one row", "one column", "zeros", "huge"],
)  # fmt: skip
def test_odd_tables_are_learned(X):
    model = UndercompleteAutoencoder(n_latent=2, max_epochs=2, **RUN).fit(X)
    assert np.isfinite(model.reconstruct(X)).all()
    assert np.isfinite(model.reconstruction_error(X)).all()
    assert np.isfinite(model.transform(X)).all()


def test_a_scaled_model_is_saved_with_its_scaling(tmp_path):
    X = 50 + 9 * np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    model = UndercompleteAutoencoder(n_latent=2, max_epochs=3, **RUN).fit(X)
    model.save(tmp_path / "a.model")
    again = UndercompleteAutoencoder.load(tmp_path / "a.model")
    np.testing.assert_array_equal(again.reconstruct(X), model.reconstruct(X))
    assert again.chosen_ == model.chosen_
    assert again.scaling_.scale == pytest.approx(model.scaling_.scale)
    more = again.partial_fit(X).reconstruct(X)
    assert not np.array_equal(more, model.reconstruct(X))


# Muon and its rate


def plan(**changes):
    settings = {
        "max_epochs": 2, "batch_size": 10, "learning_rate": 0.1, "weight_decay": 0.0,
        "optimizer": "muon", "patience": 9, "max_seconds": float("inf"), "seed": 0,
        "device": torch.device("cpu"), "bfloat16": False, "decay": True,
    }  # fmt: skip
    return Plan(**settings | changes)


def test_muon_moves_matrices_by_orthogonal_steps_and_the_rest_by_adamw():
    net = Hourglass(8, (), 4, "identity")
    net.initialise(torch.Generator().manual_seed(0))
    before = {k: v.clone() for k, v in net.state_dict().items()}
    optimizer = Muon(net, 0.1, 0.0)
    rows = torch.rand(16, 8, generator=torch.Generator().manual_seed(1))
    net.decode(net.encode(rows)).square().sum(1).mean().backward()
    optimizer.step()
    steps = {k: (v - before[k]) for k, v in net.state_dict().items()}
    singular = torch.linalg.svdvals(steps["first.weight"]) / (0.1 * 0.2 * 8**0.5)
    assert ((singular > 0.5) & (singular < 1.5)).all()
    torch.testing.assert_close(steps["first.bias"].abs(), torch.full((4,), 0.1), rtol=1e-3, atol=0)


@pytest.mark.parametrize("there", [True, False])
def test_muon_multiplies_in_bfloat16_where_there_are_units_and_float32_was_not_asked_for(
    monkeypatch, there
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": there})
    X = np.random.default_rng(0).normal(size=(40, 6))
    for precision, wanted in (("auto", there), ("float32", False), ("bfloat16", True)):
        model = UndercompleteAutoencoder(
            n_latent=2, hidden=(4,), optimizer="muon", precision=precision, device="cpu"
        ).partial_fit(X)
        assert model._optimizer.parts[0].kind == (torch.bfloat16 if wanted else torch.float32)


def test_muon_takes_the_filters_of_a_convolution_as_the_rows_of_a_matrix():
    torch.manual_seed(0)
    filters = torch.nn.Parameter(torch.randn(4, 3, 3, 3))
    matrix = torch.nn.Parameter(filters.detach().reshape(4, 27).clone())
    optimizer, known = (MatrixMuon([weight], 0.1, 0.0) for weight in (filters, matrix))
    filters.grad = torch.randn(4, 3, 3, 3)
    matrix.grad = filters.grad.reshape(4, 27).clone()
    optimizer.step()
    known.step()
    torch.testing.assert_close(filters.detach().reshape(4, 27), matrix.detach())


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(40, 40), (40, 25), (25, 40), (1, 7), (7, 1)])
def test_a_step_of_muon_is_the_polar_factor(shape, kind):
    """Against the singular value decomposition: directions are kept, their sizes come near 1."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    for scale in (1e-30, 1e-12, 1e-6, 1.0, 1e6, 1e12):
        sizes = u.T @ orthogonal(scale * matrix, kind) @ v.T
        near = torch.diagonal(sizes)
        assert (near < 1.5).all()
        assert (near[s > 0.1 * s.max()] > 0.6).all()
        assert (sizes - torch.diag(near)).abs().max() < (0.1 if kind is torch.bfloat16 else 1e-4)
    assert not orthogonal(torch.zeros(shape), kind).any()


def test_muon_learns_with_the_nesterov_momentum_of_torchs_own():
    ours, theirs = (torch.nn.Parameter(torch.eye(6, 4)) for _ in range(2))
    own = MatrixMuon([ours], 0.1, 0.5)
    known = torch.optim.Muon([theirs], 0.1, 0.5, adjust_lr_fn="match_rms_adamw")
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        slope = torch.randn(6, 4, generator=generator)
        before = ours.detach().clone(), theirs.detach().clone()
        ours.grad, theirs.grad = slope, slope.clone()
        own.step()
        known.step()
        steps = [now.detach() - 0.95 * was for now, was in zip((ours, theirs), before, strict=True)]
        polar = [u @ v for u, _, v in (torch.linalg.svd(s, full_matrices=False) for s in steps)]
        torch.testing.assert_close(*polar, atol=0.05, rtol=0)


def test_the_rate_rises_and_falls_by_rows_or_by_time():
    assert rate_at(0.01) < rate_at(0.05) == 1.0 > rate_at(0.5) > rate_at(1.0) == 0.0
    assert plan().share_done(15, 10, 0.0) == 0.75
    assert plan(max_seconds=10).share_done(5, 10, 9.0) == 0.9


def test_a_resumed_run_under_muon_takes_the_same_steps(digits, tmp_path):
    def make(**more):
        return UndercompleteAutoencoder(n_latent=2, max_epochs=4, batch_size=64, **RUN, **more)

    def cut(at):
        if at.epoch == 3:
            raise KeyboardInterrupt

    whole = make().fit(digits[:200])
    make(checkpoint=tmp_path / "run", progress=cut).fit(digits[:200])
    resumed = make(checkpoint=tmp_path / "run").fit(digits[:200])
    np.testing.assert_array_equal(resumed.logits(digits), whole.logits(digits))


def test_without_decay_the_rate_stays():
    net, rates = Hourglass(3, (), 2, "identity"), []
    net.initialise(torch.Generator().manual_seed(0))
    optimizer = Muon(net, 0.1, 0.0)

    def loss(rows, generator, step):
        rates.append(optimizer.param_groups[0]["lr"])
        return net.decode(net.encode(rows)).square().sum(1)

    X = np.random.default_rng(0).random((20, 3), dtype=np.float32)
    for decay in (False, True):
        rates.clear()
        train(net, X, loss, plan(decay=decay), optimizer=optimizer)
        assert len(rates) == 4
        assert (len(set(rates)) == 1) is not decay


# Augmentation


def test_images_are_moved_a_little_and_stay_in_their_range():
    image = torch.zeros(200, 1, 15, 15)
    image[:, 0, 5:10, 5:10] = 1
    moved = augmented(image.reshape(200, -1), (15, 15), torch.Generator().manual_seed(0))
    assert moved.shape == (200, 225)
    assert moved.min() >= 0
    assert moved.max() <= 1
    place = torch.arange(15.0)
    centres = (moved.reshape(200, 15, 15).sum(1) @ place) / moved.sum(1)
    assert 0.2 < centres.std() < 1
    assert centres.mean() == pytest.approx(7, abs=0.15)
    again = augmented(image.reshape(200, -1), (15, 15), torch.Generator().manual_seed(0))
    assert torch.equal(again, moved)


def test_channels_move_together():
    image = torch.rand(3, 1, 6, 6).expand(3, 2, 6, 6)
    moved = augmented(image.reshape(3, -1), (2, 6, 6), torch.Generator().manual_seed(0))
    torch.testing.assert_close(*moved.reshape(3, 2, 36).unbind(1))


def test_half_of_the_images_are_turned_round_where_asked():
    image = torch.zeros(400, 9, 9)
    image[:, 3:6, :3] = 1  # on the left
    rows, generator = image.reshape(400, -1), torch.Generator().manual_seed(0)
    moved = augmented(rows, (9, 9), generator, mirror=True).reshape(400, 9, 9)
    on_the_left = moved[:, :, :4].sum((1, 2)) > moved[:, :, 5:].sum((1, 2))
    assert 150 < int(on_the_left.sum()) < 250
    assert (moved[:, 2:7].sum((1, 2)) > 4).all()  # up stays up
    again = augmented(rows, (9, 9), torch.Generator().manual_seed(0)).reshape(400, 9, 9)
    assert (again[:, :, :4].sum((1, 2)) > again[:, :, 5:].sum((1, 2))).all()


def test_augmenting_is_for_images(digits):
    model = DeepAutoencoder(n_latent=2, pretrain=False, max_epochs=2, augment=True, **RUN)
    images = digits[:100].reshape(-1, 8, 8)
    assert model.fit(images).reconstruct(images).shape == images.shape
    for table in (digits[:100], sparse.csr_array(digits[:100])):
        with pytest.raises(InputError, match=r"augment=True needs images: give X of shape"):
            model.fit(table)


@pytest.mark.parametrize("kind", [DeepAutoencoder, StackedAutoencoder])
def test_augmenting_a_table_is_refused_before_layers_are_trained(digits, kind, monkeypatch):
    monkeypatch.setattr(kind, "_pretrain", lambda *_: pytest.fail("layers were trained"))
    with pytest.raises(InputError, match="augment=True needs images"):
        kind(n_latent=2, augment=True, **RUN).fit(digits[:100])


def test_small_batches_beside_wide_layers_are_learned_by_adamw():
    assert for_table(1_200, 784)["optimizer"] == "adamw"
    assert for_table(60_000, 784)["optimizer"] == "muon"
    assert for_table(1_200, 10)["optimizer"] == "muon"


@pytest.mark.parametrize("offset", [1.7e9, 1e7])
def test_values_whose_differences_float32_would_round_away_are_refused(offset):
    rng = np.random.default_rng(0)
    X = offset + np.outer(rng.normal(size=200), [1.6, 1.6, 1.6])
    model = UndercompleteAutoencoder(n_latent=1, max_epochs=1, **RUN)
    for given in (X, pd.DataFrame(X, columns=["when", "b", "c"])):
        with pytest.raises(InputError, match=r"column (0|'when') lie near .*subtract the mean"):
            model.fit(given)
    model.fit(X - offset)
    model.fit(X.astype(np.float32))  # nothing is lost that was there
    model.fit(np.column_stack([np.full(200, 1e9 / 3), 0.1 + 1e-17 * X[:, 0], X[:, 0] - offset]))


def test_a_refused_table_leaves_what_was_learned_of_images():
    images = np.random.default_rng(0).random((40, 4, 4), dtype=np.float32)
    model = UndercompleteAutoencoder(n_latent=2, max_epochs=1, **RUN).fit(images)
    with pytest.raises(InputError, match="NaN"):
        model.fit(np.full((40, 16), np.nan))
    assert model.inverse_transform(model.transform(images)).shape == images.shape


def test_values_beyond_those_of_the_loss_are_no_better_than_the_last_of_them():
    rows = np.random.default_rng(0).uniform(0.1, 0.95, (300, 6)).astype(np.float32)
    model = UndercompleteAutoencoder(n_latent=2, max_epochs=3, **RUN).fit(rows)
    assert model.loss_ == "bernoulli"
    far = np.full((1, 6), 50, np.float32)
    for outside in (far, -far):
        assert model.reconstruction_error(outside)[0] > 0
        logits = model.logits(outside)
        told = np.logaddexp(0, logits).sum() - logits.sum() * (outside[0, 0] > 0)
        np.testing.assert_allclose(model.reconstruction_error(outside)[0], told, rtol=1e-5)


def test_held_out_losses_are_in_the_unit_of_those_of_training(digits):
    model = UndercompleteAutoencoder(n_latent=8, max_epochs=20, **RUN).fit(255 * digits)
    last = model.history_.epochs[-1]
    assert -last["validation"] == pytest.approx(last["loss"], rel=0.3)


def test_what_is_set_after_a_fit_counts(digits):
    model = UndercompleteAutoencoder(n_latent=2, max_epochs=1, **RUN).fit(digits)
    before = model.transform(digits[:3])
    model.set_params(optimizer="sgd", learning_rate=1e-12).partial_fit(digits)
    np.testing.assert_allclose(model.transform(digits[:3]), before, atol=1e-5)
    with pytest.raises(InputError, match="batch_size"):
        model.set_params(batch_size=0).partial_fit(digits)


def test_a_short_code_of_steps_learns_in_every_one_of_them():
    X = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    model = UndercompleteAutoencoder(n_latent=2, max_epochs=1, **RUN)
    untrained = {name: one.clone() for name, one in model.fit(X).net_.named_parameters()}
    longer = model.set_params(max_epochs=2).fit(X).net_
    for name, one in longer.named_parameters():
        assert not torch.equal(one, untrained[name])
