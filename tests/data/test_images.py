"""Images are read from folders, .npz and idx files, and what cannot be used is refused."""

import gzip
import io
import os
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likewise import memory
from likewise.data.image_sets import load_images
from likewise.data.images import read_images
from likewise.errors import InputError, NotEnoughMemoryError

FASHION = Path(__file__).parents[1] / "images" / "fashion.npz"


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(array, dtype=np.uint8)).save(path, **options)
    return path


@pytest.fixture
def grey():
    return np.arange(5 * 4 * 6, dtype=np.uint8).reshape(5, 4, 6)


@pytest.fixture
def folder(grey, tmp_path):
    for n, image in enumerate(grey):
        save(tmp_path / "in" / f"{n}.png", image)
    return tmp_path / "in"


def refusal(*given, **options):
    with pytest.raises(InputError) as caught:
        read_images(*given, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Folders


def test_a_folder_is_read_in_the_order_of_its_names(folder, grey):
    images = read_images(folder)
    assert images.pixels.dtype == np.float32
    np.testing.assert_allclose(images.pixels, grey / 255, atol=1e-7)
    assert (images.labels, images.names) == (None, [f"{n}.png" for n in range(5)])


def test_subfolders_are_classes_and_loose_images_have_none(grey, tmp_path):
    for n, owner in enumerate(["shoe", "bag", "shoe", "", "bag"]):
        save(tmp_path / owner / f"{n}.png", grey[n])
    (tmp_path / "notes.txt").write_text("no image")
    images = read_images(tmp_path)
    named = dict(zip(images.names, images.labels, strict=True))
    assert images.classes == ["bag", "shoe"]
    assert named == {"shoe/0.png": 1, "bag/1.png": 0, "shoe/2.png": 1, "3.png": -1, "bag/4.png": 0}


def test_colour_has_its_channels_first(tmp_path):
    colour = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 10
    save(tmp_path / "a.png", colour)
    images = read_images(tmp_path)
    assert images.pixels.shape == (1, 3, 2, 3)
    np.testing.assert_allclose(images.pixels[0], np.moveaxis(colour, 2, 0) / 255, atol=1e-7)


def test_jpeg_is_read(tmp_path):
    save(tmp_path / "a.JPG", np.full((8, 8), 100))
    assert read_images(tmp_path).pixels.mean() == pytest.approx(100 / 255, abs=0.01)


def test_other_sizes_are_refused_or_resized(folder):
    save(folder / "odd.png", np.zeros((9, 9)))
    message = refusal(folder)
    assert "odd.png is 9 x 9, 5 of 6 are 6 x 4; give --size HEIGHTxWIDTH" in message
    assert read_images(folder, size=(3, 5)).pixels.shape == (6, 3, 5)


def test_other_modes_are_refused_or_converted(folder):
    save(folder / "odd.png", np.zeros((4, 6, 3)))
    assert "odd.png is colour, 5 of 6 are grey; give --mode" in refusal(folder)
    assert read_images(folder, mode="colour").pixels.shape == (6, 3, 4, 6)
    assert read_images(folder, mode="grey").pixels.shape == (6, 4, 6)


def test_transparent_images_say_what_to_do(folder):
    save(folder / "odd.png", np.zeros((4, 6, 4)))
    assert "is of mode RGBA, neither grey nor plain colour; convert with --mode" in refusal(folder)
    assert read_images(folder, mode="grey").pixels.shape == (6, 4, 6)


def test_images_of_16_bits_keep_them(tmp_path):
    depth = np.linspace(0, 65_535, 24).round().astype(np.uint16).reshape(4, 6)
    Image.fromarray(depth).save(tmp_path / "deep.png")
    found = read_images(tmp_path).pixels
    np.testing.assert_allclose(found[0], depth / 65_535, atol=1e-6)
    assert read_images(tmp_path, size=(2, 3)).pixels.max() <= 1
    colour = read_images(tmp_path, mode="colour").pixels[0]
    np.testing.assert_allclose(colour, np.broadcast_to(depth / 65_535, (3, 4, 6)), atol=1 / 255)


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_truncated_image_is_named(tmp_path, share):
    noise = np.random.default_rng(0).integers(0, 255, (2, 32, 32))
    for name, image in zip(("whole.png", "cut.png"), noise, strict=True):
        path = save(tmp_path / name, image)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "cut.png is damaged or no image" in refusal(tmp_path)


def test_a_corrupt_image_is_named(folder):
    data = bytearray((folder / "2.png").read_bytes())
    data[45] ^= 0xFF
    (folder / "2.png").write_bytes(data)
    assert "2.png is damaged or no image" in refusal(folder)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(folder):
    assert "6 x 4 pixels, more than the 20 allowed" in refusal(folder, max_pixels=20)
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"")), chunk(b"IEND", b"")]
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    assert "bomb.png unpacks to far too many pixels" in refusal(folder)


