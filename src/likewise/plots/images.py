"""Figures of images: what goes in and comes out, what a model looks for, and where images lie."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from likewise.plots import canvas
from likewise.plots.labels import MISSING, OTHERS, colours

OTHER_CLASSES, NO_CLASS = "other classes", "no label"

LEAST = 5
"""Images that t-SNE can lay out."""

ROUNDING = 1e-5
"""Of the largest number of all codes: numbers that differ by less are the same."""

Pixels = NDArray[Any]
"""Images of shape (n, height, width) or (n, channels, height, width)."""


def image_rows(rows: Mapping[str, Pixels], title: str = "") -> Figure:
    """Return rows of images, each with its name beside it, such as originals above what came out.

    Parameters
    ----------
    rows : mapping of name to images
        As many images in each.
    title : str
        Above them.
    """
    width = max(len(images) for images in rows.values())
    tall = _tallness(next(iter(rows.values())))
    figure = canvas.figure(0.62 * width + 1.3, (0.62 * tall + 0.04) * len(rows) + 0.4)
    grid = figure.subplots(len(rows), 1, squeeze=False)[:, 0]
    for axes, (name, images) in zip(grid, rows.items(), strict=True):
        _show(axes, tiled(images, columns=width))
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    figure.set_layout_engine("constrained", w_pad=0.12)  # inches: names else touch the edge
    figure.suptitle(title, fontsize=10)
    return figure


def image_grid(images: Pixels, title: str = "", *, columns: int = 10) -> Figure:
    """Return images in a grid."""
    n_rows = ceil(len(images) / columns)
    figure = canvas.figure(0.55 * columns + 0.3, 0.55 * _tallness(images) * n_rows + 0.5)
    axes = figure.subplots()
    _show(axes, tiled(images, columns=columns))
    axes.set_title(title, fontsize=10)
    return figure


def filter_grid(filters: Pixels, title: str = "What it looks for", *, most: int = 64) -> Figure:
    """Return learned filters, each scaled by its own strongest weight: blue below 0, red above.

    Parameters
    ----------
    filters : ndarray of shape (m, height, width) or (m, channels, height, width)
        Those with the largest weights come first; `most` are drawn. Colour ones are drawn
        as the mean of their colours.
    """
    weights = filters.mean(axis=1) if filters.ndim == 4 else filters
    strength = np.square(weights).sum(axis=(1, 2))
    weights = weights[np.argsort(-strength, kind="stable")[:most]]
    scaled = weights / np.maximum(np.abs(weights).max(axis=(1, 2), keepdims=True), 1e-12)
    coloured = colormaps["RdBu_r"](0.5 + 0.5 * scaled)[..., :3]
    figure = image_grid(np.moveaxis(coloured, 3, 1), title, columns=8)
    mean = ""
    if filters.ndim == 4 and filters.shape[1] == 3:
        mean = "\n(mean of the three colours)"
        figure.set_figheight(figure.get_figheight() + 0.2)  # for the second line
    figure.axes[0].set_xlabel(f"red: bright here, blue: dark here{mean}", fontsize=9)
    return figure


def image_map(
    codes: NDArray[Any],
    images: Pixels,
    labels: NDArray[Any] | None = None,
    classes: Sequence[str] = (),
) -> Figure:
    """Return small images at the place of their code in two dimensions, coloured by class.

    Images in colours have a frame in the colour of their class. Of many classes those with the most
    images are named.

    Notes
    -----
    Codes of more than two numbers are laid out by t-SNE (van der Maaten and Hinton, 2008,
    JMLR 9:2579-2605) after PCA to 30. What differs by float32's rounding alone is no difference.
    """
    figure = canvas.figure(9.5, 8)
    axes = figure.subplots()
    places = _places(codes)
    axes.scatter(places[:, 0], places[:, 1], s=1, alpha=0)
    zoom = 17 / max(images.shape[-2:])
    named = {} if labels is None else colours(labels[labels >= 0].tolist())
    used: dict[str, str] = {}
    for n, (place, image) in enumerate(zip(places, images, strict=True)):
        name, colour = ("", canvas.INK) if labels is None else _kind(int(labels[n]), named, classes)
        used |= {name: colour}
        box = OffsetImage(_thumbnail(image, colour), zoom=zoom, interpolation="nearest")
        frame = {"edgecolor": colour, "linewidth": 1.5} if _has_frame(image, labels) else None
        axes.add_artist(
            AnnotationBbox(box, place, frameon=frame is not None, pad=0.1, bboxprops=frame)
        )
    shown = [_name(label, classes) for label in named] + [OTHER_CLASSES, NO_CLASS]
    for name in (name for name in shown if name in used):
        axes.scatter([], [], color=used[name], label=name, marker="s")
    if axes.get_legend_handles_labels()[1]:
        figure.legend(loc="outside right upper", frameon=False)
    if np.ptp(places, axis=0).any():
        axes.set_title("Images whose codes are alike lie close together")
        axes.set_xlabel(_how_laid_out(*codes.shape))
    else:
        axes.set_title("All images drawn have the same code")
    canvas.bare(axes)
    return figure


def _kind(label: int, named: Mapping[Any, str], classes: Sequence[str]) -> tuple[str, str]:
    """Return the name and the colour of a class in the legend."""
    if label < 0:
        return NO_CLASS, MISSING
    return (_name(label, classes), named[label]) if label in named else (OTHER_CLASSES, OTHERS)


def _name(label: Any, classes: Sequence[str]) -> str:
    return classes[label] if label < len(classes) else str(label)


def _has_frame(image: Pixels, labels: NDArray[Any] | None) -> bool:
    """Say whether a class is shown by a frame: an image in colours keeps its own."""
    return labels is not None and image.ndim == 3 and len(image) == 3


def error_by_dimension(
    pca: Mapping[int, float], models: Mapping[str, Mapping[int, float]]
) -> Figure:
    """Return PCA's reconstruction error over dimensions, and models' beside it.

    Parameters
    ----------
    pca : mapping of dimensions to error
        Of images that PCA has not learned from, as those of the models are.
    models : mapping of name to mapping of dimensions to error
        One length of code or several; the error of a model of one length is written beside it.
    """
    figure = canvas.figure(6, 3.8)
    axes = figure.subplots()
    axes.plot(list(pca), list(pca.values()), "o-", color=canvas.SOFT, label="PCA", markersize=4)
    for number, (name, errors) in enumerate(models.items()):
        one, colour = len(errors) == 1, f"C{number}" if number else canvas.INK
        axes.plot(
            list(errors), list(errors.values()), "o-", color=colour, label=name,
            markersize=9 if one else 6,
        )  # fmt: skip
        if one:
            _write_beside(axes, pca, *next(iter(errors.items())))
    axes.set(
        xscale="log", xlabel="numbers in the code", ylabel="squared error of an image",
        title="Error on images it has not seen", ymargin=0.15,
    )  # fmt: skip
    axes.set_ylim(0, None)
    numbers = sorted({*pca, *(n for errors in models.values() for n in errors)})
    axes.set_xticks(numbers, [str(n) for n in numbers])
    axes.minorticks_off()
    axes.legend(frameon=False)
    canvas.clean(axes)
    return figure


def _write_beside(axes: Axes, pca: Mapping[int, float], dimensions: int, error: float) -> None:
    """Write an error where PCA's line, which falls, is not."""
    below = bool(pca) and error < np.interp(dimensions, list(pca), list(pca.values()))
    text = f"{error:.2f}" if error >= 0.1 else f"{error:.2g}"
    side, across, up = (-8, "right", "top") if below else (8, "left", "bottom")
    axes.annotate(
        text, (dimensions, error), (side, side), textcoords="offset points", color=canvas.INK,
        ha=across, va=up,
    )  # fmt: skip


