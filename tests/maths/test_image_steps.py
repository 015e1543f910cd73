"""The seven steps of one image: numbers against a slow twin, text and figure."""

import copy
import threading

import numpy as np
import pytest
import torch

from likewise import (
    ConvolutionalAutoencoder,
    DeepAutoencoder,
    StackedAutoencoder,
    UndercompleteAutoencoder,
)
from likewise.autoencoders.walk import walk
from likewise.errors import InputError
from likewise.plots import image_steps_figure
from likewise.plots.steps import _first_layer_change
from likewise.steps import image_steps, image_steps_lines

QUICK = {"n_latent": 3, "max_epochs": 3, "random_state": 0, "device": "cpu", "precision": "float32"}
TYPES = [
    UndercompleteAutoencoder(**QUICK, hidden=(5,)),
    StackedAutoencoder(**QUICK, hidden=(5,)),
    ConvolutionalAutoencoder(**QUICK, filters=(4,)),
    ConvolutionalAutoencoder(**QUICK, filters=(4, 4), winners=0.5),
]


@pytest.fixture
def images():
    return np.random.default_rng(0).random((30, 6, 5), dtype=np.float32)


@pytest.mark.parametrize("model", TYPES, ids=repr)
def test_the_walk_is_the_models_own_and_one_step_of_descent(model, images):
    model.fit(images)
    before = copy.deepcopy(model.net_.state_dict())
    one = walk(model, images[3].ravel(), 1e-3)
    np.testing.assert_allclose(one.code, model.transform(images[[3]])[0], atol=1e-6)
    np.testing.assert_allclose(one.x_hat, model.reconstruct(images[[3]])[0].ravel(), atol=1e-6)
    assert one.loss == pytest.approx(model.reconstruction_error(images[[3]])[0], rel=1e-5)
    assert one.loss_after < one.loss
    for name, weight in model.net_.state_dict().items():
        assert torch.equal(weight, before[name])


def test_a_change_is_the_slope_of_the_loss_times_the_learning_rate(images):
    model = UndercompleteAutoencoder(**QUICK, hidden=(5,)).fit(images)
    one = walk(model, images[3].ravel(), 1e-2)
    found = one.largest_changes("first.weight", 3)
    assert [abs(c.change) for c in found] == sorted((abs(c.change) for c in found), reverse=True)
    for change in found:
        losses = []
        for nudge in (1e-2, -1e-2):
            twin = copy.deepcopy(model)
            with torch.no_grad():
                twin.net_.first.weight[change.place] += nudge
            losses.append(twin.reconstruction_error(images[[3]])[0])
        assert change.change == pytest.approx(-1e-2 * (losses[0] - losses[1]) / 2e-2, rel=0.02)


@pytest.mark.parametrize("model", TYPES, ids=repr)
def test_the_steps_are_told_and_drawn(model, images):
    steps = image_steps(model.fit(images), images[3])
    lines = image_steps_lines(steps)
    assert [line[0] for line in lines if line[:1].isdigit()] == list("1234567")
    assert f"{steps.walk.loss_after:.3f} instead of {steps.walk.loss:.3f}" in "\n".join(lines)
    assert len(image_steps_figure(steps).axes) == 6
    document = steps.as_dict()
    assert np.shape(document["x"]) == np.shape(document["x_hat"]) == (6, 5)
    assert len(document["losses"]) == 3
    y, x = steps.largest_errors(1)[0]
    error = np.abs(images[3] - np.reshape(document["x_hat"], (6, 5)))
    assert error[y, x] == pytest.approx(error.max(), abs=1e-6)


def test_a_model_that_reports_to_what_cannot_be_copied_is_walked(images):
    class Display:
        def __init__(self):
            self.lock = threading.Lock()

        def move(self, progress):
            pass

    model = UndercompleteAutoencoder(**QUICK, progress=Display().move).fit(images)
    one = walk(model, images[3].ravel(), 1e-3)
    assert one.loss_after < one.loss


def test_the_code_walked_is_the_encoders_own_whose_loss_is_told(images):
    X = images.reshape(30, -1)
    model = DeepAutoencoder(**QUICK, hidden=(5,), pretrain=False, loss="squared").fit(X)
    plain = walk(model, X[3], 1e-3)
    one = walk(model.set_params(projection_steps=2), X[3], 1e-3)
    np.testing.assert_array_equal(one.code, plain.code)
    assert not np.allclose(one.code, model.transform(X[[3]])[0])
    assert one.loss == pytest.approx(np.square(one.x - one.x_hat).sum(), rel=1e-5)
    assert model.projection_steps == 2