def test_folders_and_options_without_use_are_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "has no .jpeg or .jpg or .png files" in refusal(tmp_path / "empty")
    assert "does not exist" in refusal(tmp_path / "nowhere")
    assert "mode='pink' is none of grey, colour" in refusal(folder, mode="pink")
    assert "has no pixels" in refusal(folder, size=(0, 5))
    assert "not resized or converted" in refusal(FASHION, size=(5, 5))


def test_memory_is_stated_before_it_is_taken(folder, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 100)
    for path in (folder, FASHION):
        with pytest.raises(NotEnoughMemoryError, match=r"reading .* needs"):
            read_images(path)


# Arrays


def test_the_excerpt_of_fashion_mnist_is_read():
    images = read_images(FASHION)
    assert images.pixels.shape == (500, 28, 28)
    assert np.bincount(images.labels).tolist() == [50] * 10
    assert images.classes[0] == "Ankle boot"


@pytest.mark.parametrize(
    ("shape", "read"), [((5, 4, 6), (5, 4, 6)), ((5, 4, 6, 3), (5, 3, 4, 6)),
                        ((5, 3, 4, 6), (5, 3, 4, 6)), ((5, 4, 6, 1), (5, 4, 6))],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_arrays_may_have_channels_first_or_last(tmp_path, shape, read, dtype):
    np.savez(tmp_path / "a.npz", X=np.ones(shape, dtype), y=np.arange(5))
    images = read_images(tmp_path / "a.npz")
    assert images.pixels.shape == read
    assert images.pixels.max() == pytest.approx(1 if dtype == np.float64 else 1 / 255)


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"other": np.ones((2, 2, 2))}, "has the arrays other; call the one of images images"),
        ({"images": np.array([None, {}])}, "the array images holds Python objects"),
        ({"images": np.ones((2, 2, 2)), "labels": np.array([{}, 1])}, "labels holds Python obje"),
        ({"images": np.ones((2, 2))}, r"has an array of shape (2, 2); images are"),
        ({"images": np.full((2, 2, 2), 7.5)}, "pixels from 7.5 to 7.5; give uint8"),
        ({"images": np.full((2, 2, 2), np.nan)}, "has 8 pixels that are NaN"),
        ({"images": np.full((2, 2, 2), 1j)}, "pixels of type complex128"),
        ({"images": np.ones((2, 2, 2)), "labels": np.arange(3)}, "2 images and labels of shape"),
        ({"images": np.ones((2, 2, 2)), "labels": np.array([1j, 2])}, "labels of type complex"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path, arrays, says):
    assert says in refusal(npz(tmp_path / "a.npz", **arrays))


