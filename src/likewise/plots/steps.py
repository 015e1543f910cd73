"""The seven steps of one image as a figure."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from likewise.plots import canvas
from likewise.steps import ImageSteps


def image_steps_figure(steps: ImageSteps) -> Figure:
    """Return image, code, output, error, largest change of a filter, and loss by epoch."""
    one = steps.walk
    figure = canvas.figure(11, 5.6)
    given, code, back, error, change, losses = figure.subplots(2, 3).flat
    x, x_hat = one.x.reshape(steps.shape), one.x_hat.reshape(steps.shape)
    for axes, image, title in ((given, x, "1  x: one image"), (back, x_hat, "3  x̂: decoded")):
        axes.imshow(_drawable(image), cmap="gray", vmin=0, vmax=1)
        axes.set_title(title)
    code.bar(np.arange(len(one.code)), one.code, color=canvas.INK)
    code.set(title=f"2  h: the code, {len(one.code)} numbers", xlabel="which of them, from h0")
    code.xaxis.set_major_locator(MaxNLocator(integer=True))
    _signed(error, x - x_hat)
    error.set_title(f"4  x - x̂: {steps.loss_name} loss {one.loss:.4g}")
    error.set_xlabel("red: came back too dark, blue: too bright", fontsize=9)
    _signed(change, _first_layer_change(steps))
    change.set_title(f"5  first layer's largest change: loss {one.loss_after:.4g}")
    change.set_xlabel("red: weights that rise, blue: that fall", fontsize=9)
    mark = "o" if len(steps.losses) == 1 else None
    losses.plot(np.arange(1, len(steps.losses) + 1), steps.losses, color=canvas.INK, marker=mark)
    losses.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    losses.set(title="6, 7  every image, every epoch", xlabel="epoch", ylabel="loss of an image")
    for axes in (given, back, error, change):
        canvas.bare(axes)
    for axes in (code, losses):
        canvas.clean(axes)
    return figure


def _drawable(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image as matplotlib draws it: channels last, or their mean if no colours."""
    if image.ndim == 3 and len(image) not in (1, 3):
        image = image.mean(axis=0)
    return image if image.ndim == 2 else np.clip(np.moveaxis(image, 0, 2), 0, 1).squeeze()


def _signed(axes: Any, image: NDArray[Any]) -> None:
    """Draw what may be below 0, in two colours; of a colour image the mean of its channels."""
    flat = image if image.ndim == 2 else image.mean(axis=0)
    most = float(np.abs(flat).max()) or 1.0
    axes.imshow(flat, cmap="RdBu_r", vmin=-most, vmax=most)


def _first_layer_change(steps: ImageSteps) -> NDArray[Any]:
    """Return the change of that filter of the first layer which changes most."""
    first = next(
        change.numpy()
        for name, change in steps.walk.changes.items()
        if name.endswith("weight") and change.ndim > 1
    )
    filters = first if first.ndim > 2 else first.T.reshape(-1, *steps.shape)  # dense: (F, H)
    size = np.square(filters).reshape(len(filters), -1).sum(axis=1)
    largest = filters[size.argmax()]
    return largest if largest.ndim == 2 else np.asarray(largest.mean(axis=0))
