"""Convolutional layers against slow twins, and the convolutional type's own behaviour."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from torch.nn import functional

from likewise import ConvolutionalAutoencoder, Recommender
from likewise.autoencoders import neural
from likewise.autoencoders.convolutional import FOR_FEW
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.nn.convolution import ConvHourglass, WinnerNet, lifetime_winners, spatial_winners
from likewise.nn.corruption import masking
from likewise.nn.losses import LOSSES

QUICK = {"n_latent": 3, "filters": (4, 5), "max_epochs": 2, "random_state": 0, "device": "cpu"}


def make_images(n=40, shape=(9, 7)):
    rng = np.random.default_rng(0)
    return rng.random((n, *shape), dtype=np.float32)


def seeded(net):
    net.initialise(torch.Generator().manual_seed(0))
    return net


@given(
    channels=st.sampled_from([1, 3]), height=st.integers(1, 13), width=st.integers(1, 13),
    layers=st.integers(1, 3), kernel=st.sampled_from([1, 3, 5]),
)  # fmt: skip
def test_every_size_of_image_comes_back(channels, height, width, layers, kernel):
    shape = (channels, height, width)
    rows = torch.rand(2, channels * height * width)
    hourglass = seeded(ConvHourglass(shape, [2, 3, 4][:layers], kernel, "silu", (5,), 2))
    assert hourglass.encode(rows).shape == (2, 2)
    assert hourglass.decode(hourglass.encode(rows)).shape == rows.shape
    winners = seeded(WinnerNet(shape, [2, 3][: layers - 1], kernel, "relu", 4))
    assert winners.encode(rows).shape == (2, np.prod(winners.code_shape))
    assert winners.decode(winners.encode(rows)).shape == rows.shape


def test_the_first_layer_is_a_convolution_that_skips_every_other_pixel():
    net = seeded(ConvHourglass((1, 6, 6), [2], 3, "relu", (), 3))
    image = torch.rand(1, 36)
    (layer,) = net.convolutions
    padded = functional.pad(image.view(6, 6), (1, 1, 1, 1))
    for m in range(2):
        for y in range(3):
            for x in range(3):
                patch = padded[2 * y : 2 * y + 3, 2 * x : 2 * x + 3]
                expected = (patch * layer.weight[m, 0]).sum() + layer.bias[m]
                assert net._maps(image)[0, m, y, x].item() == pytest.approx(
                    expected.item(), abs=1e-5
                )


def test_further_convolutions_add_to_what_they_read():
    net = seeded(ConvHourglass((1, 6, 6), [2, 3], 3, "silu", (), 3, depth=2))
    h = torch.rand(4, 36)
    maps, h = net._maps(h), h.view(4, 1, 6, 6)
    for number, layer in enumerate(net.convolutions):
        h = layer(functional.silu(h) if number else h)
        for further in net.further[number]:
            assert further.stride == (1, 1)
            h = h + further(functional.silu(h))
    torch.testing.assert_close(maps, h)
    assert maps.shape == (4, 3, 2, 2)
    plain = ConvHourglass((1, 6, 6), [2, 3], 3, "silu", (), 3)
    assert not any(name.startswith("further") for name in plain.state_dict())


def test_depth_is_not_for_winners():
    with pytest.raises(InputError, match=r"winners=0.5 with depth=1"):
        ConvolutionalAutoencoder(**QUICK, depth=1, winners=0.5).fit(make_images())


def test_a_winner_writes_its_filter_around_its_place():
    net = seeded(WinnerNet((1, 16, 16), [], 3, "relu", 2))
    code = torch.zeros(1, *net.code_shape)
    code[0, 1, 4, 3] = 2.0
    image = net.decode(code.flatten(1)).detach() - net.output_bias
    assert net.filters().shape == (2, 1, 7, 7)
    expected = torch.zeros(16, 16)
    expected[5:12, 3:10] = 2 * net.filters()[1, 0]
    torch.testing.assert_close(image.view(16, 16), expected.detach())


def test_winners_against_a_slow_twin():
    maps = torch.rand(7, 3, 4, 5)
    won = spatial_winners(maps).numpy()
    for image, kept in zip(maps.numpy(), won, strict=True):
        for one, left in zip(image, kept, strict=True):
            assert (left > 0).sum() == 1
            assert left.max() == one.max()
            assert left.argmax() == one.argmax()
    lived = lifetime_winners(torch.from_numpy(won), 0.3)
    for m in range(3):
        speakers = np.flatnonzero(lived[:, m].flatten(1).sum(1))
        assert set(speakers) == set(np.argsort(won[:, m].max((1, 2)))[-2:])


def test_codes_of_winners_have_one_value_a_map():
    images = make_images()
    model = ConvolutionalAutoencoder(**QUICK, winners=0.5).fit(images)
    code = model.transform(images)
    assert code.shape == (40, 3 * 3 * 2)
    assert ((code.reshape(40, 3, -1) != 0).sum(2) <= 1).all()
    np.testing.assert_allclose(
        model.inverse_transform(code), model.reconstruct(images), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize(
    "changes", [{"corruption": "masking"}, {"winners": 0.2}, {"hidden": (6,)}, {"depth": 2}]
)
def test_variants_learn_and_are_saved(changes, tmp_path):
    images = make_images()
    model = ConvolutionalAutoencoder(**QUICK | {"max_epochs": 15}, **changes).fit(images)
    losses = [epoch["loss"] for epoch in model.history_.epochs]
    assert losses[-1] < losses[0]
    model.save(tmp_path / "a.model")
    again = ConvolutionalAutoencoder.load(tmp_path / "a.model")
    np.testing.assert_array_equal(again.transform(images), model.transform(images))


@pytest.mark.parametrize("changes", [{"corruption": "masking"}, {"winners": 0.2}])
def test_the_loss_of_a_variant_is_that_of_what_it_leaves_of_image_or_code(changes):
    model = ConvolutionalAutoencoder(**QUICK, **changes, corruption_level=0.5).fit(make_images())
    rows, net, dice = torch.rand(10, 63), model.net_, torch.Generator()
    found = model._batch_loss(rows, dice.manual_seed(1), torch.tensor(0))
    if "winners" in changes:
        maps = spatial_winners(net.encode(rows).unflatten(1, net.code_shape).relu())
        code = lifetime_winners(maps, 0.2).flatten(1)
    else:
        code = net.encode(masking(rows, 0.5, dice.manual_seed(1)))
    torch.testing.assert_close(found, LOSSES["bernoulli"](net.decode(code), rows))


def test_it_beats_the_same_number_of_principal_components_on_moving_bars():
    images = np.zeros((200, 12, 12), dtype=np.float32)
    rng = np.random.default_rng(0)
    for image, y, x in zip(images, rng.integers(0, 9, 200), rng.integers(0, 9, 200), strict=True):
        image[y : y + 4, x : x + 4] = 1
    rows = images.reshape(200, -1)
    centred = rows - rows.mean(0)
    _, values, _ = np.linalg.svd(centred, full_matrices=False)
    pca = (values[6:] ** 2).sum() / 200
    model = ConvolutionalAutoencoder(
        n_latent=6, filters=(8, 16), batch_size=32, max_epochs=80, learning_rate=5e-3,
        validation_fraction=0.0, random_state=0,
    ).fit(images)  # fmt: skip
    assert np.square(rows - model.reconstruct(rows)).sum(1).mean() < 0.7 * pca


def test_rows_of_known_shape_are_images_and_others_are_signals():
    images = make_images()
    rows = images.reshape(40, -1)
    by_shape = ConvolutionalAutoencoder(**QUICK, image_shape=(9, 7)).fit(rows)
    by_images = ConvolutionalAutoencoder(**QUICK).fit(images)
    assert by_shape.chosen_["augment"] is True
    np.testing.assert_array_equal(by_shape.reconstruct(rows), by_images.reconstruct(rows))
    signals = ConvolutionalAutoencoder(**QUICK).fit(rows)
    assert signals.net_.shape == (1, 1, 63)
    with pytest.raises(InputError, match=r"image_shape=\(9, 8\) has 72 values, a row 63"):
        ConvolutionalAutoencoder(**QUICK, image_shape=(9, 8)).fit(rows)


def test_rows_of_known_shape_are_moved_on_request():
    images = make_images()
    rows = images.reshape(40, -1)
    by_shape = ConvolutionalAutoencoder(**QUICK, augment=True, image_shape=(9, 7)).fit(rows)
    by_images = ConvolutionalAutoencoder(**QUICK, augment=True).fit(images)
    np.testing.assert_array_equal(by_shape.reconstruct(rows), by_images.reconstruct(rows))


def test_images_of_another_shape_than_is_given_are_refused():
    images = make_images()
    for same in ((9, 7), [1, 9, 7]):
        ConvolutionalAutoencoder(**QUICK, image_shape=same).fit(images)
    with pytest.raises(InputError, match=r"shape \(9, 7\) were given and image_shape=\(7, 9\)"):
        ConvolutionalAutoencoder(**QUICK, image_shape=(7, 9)).fit(images)


def test_purchases_are_refused():
    says = r"sparse rows \(purchases\) were given.*learns images.*use another type for purch"
    with pytest.raises(InputError, match=says):
        ConvolutionalAutoencoder(**QUICK).fit(sparse.csr_array(np.eye(9)))
    with pytest.raises(InputError, match=says):
        Recommender(ConvolutionalAutoencoder(**QUICK)).fit([["tea", "cup"], ["tea", "cup"]] * 9)


@pytest.mark.parametrize(
    "wrong",
    [{"filters": ()}, {"filters": (0,)}, {"filters": 3}, {"kernel_size": 4}, {"kernel_size": 0},
     {"depth": -1},
     {"winners": 0.0}, {"winners": 1.5}, {"image_shape": (3,)}, {"image_shape": (3, 0)},
     {"corruption": "no such"}, {"corruption_level": 1.0}],
)  # fmt: skip
def test_wrong_settings_are_refused_by_name(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        ConvolutionalAutoencoder(**QUICK | wrong).fit(make_images())


def test_what_does_not_fit_into_memory_is_refused_before_it_is_taken():
    with pytest.raises(NotEnoughMemoryError, match="lower batch_size, filters or n_latent"):
        ConvolutionalAutoencoder(**QUICK | {"filters": (10**6, 10**6)}).fit(make_images())


def test_few_images_are_moved_and_many_or_rows_are_not(monkeypatch):
    images = make_images()
    few = ConvolutionalAutoencoder(**QUICK).fit(images)
    assert few.chosen_["augment"] is True
    given = ConvolutionalAutoencoder(**QUICK, augment=False).fit(images)
    assert not np.array_equal(few.transform(images), given.transform(images))
    assert ConvolutionalAutoencoder(**QUICK).fit(images.reshape(40, -1)).chosen_["augment"] is False
    monkeypatch.setattr("likewise.autoencoders.convolutional.FEW", 40)
    many = ConvolutionalAutoencoder(**QUICK).fit(images)
    assert many.chosen_["augment"] is False
    assert few.chosen_["patience"] == FOR_FEW["patience"]
    assert given.chosen_["patience"] == many.chosen_["patience"] < FOR_FEW["patience"]


def test_layers_that_winners_would_not_have_are_refused():
    images = np.random.default_rng(0).random((20, 6, 6), dtype=np.float32)
    with pytest.raises(InputError, match=r"winners=0.5 with depth=0 and hidden=\(8,\)"):
        ConvolutionalAutoencoder(**QUICK, winners=0.5, hidden=(8,)).fit(images)


def test_images_are_moved_in_partial_fit_too(monkeypatch):
    """A pass of `partial_fit` is one of `fit`."""
    moved = []
    monkeypatch.setattr(neural, "augmented", lambda rows, *_, **__: moved.append(rows) or rows)
    images = np.random.default_rng(0).random((20, 6, 6), dtype=np.float32)
    model = ConvolutionalAutoencoder(**QUICK, augment=True).partial_fit(images)
    assert len(moved) == -(-20 // model.setting("batch_size"))


@pytest.mark.parametrize(
    "other",
    [
        {"filters": (5,)},
        {"kernel_size": 5},
        {"depth": 1},
        {"winners": 0.5},
        {"image_shape": (4, 9)},
    ],
)
def test_settings_of_another_net_are_refused_after_a_fit(other):
    images = np.random.default_rng(0).random((20, 6, 6), dtype=np.float32)
    model = ConvolutionalAutoencoder(**QUICK).fit(images).set_params(**other)
    for work in (lambda: model.partial_fit(images), model.contents):
        with pytest.raises(InputError, match=f"^{next(iter(other))}=.* set after a fit"):
            work()