def test_damaged_archives_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"no archive")
    assert "is no sound .npz" in refusal(path)
    path.write_bytes(FASHION.read_bytes()[:20_000])
    assert "is no sound .npz" in refusal(path)
    whole = io.BytesIO()
    np.save(whole, np.ones((2, 2, 2)))
    for data, says in ((whole.getvalue()[:-8], "is damaged: 56 bytes"), (b"x" * 90, "header")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", data)
        assert says in refusal(path)


def idx(path, array, *, cut=0, more=b"", kind=8, pack=gzip.compress):
    array = np.asarray(array, np.uint8)
    head = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    data = (head + array.tobytes())[: len(head) + array.nbytes - cut] + more
    path.write_bytes(pack(data))
    return path


def test_idx_files_are_read_with_the_labels_beside_them(tmp_path, grey):
    for ending, pack in ((".gz", gzip.compress), ("", bytes)):
        path = idx(tmp_path / f"a-images-idx3-ubyte{ending}", grey, pack=pack)
        assert read_images(path).labels is None
        idx(tmp_path / f"a-labels-idx1-ubyte{ending}", [7, 3, 7, 3, 5], pack=pack)
        images = read_images(path)
        np.testing.assert_allclose(images.pixels, grey / 255, atol=1e-7)
        assert (images.labels.tolist(), images.classes) == ([2, 0, 2, 0, 1], ["3", "5", "7"])


def test_idx_files_of_a_wrong_length_are_refused(tmp_path, grey):
    path = tmp_path / "a-images-idx3-ubyte.gz"
    assert "120 bytes of shape (5, 4, 6), it has 110" in refusal(idx(path, grey, cut=10))
    assert "it has more" in refusal(idx(path, grey, more=b"x"))
    assert "ends within its header" in refusal(idx(path, grey, cut=125))
    assert "idx type 0x0d; bytes (0x08) are read" in refusal(idx(path, grey, kind=0xD))
    path.write_bytes(gzip.compress(b"something else"))
    assert "is no idx file" in refusal(path)
    path.write_bytes(idx(path, grey).read_bytes()[:-12])
    assert "is damaged" in refusal(path)


def test_some_of_the_images_can_be_taken():
    images = read_images(FASHION)
    few = images[10:13]
    assert (len(few), few.names) == (3, ["10", "11", "12"])
    np.testing.assert_array_equal(images[images.labels == 2].labels, np.full(50, 2))


def test_labels_are_required_where_they_are_needed(folder):
    with pytest.raises(InputError, match="has no labels; put the images into a folder for each"):
        read_images(folder).labelled()


# Public sets


def test_sets_that_are_not_there_say_where_they_are(tmp_path, monkeypatch, grey):
    with pytest.raises(InputError, match="part='all' is none of train, test"):
        load_images("mnist", "all")
    monkeypatch.setenv("LIKEWISE_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"there is no .*; its owner publishes it at https?://"):
        load_images("mnist")
    (tmp_path / "mnist").mkdir()
    idx(tmp_path / "mnist" / "train-images-idx3-ubyte.gz", grey)
    with pytest.raises(InputError, match="holds other values than mnist"):
        load_images("mnist")
    monkeypatch.delenv("LIKEWISE_DATA")
    with pytest.raises(InputError, match="set LIKEWISE_DATA to a folder that has mnist/"):
        load_images("mnist")


@pytest.mark.skipif("LIKEWISE_DATA" not in os.environ, reason="needs LIKEWISE_DATA")
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_public_sets_are_read_and_verified(name):
    images = load_images(name, "test")
    assert images.pixels.shape == (10_000, 28, 28)
    assert np.bincount(images.labels).min() > 800


# Parts of an .npz


def test_an_npz_of_keras_has_two_parts(grey, tmp_path):
    file = tmp_path / "keras.npz"
    np.savez(file, x_train=grey, y_train=[0, 1, 0, 1, 2], x_test=grey[:2], y_test=[2, 1])
    training, testing = read_images(file), read_images(file, part="test")
    assert (len(training), len(testing), testing.classes) == (5, 2, ["1", "2"])
    np.testing.assert_allclose(testing.pixels, grey[:2] / 255, atol=1e-7)
    assert "is none of train, test" in refusal(file, part="validation")


def test_only_an_npz_has_parts(folder, grey, tmp_path):
    assert "is of one part" in refusal(folder, part="test")
    np.savez(tmp_path / "one.npz", images=grey)
    assert "call the one of images x_test" in refusal(tmp_path / "one.npz", part="test")


# Hostile and odd files


@pytest.mark.parametrize(
    "header", ["((((", "{'descr': ('<f4',), 'fortran_order': False, 'shape': (2, 2), }", "1" * 90]
)
def test_a_hostile_header_is_refused(tmp_path, header):
    text = header.encode().ljust(117) + b"\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0" * 64
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("images.npy", array)
    assert "its header cannot be read" in refusal(tmp_path / "x.npz")


def test_an_entry_that_is_no_array_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("images", b"text")
    assert "images is no array" in refusal(tmp_path / "x.npz")


def test_an_image_stands_as_its_camera_was_held(tmp_path):
    image, exif = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)), Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    image.save(tmp_path / "photo.png", exif=exif)
    found = read_images(tmp_path).pixels[0]
    np.testing.assert_allclose(found, np.rot90(np.arange(12).reshape(3, 4), -1) / 255, atol=1e-6)


def test_a_plain_array_is_read_and_no_hostile_one(tmp_path):
    file = tmp_path / "bars.npy"
    np.save(file, np.eye(4, dtype=np.uint8).reshape(2, 2, 4) * 255)
    bars = read_images(file)
    assert (bars.pixels.shape, float(bars.pixels.max()), bars.labels) == ((2, 2, 4), 1.0, None)
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(InputError, match="is damaged: 13 bytes for shape"):
        read_images(file)
    file.write_bytes(b"no array")
    with pytest.raises(InputError, match="header cannot be read"):
        read_images(file)
    np.save(file, np.array([{}], dtype=object))
    with pytest.raises(InputError, match="Python objects"):
        read_images(file)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ("(-1, -4, 4)", "'|u1'"), ("(-2, -2, 4)", "'|u1'"), ("(0, -4, 4)", "'|u1'"),
        ("(True, 4, 4)", "'|u1'"), ("(1, 2, 2)", "('|u1', (4,))"),
    ],
)  # fmt: skip
def test_a_header_of_no_array_is_refused(tmp_path, shape, kind):
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}}}".encode().ljust(117)
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + header + b"\n" + bytes(16)
    (tmp_path / "x.npy").write_bytes(array)
    assert "is damaged" in refusal(tmp_path / "x.npy")
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("images.npy", array)
    assert "is damaged" in refusal(tmp_path / "x.npz")