def test_colour_is_walked_too():
    images = np.random.default_rng(0).random((30, 3, 6, 5), dtype=np.float32)
    steps = image_steps(ConvolutionalAutoencoder(**QUICK, filters=(4,)).fit(images), images[0])
    assert len(steps.largest_errors(1)[0]) == 3
    axes = image_steps_figure(steps).axes
    assert len(axes) == 6
    one = steps.walk  # errors below 0 are drawn as such
    expected = (one.x - one.x_hat).reshape(3, 6, 5).mean(axis=0)
    np.testing.assert_allclose(axes[3].images[0].get_array(), expected, atol=1e-6)
    assert expected.min() < 0


def test_squared_losses_are_in_the_images_unit():
    images = np.random.default_rng(0).uniform(0, 255, (30, 6, 5)).astype(np.float32)
    model = UndercompleteAutoencoder(**QUICK, hidden=(5,)).fit(images)
    steps = image_steps(model, images[3])
    assert model.loss_ == "squared"
    error = np.square(steps.walk.x - steps.walk.x_hat).sum()
    assert steps.walk.loss == pytest.approx(error, rel=1e-4)
    assert steps.losses[0] == pytest.approx(error, rel=1)


def test_units_are_numbered_from_0_in_text_and_picture(images):
    steps = image_steps(ConvolutionalAutoencoder(**QUICK, filters=(4,)).fit(images), images[0])
    bars = image_steps_figure(steps).axes[1].patches
    strongest = int(np.abs(steps.walk.code).argmax())
    middles = [bar.get_x() + bar.get_width() / 2 for bar in bars]
    assert middles == pytest.approx([0, 1, 2])
    assert image_steps_lines(steps)[3].split()[0] == f"h{strongest}"


def test_the_colours_of_the_error_are_told(images):
    steps = image_steps(ConvolutionalAutoencoder(**QUICK, filters=(4,)).fit(images), images[0])
    assert "red: came back too dark" in image_steps_figure(steps).axes[3].get_xlabel()


def test_other_models_and_images_are_refused(images):
    model = ConvolutionalAutoencoder(**QUICK, filters=(4,)).fit(images)
    with pytest.raises(InputError, match=r"shape \(5, 6\) and the model learned \(6, 5\)"):
        image_steps(model, images[0].T)
    with pytest.raises(InputError, match="learned rows of a table"):
        image_steps(model.fit(images.reshape(30, -1)), images[0])


def test_a_step_never_makes_the_row_worse():
    """A row unlike all others has a gradient so large that a tenth of the rate must do."""
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    model = UndercompleteAutoencoder(n_latent=2, max_epochs=5, random_state=0).fit(X)
    usual, far = (walk(model, x.astype(np.float32), 0.001) for x in (X[0], 300 * np.ones(4)))
    assert usual.learning_rate * model.scaling_.scale**2 == pytest.approx(0.001)
    assert far.learning_rate < 0.5 * usual.learning_rate
    assert usual.loss_after < usual.loss
    assert far.loss_after < far.loss


@pytest.mark.parametrize("width", [5, 30, 40])
def test_the_picture_shows_the_weights_of_one_unit_of_the_first_layer(images, width):
    model = UndercompleteAutoencoder(**QUICK | {"n_latent": 2}, hidden=(width,)).fit(images)
    steps = image_steps(model, images[3])
    change = steps.walk.changes["first.weight"].numpy()  # (pixels, units)
    largest = np.square(change).sum(axis=0).argmax()
    shown = _first_layer_change(steps)
    np.testing.assert_array_equal(shown, change[:, largest].reshape(6, 5))


def test_channels_that_are_no_colours_are_drawn_as_their_mean():
    images = np.random.default_rng(0).random((20, 2, 6, 5), dtype=np.float32)
    model = ConvolutionalAutoencoder(**QUICK | {"max_epochs": 1}, filters=(4,)).fit(images)
    drawn = image_steps_figure(image_steps(model, images[3])).axes[0].images[0].get_array()
    np.testing.assert_allclose(drawn, images[3].mean(axis=0), atol=1e-6)
