"""What a recogniser takes for what."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from likewise.plots import canvas

MOST_CLASSES = 20
"""Classes that a confusion matrix shows: the numbers of more could not be read."""


def confusion_matrix(
    truth: NDArray[Any], predicted: NDArray[Any], classes: Sequence[str]
) -> Figure:
    """Return how often images of one class (row) were taken for another (column).

    Of more than `MOST_CLASSES` classes those that were mistaken most often are shown. A class of
    which there was no image is said to be untested.
    """
    counts = _confusions(truth, predicted, classes)
    n_of, n = counts.sum(axis=1), counts.sum()
    shown = _most_mistaken(counts)
    share = (counts / np.maximum(n_of, 1)[:, None])[np.ix_(shown, shown)]
    names = [canvas.shortened(classes[k], 24) for k in shown]
    title = f"{counts.trace() / max(n, 1):.1%} of {n:,} right"
    if len(names) < len(classes):
        title += f"; the {len(names)} of {len(classes):,} classes mistaken most often"
    side = 1.8 + 0.5 * len(names)
    figure = canvas.figure(side + 0.6, side)
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(share):
        colour = "white" if share[row, column] > 0.5 else "black"
        text = f"{counts[shown[row], shown[column]]}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    tested = [
        name if n_of[k] else f"{name} (untested)" for name, k in zip(names, shown, strict=True)
    ]
    axes.set_yticks(range(len(names)), tested)
    axes.set(xlabel="predicted\n(darker: a larger share of its row)", ylabel="true", title=title)
    axes.tick_params(length=0)
    return figure


def _confusions(
    truth: NDArray[Any], predicted: NDArray[Any], classes: Sequence[str]
) -> NDArray[np.int64]:
    """Return how often each class (row) was taken for each (column)."""
    places = {name: place for place, name in enumerate(classes)}
    rows, columns = ([places[str(name)] for name in names] for names in (truth, predicted))
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (rows, columns), 1)
    return counts


def _most_mistaken(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the classes that were most often taken for another, or another for them, in order."""
    wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
    shown: NDArray[np.int64] = np.sort(np.argsort(-wrong, kind="stable")[:MOST_CLASSES])
    return shown
