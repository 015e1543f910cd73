"""Figures about training."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from likewise.nn.plan import History
from likewise.plots import canvas


def learning_curve(
    histories: Mapping[str, History],
    *,
    loss: str = "loss of a row",
    score: str = "nDCG@100",
    held_out: str = "customers",
    is_loss: bool = False,
) -> Figure:
    """Return loss and, where rows were held out, validation score by epoch, a line for each model.

    The training loss holds what a type adds, noise and penalty; the score need not. Of an epoch
    that the time cut short it is not drawn: it is the mean of other rows than those before.

    Parameters
    ----------
    histories : mapping of name to History
        Of fitted neural autoencoders (their `history_`).
    loss, score, held_out : str
        What the loss and the validation score are, and what the score was measured on.
    is_loss : bool
        Whether the score is a loss with its sign changed, as a model's own is: it is drawn as the
        loss that it is, lower is better, of the sign that the training loss has.
    """
    judged = any(_scores(history) for history in histories.values())
    figure = canvas.figure(9 if judged else 4.8, 3.6)
    left, *others = figure.subplots(1, 1 + judged, squeeze=False)[0]
    for name, history in histories.items():
        losses = [epoch["loss"] for epoch in _whole(history)]
        left.plot(range(1, len(losses) + 1), losses, marker=_mark(losses), label=name)
    left.set(xlabel="epoch", ylabel=loss, title="Training loss")
    for right in others:
        _draw_scores(right, histories, -1 if is_loss else 1)
        better = "lower" if is_loss else "higher"
        title = f"Held-out {held_out}, {better} is better (● kept)"
        right.set(xlabel="epoch", ylabel=score, title=title)
    for axes in (left, *others):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.ticklabel_format(axis="y", useOffset=False)
        if len(histories) > 1:
            axes.legend(frameon=False)
        canvas.clean(axes)
    return figure


def _draw_scores(axes: Any, histories: Mapping[str, History], sign: int) -> None:
    for name, history in histories.items():
        if scores := [sign * score for score in _scores(history)]:
            (line,) = axes.plot(range(1, len(scores) + 1), scores, label=name)
            best = history.best_epoch
            axes.plot(best, scores[best - 1], "o", color=line.get_color())


def _scores(history: History) -> list[float]:
    """Return the validation score of each epoch; none where nothing was held out."""
    return [e["validation"] for e in history.epochs if e["validation"] is not None]


def _whole(history: History) -> list[dict[str, Any]]:
    """Return the epochs, but for a last one that saw fewer rows than the first."""
    if history.stopped != "max_seconds" or len(history.epochs) < 2:
        return history.epochs
    first, last = (
        e["rows_per_second"] * e["seconds"] for e in history.epochs[:: len(history.epochs) - 1]
    )
    return history.epochs[:-1] if last < 0.999 * first else history.epochs


def _mark(values: Sequence[float]) -> str | None:
    return "o" if len(values) == 1 else None  # a line of one point is nothing to see
