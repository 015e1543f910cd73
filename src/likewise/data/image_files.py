"""A folder of PNG and JPEG files, its subfolders the classes."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from likewise.errors import InputError
from likewise.memory import require_memory

ENDINGS = frozenset({".png", ".jpg", ".jpeg"})
SIDEWAYS = 5
"""The first of EXIF's orientations whose width is the height."""

MAX_PIXELS = 25_000_000
"""Of one file: a small file can unpack to gigabytes."""

GREY, COLOUR = "L", "RGB"  # Pillow's names
_MODES = {"grey": GREY, "colour": COLOUR}
_DEEP = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
"""Grey of 16 bits."""
_PLAIN = {"1": GREY, "L": GREY, "P": COLOUR, "RGB": COLOUR, "YCbCr": COLOUR} | dict.fromkeys(
    _DEEP, GREY
)
_CONVERTED = frozenset({"LA", "PA", "RGBA", "CMYK"})
_T = TypeVar("_T")


def read(
    folder: Path, size: tuple[int, int] | None, mode: str | None, max_pixels: int
) -> tuple[NDArray[np.float32], list[str | None] | None, list[str]]:
    """Return pixels, the class of each image (None if there are no classes), and names.

    Raises
    ------
    InputError
        As :func:`likewise.data.images.read_images`.
    """
    if mode is not None and mode not in _MODES:
        raise InputError(f"mode={mode!r} is none of {', '.join(_MODES)}")
    if size is not None and min(size) < 1:
        raise InputError(f"size={size} has no pixels; give height and width, each 1 or more")
    files = sorted(path for path in folder.rglob("*") if _is_image(path))
    if not files:
        raise InputError(
            f"{folder} has no {' or '.join(sorted(ENDINGS))} files; name another folder, "
            "or an .npz or idx file itself"
        )
    headers = [
        _opened(path, max_pixels, lambda image: (_size(image), image.mode)) for path in files
    ]
    width, height = size[::-1] if size else _only(
        [f"{w} x {h}" for (w, h), _ in headers], headers[0][0], files, "size", "--size HEIGHTxWIDTH"
    )  # fmt: skip
    kind = _mode([mode for _, mode in headers], files, converted=mode is not None)
    wanted = _MODES[mode] if mode else kind
    shape = (len(files), height, width) if wanted == GREY else (len(files), 3, height, width)
    require_memory(
        4 * int(np.prod(shape)) + 16 * max(w * h for (w, h), _ in headers),
        f"reading {len(files):,} images of {width} x {height} pixels",
        "give a smaller size (--size), or fewer images",
    )
    pixels = np.empty(shape, dtype=np.float32)
    for n, path in enumerate(files):
        pixels[n] = _opened(path, max_pixels, lambda image: _pixels(image, wanted, width, height))
    inside = [path.relative_to(folder) for path in files]
    owners = [path.parts[0] if len(path.parts) > 1 else None for path in inside]
    return pixels, owners if any(owners) else None, [str(path) for path in inside]


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and path.is_file() and path.name[0] != "."


def _opened(path: Path, max_pixels: int, look: Callable[[Image.Image], _T]) -> _T:
    with _own_errors(path), Image.open(path, formats=("PNG", "JPEG")) as image:
        if image.width * image.height > max_pixels:
            raise InputError(
                f"{path} unpacks to {image.width:,} x {image.height:,} pixels, more than the "
                f"{max_pixels:,} allowed; make it smaller, or leave it out"
            )
        return look(image)


def _size(image: Image.Image) -> tuple[int, int]:
    """Return width and height as the image is looked at: cameras note how they were held."""
    width, height = image.size
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= SIDEWAYS
    return (height, width) if turned else (width, height)


@contextmanager
def _own_errors(path: Path) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"{path} unpacks to far too many pixels; make it smaller, or leave it out"
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} is damaged or no image: {error}; mend it, or leave it out"
        ) from error


def _pixels(image: Image.Image, mode: str, width: int, height: int) -> NDArray[np.float32]:
    image = ImageOps.exif_transpose(image)
    if image.mode in _DEEP:  # what Pillow converts would be cut off at 255
        image = Image.fromarray(np.asarray(image, np.float32) / 257)
    converted = image if image.mode == "F" and mode == GREY else image.convert(mode)
    if converted.size != (width, height):
        converted = converted.resize((width, height), Image.Resampling.LANCZOS)
    array = np.divide(np.asarray(converted), 255, dtype=np.float32)
    np.clip(array, 0, 1, out=array)  # floats are not cut off where they are resized
    return array if mode == GREY else np.moveaxis(array, 2, 0)


def _mode(modes: Sequence[str], files: Sequence[Path], *, converted: bool) -> str:
    for mode, path in zip(modes, files, strict=True):
        if mode not in _PLAIN and not (converted and mode in _CONVERTED):
            raise InputError(
                f"{path} is of mode {mode}, neither grey nor plain colour; "
                "convert with --mode grey or --mode colour"
            )
    if converted:
        return COLOUR
    kinds = [_PLAIN[mode] for mode in modes]
    names = ["grey" if kind == GREY else "colour" for kind in kinds]
    return _only(names, kinds[0], files, "mode", "--mode grey or --mode colour")


def _only(values: Sequence[str], first: _T, files: Sequence[Path], what: str, option: str) -> _T:
    """Return the first if all are alike; refuse them otherwise, naming one that differs."""
    counts = Counter(values)
    if len(counts) == 1:
        return first
    (common, n), *_ = counts.most_common()
    odd = next(k for k, value in enumerate(values) if value != common)
    raise InputError(
        f"the images differ in {what}: {files[odd]} is {values[odd]}, {n} of {len(files)} are "
        f"{common}; give {option} to make them alike"
    )
