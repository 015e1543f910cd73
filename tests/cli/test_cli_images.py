"""`likewise images`: models and pictures of images, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise import (
    AutoencoderClassifier,
    ConvolutionalAutoencoder,
    VariationalAutoencoder,
    load,
    read_images,
)
from likewise.autoencoders import TYPES
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.cli.image_pictures import _traversed

QUICK = ["--set", "filters=4,8", "--set", "max_epochs=2", "--dimensions", "4", "--seconds", "10"]
IMAGE_TYPES = [name for name, kind in TYPES.items() if issubclass(kind, NeuralAutoencoder)]
PICTURES = {"reconstructions.png", "map.png", "error.png", "learning-curve.png", "filters.png"}


@pytest.fixture
def clothes(tmp_path):
    """Images of 3 classes, in an .npz."""
    whole = read_images(Path(__file__).parents[1] / "images" / "fashion.npz")
    few = whole[np.flatnonzero(whole.labels < 3)[::2]]
    names = np.array(few.classes)[few.labels]
    np.savez(tmp_path / "clothes.npz", images=few.pixels, labels=names)
    return tmp_path / "clothes.npz"


def test_images_with_labels_give_models_and_pictures(run, clothes, tmp_path):
    out = tmp_path / "out"
    document = run("images", clothes, "--out", out, *QUICK, "--json").document()
    assert {Path(p).name for p in document["pictures"]} == PICTURES | {"confusion.png"}
    for path in document["pictures"]:
        with Image.open(path) as picture:
            assert picture.size[0] > 200
    assert (document["training_images"], document["test_images"]) == (60, 15)
    assert document["error"] > 0
    assert set(document["pca_error"]) >= {"1", "2", "4", "8", "16"}
    model, recogniser = load(document["model"]), load(document["classifier"])
    assert isinstance(model, ConvolutionalAutoencoder)
    assert isinstance(recogniser, AutoencoderClassifier)
    assert 0 <= document["accuracy"] <= 1
    assert document["untested_classes"] == []
    assert document["stopped"] == "max_epochs"
    assert model.transform(read_images(clothes).pixels).shape == (75, 4)
    assert recogniser.predict(read_images(clothes).pixels)[0] in recogniser.classes_


def test_a_variational_one_makes_images_up(run, clothes, tmp_path):
    settings = ["--type", "variational", "--dimensions", "2", "--set", "max_epochs=2"]
    result = run("images", clothes, "--out", tmp_path / "out", *settings, "-q")
    assert (result.code, result.err) == (0, "")
    assert "an image comes back from 2 numbers" in result.out
    made = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert made == PICTURES | {
        "confusion.png", "samples.png", "interpolation.png", "traversal.png",
    }  # fmt: skip


def test_a_folder_without_labels_is_learned_and_judged_by_another(run, clothes, tmp_path):
    pixels = (read_images(clothes).pixels * 255).astype(np.uint8)
    for name, part in (("learn", pixels[:20]), ("judge", pixels[20:30])):
        (tmp_path / name).mkdir()
        for n, image in enumerate(part):
            Image.fromarray(image).save(tmp_path / name / f"{n:02d}.png")
    document = run(
        "images", tmp_path / "learn", "--test", tmp_path / "judge", "--out", tmp_path / "out",
        "--size", "14x10", "--mode", "colour", *QUICK, "--set", "winners=0.5", "--json",
    ).document()  # fmt: skip
    assert (document["training_images"], document["test_images"]) == (20, 10)
    assert document["accuracy"] is document["classifier"] is None
    assert load(document["model"]).image_shape_ == (3, 14, 10)


def test_images_of_several_sizes_are_made_alike_to_learn_and_for_the_steps(run, refused, tmp_path):
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for n, kind in enumerate([(12, 12), (20, 16, 3)] * 10):
        image = Image.fromarray(rng.integers(0, 256, kind).astype(np.uint8))
        image.save(tmp_path / "photos" / f"{n:02d}.png")
    alike = ["--size", "14x10", "--mode", "grey"]
    out = ["--out", tmp_path / "out"]
    run("images", tmp_path / "photos", *out, *alike, *QUICK, "--json").document()
    steps = ["steps", tmp_path / "out" / "images.model", "--images", tmp_path / "photos"]
    document = run(*steps, *alike, "--row", "2", "--json").document()
    assert document["shape"] == [14, 10]
    seen = read_images(tmp_path / "photos", size=(14, 10), mode="grey").pixels[1]
    np.testing.assert_allclose(document["x"], seen)
    assert "give --size HEIGHTxWIDTH" in refused(*steps)
    assert "--size, --mode" in refused(*steps, "--size", "8x8", "--mode", "grey")


def test_an_npz_of_two_parts_is_judged_by_its_own(run, clothes, tmp_path):
    few = read_images(clothes)
    names = np.array(few.classes)[few.labels]
    np.savez(
        tmp_path / "keras.npz",
        x_train=few.pixels[:60], y_train=names[:60], x_test=few.pixels[60:], y_test=names[60:],
    )  # fmt: skip
    out = ["--out", tmp_path / "out"]
    document = run("images", tmp_path / "keras.npz", *out, *QUICK, "--json").document()
    assert (document["training_images"], document["test_images"]) == (60, 15)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["clothes.npz", "--type", "linear"], "--type linear is none of undercomplete"),
        (["clothes.npz", "--dimensions", "0"], "--dimensions 0 given"),
        (["clothes.npz", "--seconds", "0"], "--seconds 0 given"),
        (["clothes.npz", "--size", "28"], "--size 28 given; give HEIGHTxWIDTH"),
        (["clothes.npz", "--size", "8x8"], "holds arrays, which are not resized"),
        (["clothes.npz", "--set", "colour=red"], "convolutional has the settings"),
        (["clothes.npz", "--set", "kernel_size=4"], "give an odd number"),
        (["clothes.npz", "--test", "small.npz"], "have the shape (4, 4), those of"),
        (["clothes.npz", "--test", "strange.npz"], "has the class 'Zebra'"),
        (["small.npz"], "has 5 images; give 10 or more"),
    ],
)
def test_images_refuses(refused, clothes, tmp_path, monkeypatch, arguments, why):
    monkeypatch.chdir(tmp_path)
    np.savez("small.npz", images=np.ones((5, 4, 4)))
    np.savez("strange.npz", images=np.ones((2, 28, 28)), labels=["Bag", "Zebra"])
    assert why in refused("images", *arguments, "--out", "out")
    assert not Path("out/images.model").exists()


def test_the_traversal_numbers_the_code_from_0_as_the_steps_do(clothes):
    model = VariationalAutoencoder(n_latent=2, max_epochs=1, random_state=0)
    pixels = read_images(clothes).pixels[:20]
    assert set(_traversed(model.fit(pixels), pixels)) == {"h0", "h1"}


def test_many_rare_classes_give_a_picture_of_bounded_size_and_no_warning(run, tmp_path):
    X, names = np.random.default_rng(0).random((120, 8, 8)), [f"k{n % 60:02}" for n in range(120)]
    np.savez(tmp_path / "many.npz", images=X, labels=names)
    images = ["images", tmp_path / "many.npz", "--out", tmp_path / "o"]
    assert "regression" not in run(*images, *QUICK).err
    with Image.open(tmp_path / "o" / "confusion.png") as picture:
        assert max(picture.size) < 2000


def test_a_class_that_was_not_tested_is_named(run, tmp_path):
    X, labels = np.random.default_rng(0).random((30, 8, 8)), ["b", *["a"] * 29]
    np.savez(tmp_path / "seen.npz", images=X, labels=labels)
    np.savez(tmp_path / "judge.npz", images=X[1:], labels=labels[1:])
    given = ["images", tmp_path / "seen.npz", "--test", tmp_path / "judge.npz"]
    out = ["--out", tmp_path / "o", *QUICK]
    assert "it has not seen (none of them is of b)" in run(*given, *out).out
    assert run(*given, *out, "--json").document()["untested_classes"] == ["b"]


def test_a_few_images_of_one_class_are_counted_in_words(run, tmp_path):
    np.savez(tmp_path / "ten.npz", images=np.eye(80).reshape(-1, 8, 8)[:10], labels=["a"] * 10)
    result = run("images", tmp_path / "ten.npz", "--out", tmp_path / "o", *QUICK)
    assert "8 images of 1 class to learn from" in result.err
    assert "legend" not in result.err


def test_one_class_is_learned_and_not_recognised(run, clothes, tmp_path):
    images = read_images(clothes)
    np.savez(tmp_path / "one.npz", images=images.pixels, labels=np.zeros(75, int))
    result = run("images", tmp_path / "one.npz", "--out", tmp_path / "o", *QUICK)
    assert "fewer than two classes: nothing is recognised" in result.err
    assert not (tmp_path / "o" / "classifier.model").exists()


def test_a_folder_of_two_parts_is_judged_by_its_own(run, clothes, tmp_path):
    whole = read_images(clothes)
    for part, own in (("train", whole[:60]), ("test", whole[60:])):
        for n, (image, label) in enumerate(zip(own.pixels, own.labels, strict=True)):
            place = tmp_path / "both" / part / whole.classes[label]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray((image * 255).astype(np.uint8)).save(place / f"{n}.png")
    document = run(
        "images", tmp_path / "both", "--out", tmp_path / "o", *QUICK, "--json"
    ).document()
    assert (document["training_images"], document["test_images"]) == (60, 15)
    assert document["accuracy"] is not None


def test_what_was_there_before_is_told(run, clothes, tmp_path):
    out = tmp_path / "out"
    run("images", clothes, "--out", out, *QUICK)
    np.savez(tmp_path / "bare.npz", images=read_images(clothes).pixels)
    said = run("images", tmp_path / "bare.npz", "--out", out, *QUICK).err
    assert f"left there from before: {out / 'classifier.model'}, {out / 'confusion.png'}" in said


@pytest.mark.parametrize("kind", IMAGE_TYPES)
def test_every_type_of_images_has_pictures_and_steps(run, clothes, tmp_path, kind):
    """One image to judge by is enough."""
    pixels = read_images(clothes).pixels[:20, ::2, ::2]
    np.savez(tmp_path / "small.npz", images=pixels)
    np.savez(tmp_path / "one.npz", images=pixels[:1])
    out = ["--out", tmp_path / "out", "--set", "max_epochs=1", "--dimensions", "4"]
    test = ["--test", tmp_path / "one.npz", "--type", kind]
    result = run("images", tmp_path / "small.npz", *out, *test)
    assert result.code == 0, result.err
    picture = tmp_path / "steps.png"
    images = ["--images", tmp_path / "small.npz", "--out", picture]
    assert run("steps", tmp_path / "out" / "images.model", *images).code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_seven_steps_of_an_image(run, refused, clothes, tmp_path):
    run("images", clothes, "--out", tmp_path / "out", *QUICK, "-q")
    model, picture = tmp_path / "out" / "images.model", tmp_path / "steps.png"
    steps = ["steps", model, "--images", clothes]
    document = run(*steps, "--row", "3", "--out", picture, "--json").document()
    assert document["loss_after"] < document["loss"]
    assert np.shape(document["x_hat"]) == (28, 28)
    assert picture.stat().st_size > 10_000
    assert "1  Take one row x: an image of 28 x 28" in run(*steps).out
    assert "--row 76 given" in refused(*steps, "--row", "76")
    assert "one of .png" in refused(*steps, "--out", tmp_path / "steps.html")
    assert "only one of them" in refused(*steps, "--basket", "a")
    recogniser = tmp_path / "out" / "classifier.model"
    assert "`likewise images` writes one as images.model" in refused(
        "steps", recogniser, "--images", clothes
    )
