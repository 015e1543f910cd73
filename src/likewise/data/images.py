"""Images for learning: from a folder of PNG and JPEG files, an .npz file or idx files."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.data import idx, image_files, npz
from likewise.errors import InputError

UNLABELLED = -1
"""The label of an image of no known class."""


@dataclass(frozen=True, eq=False, repr=False)
class Images:
    """Images of one size, with their labels where there are any.

    Parameters
    ----------
    pixels : ndarray of shape (n, height, width) or (n, channels, height, width)
        float32 in [0, 1]; grey ones have no axis of channels.
    labels : ndarray of shape (n,), or None
        Which of the `classes` each is; :data:`UNLABELLED` where that is not known.
    classes : sequence of str
        The names of the classes.
    names : sequence of str
        What each image is called: its file, or its number.
    source : str
        Where they were read.

    Examples
    --------
    >>> Images(np.zeros((2, 28, 28), np.float32), None, [], ["0", "1"], "digits.npz")
    <Images: 2 of 28 x 28, without labels, from digits.npz>
    """

    pixels: NDArray[np.float32]
    labels: NDArray[np.int64] | None
    classes: Sequence[str]
    names: Sequence[str]
    source: str

    def __len__(self) -> int:
        return len(self.pixels)

    def __repr__(self) -> str:
        shape = " x ".join(str(n) for n in self.pixels.shape[1:])
        classes = f"of {len(self.classes)} classes" if self.has_labels() else "without labels"
        return f"<Images: {len(self):,} of {shape}, {classes}, from {self.source}>"

    def __getitem__(self, rows: Any) -> "Images":
        """Return some of the images: a slice, a mask or row numbers."""
        numbers = np.arange(len(self))[rows]
        labels = None if self.labels is None else self.labels[numbers]
        names = [self.names[n] for n in numbers]
        return Images(self.pixels[numbers], labels, self.classes, names, self.source)

    def labelled(self) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Return the images that have a label, and the names of their classes."""
        if self.labels is None:
            raise InputError(self._unlabelled())
        known = self.labels != UNLABELLED
        return self.pixels[known], np.array(self.classes)[self.labels[known]]

    def has_labels(self) -> bool:
        """Say whether any of the images has a label."""
        return self.labels is not None and bool((self.labels != UNLABELLED).any())

    def _unlabelled(self) -> str:
        return (
            f"{self.source} has no labels; put the images into a folder for each class, "
            "or give an .npz with an array of labels"
        )


def read_images(
    path: str | Path,
    *,
    part: str = "train",
    size: tuple[int, int] | None = None,
    mode: str | None = None,
    max_pixels: int = image_files.MAX_PIXELS,
) -> Images:
    """Read images of one size.

    Parameters
    ----------
    path : path
        A folder of PNG and JPEG files, whose subfolders, if it has any, are the classes; an .npz
        file with an array of images and, perhaps, one of labels; an .npy file of images; or an idx
        file (plain or .gz), as MNIST comes, whose labels are found beside it.
    part : {"train", "test"}
        Which images of an .npz that has both, as Keras writes them: `x_train` and `y_train`, or
        `x_test` and `y_test`.
    size : (height, width), optional
        Resize each image of a folder to this.
    mode : {"grey", "colour"}, optional
        Convert each image of a folder to this.
    max_pixels : int
        Files of more pixels are refused before they are unpacked.

    Raises
    ------
    InputError
        If there are no images, a file is damaged, sizes or modes differ, an array holds objects or
        what is no pixel, or labels do not fit.
    NotEnoughMemoryError
        If the images would not fit into memory.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "bars.npz"
    >>> np.savez(file, images=np.eye(4, dtype=np.uint8).reshape(2, 2, 4) * 255, labels=[1, 0])
    >>> bars = read_images(file)
    >>> bars.pixels.shape, bars.pixels.max(), bars.classes
    ((2, 2, 4), np.float32(1.0), ['0', '1'])
    """
    place = Path(path)
    if part not in npz.IMAGES:
        raise InputError(f"part={part!r} is none of {', '.join(npz.IMAGES)}")
    if not place.exists():
        raise InputError(
            f"{place} does not exist; give a folder of images, an .npz, .npy or idx file"
        )
    if part == "test" and not npz.is_one(place):
        raise InputError(f"{place} is of one part; only an .npz holds images to test by")
    if place.is_dir():
        pixels, owners, names = image_files.read(place, size, mode, max_pixels)
        labels, classes = (None, []) if owners is None else encoded(owners)
        return Images(pixels, labels, classes, names, str(place))
    if size or mode:
        raise InputError(f"{place} holds arrays, which are not resized or converted; give a folder")
    raw, given = _arrays(place, part)
    pixels = scaled(raw, place)
    labels, classes = (None, []) if given is None else encoded(_checked(given, len(raw), place))
    return Images(pixels, labels, classes, [str(n) for n in range(len(raw))], str(place))


