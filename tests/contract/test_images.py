"""Images as X: every type takes them, gives them back in their shape, and remembers it."""

from dataclasses import replace

import numpy as np
import pytest

from likewise.artifact import read_folder, write_folder
from likewise.errors import ModelFolderError
from likewise.recommend.folder import ALL_TYPES, load

SHAPES = {"grey": (3, 4), "colour": (3, 2, 2)}
VERBS = ("reconstruct", "logits")


@pytest.fixture(params=sorted(ALL_TYPES))
def name(request):
    """The name of each type in turn, those that learn no purchases among them."""
    return request.param


@pytest.fixture(params=SHAPES)
def shape(request):
    return SHAPES[request.param]


@pytest.fixture
def images(shape):
    """Bars of light, in one of three places."""
    rng = np.random.default_rng(0)
    place = np.arange(12) // 4 == rng.integers(0, 3, 60)[:, None]
    bright = np.where(place, 0.9, 0.1) + rng.uniform(-0.1, 0.1, (60, 12))
    return bright.astype(np.float32).reshape(60, *shape)


def test_images_come_back_in_their_shape(make, images):
    model = make().fit(images)
    code = model.transform(images)
    assert code.shape == (60, model._n_features_out)
    for verb in VERBS:
        assert getattr(model, verb)(images).shape == images.shape
    assert model.inverse_transform(code).shape == images.shape
    assert model.reconstruction_error(images).shape == (60,)
    np.testing.assert_allclose(
        model.inverse_transform(code), model.reconstruct(images), atol=1e-5, rtol=1e-5
    )


def test_a_model_of_images_answers_rows_with_rows(make, images):
    model = make().fit(images)
    answer = model.reconstruct(images.reshape(60, -1))
    np.testing.assert_array_equal(answer, model.reconstruct(images).reshape(60, -1))


def test_images_of_another_shape_are_refused(make, images):
    model = make().fit(images)
    for other in ((12, 1), (1, 12, 1)):
        with pytest.raises(ValueError, match=r"shape \(1?,? ?12, 1\) were given.*; resize them"):
            model.reconstruct(images.reshape(60, *other))


def test_images_without_pixels_are_refused(make):
    with pytest.raises(ValueError, match=r"\(0, 4\) have no pixels"):
        make().fit(np.empty((5, 0, 4)))


def test_the_shape_is_saved(make, images, shape, tmp_path):
    model = make().fit(images)
    model.save(tmp_path / "a.model")
    again = load(tmp_path / "a.model")
    assert again.image_shape_ == model.image_shape_ == shape
    np.testing.assert_array_equal(again.reconstruct(images), model.reconstruct(images))


@pytest.mark.parametrize(
    "bad", [[3], [3, 5], [4, 3, 1, 1], [-3, -4], [3.0, 4.0], [True, 12], "34", 12, {"a": 1}]
)
def test_a_shape_that_is_none_is_refused(bad, tmp_path):
    images = np.random.default_rng(0).random((20, 3, 4))
    ALL_TYPES["linear"]().fit(images).save(tmp_path / "a.model")
    contents = read_folder(tmp_path / "a.model", known_types=ALL_TYPES)
    changed = replace(contents, extra=contents.extra | {"image_shape": bad})
    write_folder(tmp_path / "b.model", changed)
    with pytest.raises(ModelFolderError, match="image_shape"):
        load(tmp_path / "b.model")


def test_the_same_seed_twice_gives_the_same_bits(make, images):
    first, second = (make().fit(images).reconstruct(images) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_image_is_answered_the_same_alone_and_in_a_batch(make, images):
    model = make().fit(images)
    together = model.reconstruct(images)
    alone = np.concatenate([model.reconstruct(images[[n]]) for n in range(5)])
    np.testing.assert_allclose(together[:5], alone, atol=1e-5)


def test_a_table_learned_after_images_is_a_table_again(make, images):
    model = make().fit(images).fit(images.reshape(60, -1))
    assert model.image_shape_ is None
    assert model.inverse_transform(model.transform(images.reshape(60, -1))).shape == (60, 12)
