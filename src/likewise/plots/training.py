"""Figures about training."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from likewise.nn.plan import History
from likewise.plots import canvas


def learning_curve(
    histories: Mapping[str, History],
    *,
    score: str = "nDCG@100",
    held_out: str = "customers",
    is_loss: bool = False,
) -> Figure:
    """Return loss and validation score by epoch, a line for each model.

    The training loss holds what a type adds, noise and penalty; the score need not.

    Parameters
    ----------
    histories : mapping of name to History
        Of fitted neural autoencoders (their `history_`).
    score, held_out : str
        What the validation score is, and what it was measured on.
    is_loss : bool
        Whether the score is a loss with its sign changed, as a model's own is: it is drawn as the
        loss that it is, lower is better, of the sign that the training loss has.
    """
    figure = canvas.figure(9, 3.6)
    left, right = figure.subplots(1, 2)
    for name, history in histories.items():
        epochs = np.arange(1, len(history.epochs) + 1)
        mark = "o" if len(epochs) == 1 else None  # a line of one point is nothing to see
        left.plot(epochs, [e["loss"] for e in history.epochs], marker=mark, label=name)
        scores = [e["validation"] for e in history.epochs]
        if scores and scores[0] is not None:
            scores = [-score for score in scores] if is_loss else scores
            (line,) = right.plot(epochs, scores, label=name)
            best = history.best_epoch
            right.plot(best, scores[best - 1], "o", color=line.get_color())
    left.set(xlabel="epoch", ylabel="loss of a row", title="Training loss")
    better = "lower" if is_loss else "higher"
    right.set(
        xlabel="epoch", ylabel=score, title=f"Held-out {held_out}, {better} is better (● kept)"
    )
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.legend(frameon=False)
        canvas.clean(axes)
    return figure