def _arrays(place: Path, part: str) -> tuple[NDArray[Any], NDArray[Any] | None]:
    if place.suffix.lower() == ".npy":
        return npz.read_npy(place), None
    return npz.read(place, part) if npz.is_one(place) else idx.read(place)


def is_parted(folder: Path) -> bool:
    """Say whether a folder has the folders train and test, and no others."""
    if not folder.is_dir():
        return False
    return {place.name for place in folder.iterdir() if place.is_dir()} == {"train", "test"}


def parted(images: Images, seed: int) -> tuple[Images, Images]:
    """Return four fifths of the images, to learn from, and the others, to judge by.

    Raises
    ------
    InputError
        If there are fewer than 10.
    """
    if len(images) < 10:
        raise InputError(
            f"{images.source} has {len(images)} image{'s' * (len(images) != 1)}; give 10 or more, "
            "or name others to judge by"
        )
    order = np.random.default_rng(seed).permutation(len(images))
    cut = len(images) // 5
    return images[np.sort(order[cut:])], images[np.sort(order[:cut])]


def like(learned: Images, others: Images) -> Images:
    """Return the others with their labels numbered as those that were learned are.

    Raises
    ------
    InputError
        If the others are of another shape, or of classes that were not learned.
    """
    if learned.pixels.shape[1:] != others.pixels.shape[1:]:
        raise InputError(
            f"images of {others.source} have the shape {others.pixels.shape[1:]}, those of "
            f"{learned.source} {learned.pixels.shape[1:]}; resize or convert them to be alike"
        )
    if others.labels is None or learned.labels is None:
        return replace(others, labels=None, classes=learned.classes)
    if strange := sorted(set(others.classes) - set(learned.classes)):
        raise InputError(f"{others.source} has the class {strange[0]!r}, {learned.source} has not")
    number = np.array([*map(list(learned.classes).index, others.classes), UNLABELLED])
    return replace(others, labels=number[others.labels], classes=learned.classes)


def encoded(owners: Any) -> tuple[NDArray[np.int64], list[str]]:
    """Return class numbers and class names of labels; None, NaN and -1 are of no class.

    Examples
    --------
    >>> encoded(["shoe", None, "bag"])
    (array([ 1, -1,  0]), ['bag', 'shoe'])
    """
    known = [owner for owner in owners if not _missing(owner)]
    classes = sorted(set(known))
    number = {owner: n for n, owner in enumerate(classes)}
    labels = [UNLABELLED if _missing(owner) else number[owner] for owner in owners]
    return np.array(labels, dtype=np.int64), [str(name) for name in classes]


def scaled(raw: NDArray[Any], place: Path) -> NDArray[np.float32]:
    """Return an array of pixels as float32 in [0, 1]; bytes are divided by 255.

    Raises
    ------
    InputError
        If the array is not one of images, or holds what is no pixel.
    """
    if raw.ndim not in (3, 4) or not raw.size:
        raise InputError(
            f"{place} has an array of shape {raw.shape}; images are (n, height, width), "
            "(n, height, width, channels) or (n, channels, height, width)"
        )
    if raw.ndim == 4 and raw.shape[3] in (1, 3) and raw.shape[1] not in (1, 3):
        raw = np.moveaxis(raw, 3, 1)
    if raw.ndim == 4 and raw.shape[1] == 1:
        raw = raw[:, 0]
    if raw.dtype == np.uint8:
        return np.asarray(np.divide(raw, 255, dtype=np.float32))
    if raw.dtype.kind not in "fiu":
        raise InputError(f"{place} has pixels of type {raw.dtype}; give uint8, or floats in [0, 1]")
    pixels = np.ascontiguousarray(raw, dtype=np.float32)
    if n_missing := int(np.isnan(pixels).sum()):
        raise InputError(f"{place} has {n_missing:,} pixels that are NaN; leave out such images")
    low, high = float(pixels.min()), float(pixels.max())
    if not 0 <= low <= high <= 1:
        raise InputError(
            f"{place} has pixels from {low:g} to {high:g}; give uint8, or floats in [0, 1]"
        )
    return pixels


def _checked(labels: NDArray[Any], n: int, place: Path) -> list[Any]:
    if labels.shape != (n,):
        raise InputError(
            f"{place} has {n} images and labels of shape {labels.shape}; give one label each"
        )
    if labels.dtype.kind not in "iubfUS":
        raise InputError(f"{place} has labels of type {labels.dtype}; give numbers or texts")
    texts: list[Any] = labels.astype(str).tolist() if labels.dtype.kind == "S" else labels.tolist()
    return texts


def _missing(owner: Any) -> bool:
    return owner is None or owner != owner or (not isinstance(owner, str) and owner == UNLABELLED)
