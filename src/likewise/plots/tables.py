"""Figures of tables."""

from collections.abc import Sequence
from datetime import date, timedelta
from numbers import Real
from typing import Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from likewise.evaluate.embedding import Faithfulness
from likewise.plots import canvas
from likewise.plots.canvas import INK, figure
from likewise.plots.labels import MISSING, NAMED, OTHERS, colours, is_missing
from likewise.tables.reduction import Reduction


def reduction_map(
    reduction: Reduction,
    labels: Sequence[Any] | None = None,
    *,
    name: str = "",
    most_labels: int = NAMED,
) -> Figure:
    """Return a table's rows by their codes, beside PCA's.

    Parameters
    ----------
    reduction : Reduction
        What `reduce_table` returned.
    labels : sequence of length n, optional
        Colours the points: by value where all are dates, or numbers (or durations) of more than
        `most_labels` kinds; else by label, those beyond the most frequent ones together.
        Points whose label is missing are grey.
    name : str
        What the labels are, such as their column.

    Notes
    -----
    Codes of more than two numbers are drawn on the plane in which they spread most (PCA of the
    codes). A few rows far out would leave the others no room: they are drawn at the edge.
    """
    drawn = figure(10, 5)
    pairs: tuple[tuple[str, NDArray[Any], Faithfulness], ...] = (
        (reduction.model.model_.type_name, reduction.codes, reduction.own),
        ("PCA", reduction.pca_codes, reduction.pca),
    )
    if spans := [one for one in labels or () if isinstance(one, timedelta)]:
        unit, length = _unit(spans)
        labels = [one / length if isinstance(one, timedelta) else one for one in labels or ()]
        name = f"{name} ({unit})".strip()
    both, (n, width) = drawn.subplots(1, 2), reduction.codes.shape
    by = f" by {width} numbers" if width > 2 else ""
    for axes, (kind, codes, judged) in zip(both, pairs, strict=True):
        places = _flat(_within_sight(codes))
        scale = _scatter(axes, places, labels, most_labels)
        axes.set(xticks=[], yticks=[], title=f"{kind}: {judged.explained:.1%} explained{by}")
        axes.set_xlabel(
            f"trustworthiness {judged.trustworthiness:.3f}, neighbours kept {judged.neighbours:.1%}"
        )
    if scale is not None:
        _bar(drawn, both, scale, name, dated=any(isinstance(one, date) for one in labels or ()))
    if labels is not None and (legend := drawn.axes[1].get_legend_handles_labels())[0]:
        title = None if scale is not None else canvas.shortened(name, 24)
        drawn.legend(*legend, loc="outside right center", frameon=False, markerscale=2, title=title)
    plane = "; of the codes the plane in which they spread most" if width > 2 else ""
    drawn.suptitle(f"{reduction.n_held:,} held-out rows judged, all {n:,} drawn{plane}")
    return drawn


def _unit(spans: Sequence[timedelta]) -> tuple[str, timedelta]:
    """Return the longest unit of time that the longest duration reaches.

    Examples
    --------
    >>> _unit([timedelta(seconds=90), timedelta(0)])[0], _unit([timedelta(-3)])[0]
    ('minutes', 'days')
    """
    longest = max(map(abs, spans))
    units = ("days", "hours", "minutes", "seconds", "milliseconds", "microseconds")
    lengths = [(unit, timedelta(**{unit: 1})) for unit in units]
    return next((one for one in lengths if one[1] <= longest), lengths[3])


def _flat(codes: NDArray[Any]) -> NDArray[Any]:
    """Return codes as two numbers: a second one of 0, or those of the plane of most spread."""
    if codes.shape[1] <= 2:
        return np.pad(codes, ((0, 0), (0, 2 - codes.shape[1])))
    plane: NDArray[Any] = PCA(2, random_state=0).fit_transform(codes.astype(np.float64))
    return plane


def _within_sight(places: NDArray[Any]) -> NDArray[Any]:
    """Return places, those far out moved to the edge: beyond 98 % and a fifth more.

    Examples
    --------
    >>> ahead = np.r_[np.linspace(0, 1, 101), 50.0]
    >>> _within_sight(np.column_stack([ahead, ahead])).max(axis=0).round(1)
    array([1.2, 1.2])
    """
    low, high = np.quantile(places, (0.01, 0.99), axis=0)
    room = 0.2 * (high - low)
    within: NDArray[Any] = np.clip(places, low - room, high + room)
    return within


def _scatter(axes: Any, places: NDArray[Any], labels: Sequence[Any] | None, most: int) -> Any:
    """Draw the points; return those whose colours are a scale, None where they are kinds."""
    style: dict[str, Any] = {"s": max(3.0, 30 - len(places) / 200), "linewidths": 0, "alpha": 0.7}
    if labels is None:
        axes.scatter(*places.T, color=INK, **style)
        return None
    absent = np.array([is_missing(label) for label in labels])
    known = [label for label in labels if not is_missing(label)]
    there, scale = places[~absent], None
    if known and all(isinstance(label, date) for label in known):
        days = date2num(known)  # type: ignore[no-untyped-call]
        scale = axes.scatter(*there.T, c=days, cmap="viridis", **style)
    elif len(set(known)) > most and all(isinstance(label, Real) for label in known):
        scale = axes.scatter(*there.T, c=np.asarray(known, float), cmap="viridis", **style)
    else:
        _by_kind(axes, there, known, most, style)
    if absent.any():
        axes.scatter(*places[absent].T, color=MISSING, label="no label", zorder=0.5, **style)
    return scale


def _by_kind(
    axes: Any, places: NDArray[Any], labels: Sequence[Any], most: int, style: dict[str, Any]
) -> None:
    named = colours(labels, most)
    others = len(set(labels) - set(named))
    for kind, colour in named.items():
        chosen = np.array([label == kind for label in labels])
        axes.scatter(*places[chosen].T, color=colour, label=str(kind), **style)
    if others:
        rest = np.array([label not in named for label in labels])
        axes.scatter(*places[rest].T, color=OTHERS, label=f"{others:,} others", zorder=0.6, **style)


def _bar(drawn: Figure, both: Any, points: Any, name: str, *, dated: bool) -> None:
    """Draw the scale of both maps' colours, beside them."""
    bar = drawn.colorbar(points, ax=both, shrink=0.6, label=canvas.shortened(name, 40))
    if dated:
        ticks = AutoDateLocator()  # type: ignore[no-untyped-call]
        bar.set_ticks(ticks)
        formatter = ConciseDateFormatter(ticks)  # type: ignore[no-untyped-call]
        bar.ax.yaxis.set_major_formatter(formatter)
