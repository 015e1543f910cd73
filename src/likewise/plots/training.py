"""Figures about training."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from likewise.nn.plan import History
from likewise.plots import canvas


def learning_curve(
    histories: Mapping[str, History], *, score: str = "nDCG@100", held_out: str = "customers"
) -> Figure:
    """Return loss and validation score by epoch, a line for each model.

    Parameters
    ----------
    histories : mapping of name to History
        Of fitted neural autoencoders (their `history_`).
    score, held_out : str
        What the validation score is, and what it was measured on.
    """
    figure = canvas.figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    for name, history in histories.items():
        epochs = np.arange(1, len(history.epochs) + 1)
        mark = "o" if len(epochs) == 1 else None  # a line of one point is nothing to see
        left.plot(epochs, [e["loss"] for e in history.epochs], marker=mark, label=name)
        scores = [e["validation"] for e in history.epochs]
        if scores and scores[0] is not None:
            (line,) = right.plot(epochs, scores, label=name)
            best = history.best_epoch
            right.plot(best, scores[best - 1], "o", color=line.get_color())
    left.set(xlabel="epoch", ylabel="loss of a row", title="Training loss")
    right.set(xlabel="epoch", ylabel=score, title=f"Held-out {held_out} (● kept)")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.legend(frameon=False)
        canvas.clean(axes)
    return figure