def tiled(images: Pixels, *, columns: int) -> NDArray[np.float64]:
    """Return images side by side as one of shape (height, width, 3), white between them.

    Examples
    --------
    >>> tiled(np.zeros((3, 4, 5)), columns=2).shape
    (9, 11, 3)
    """
    colour = np.stack([_rgb(image) for image in images])
    n, height, width, _ = colour.shape
    gap = max(1, width // 12)
    n_rows = ceil(n / columns)
    whole = np.ones((n_rows * columns, height + gap, width + gap, 3))
    whole[:n, :height, :width] = colour
    laid = whole.reshape(n_rows, columns, height + gap, width + gap, 3).swapaxes(1, 2)
    return laid.reshape(n_rows * (height + gap), columns * (width + gap), 3)[:-gap, :-gap]


def _rgb(image: Pixels) -> NDArray[np.float64]:
    if image.ndim == 2 or len(image) != 3:
        grey = image if image.ndim == 2 else image.mean(axis=0)
        image = np.repeat(grey[None], 3, axis=0)
    result: NDArray[np.float64] = np.clip(np.moveaxis(image, 0, 2), 0, 1).astype(np.float64)
    return result


def _show(axes: Any, image: NDArray[Any]) -> None:
    axes.imshow(image, interpolation="nearest")
    canvas.bare(axes)


def _thumbnail(image: Pixels, colour: str) -> NDArray[np.float64]:
    """Return a grey image as a shape in the class's colour; one in colours as it is."""
    if image.ndim == 3 and len(image) == 3:
        return _rgb(image)
    image = image if image.ndim == 2 else image.mean(axis=0)
    tint = np.broadcast_to(to_rgb(colour), (*image.shape, 3))
    return np.concatenate([tint, np.clip(image, 0, 1)[..., None]], axis=2)


def _tallness(images: Pixels) -> float:
    """Return height by width of an image, within bounds that a picture can have."""
    height, width = images.shape[-2:]
    return float(np.clip(height / width, 1 / 4, 4))


def _how_laid_out(n: int, width: int) -> str:
    if width <= 2:
        return ""
    return f"{width} numbers laid out " + ("by t-SNE" if n >= LEAST else "by the first two")


def _places(codes: NDArray[Any]) -> NDArray[Any]:
    n, width = codes.shape
    even = np.ptp(codes, axis=0) <= ROUNDING * np.abs(codes).max()
    codes = np.where(even, 0, codes)
    if width <= 2 or n < LEAST or even.all():
        return np.pad(codes[:, :2], ((0, 0), (0, max(0, 2 - width))))
    reduced = PCA(min(30, n, width), random_state=0).fit_transform(codes)
    perplexity = min(30, (n - 1) / 3)
    flat = TSNE(perplexity=perplexity, init="pca", random_state=0, max_iter=500)
    return np.asarray(flat.fit_transform(reduced))
