"""Figures of tables."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from likewise.evaluate.embedding import Faithfulness
from likewise.plots.canvas import INK, figure
from likewise.tables.reduction import Reduction


def reduction_map(
    reduction: Reduction, labels: Sequence[Any] | None = None, *, most_labels: int = 10
) -> Figure:
    """Return a table's rows by the first two numbers of their codes, beside PCA's.

    Parameters
    ----------
    reduction : Reduction
        What `reduce_table` returned.
    labels : sequence of length n, optional
        Colours the points: by value where all are numbers of more than `most_labels` kinds, else
        by label, those beyond the most frequent ones together.

    Notes
    -----
    A few rows far out would leave the others no room: they are drawn at the edge.
    """
    drawn = figure(10, 5)
    pairs: tuple[tuple[str, NDArray[Any], Faithfulness], ...] = (
        (reduction.model.model_.type_name, reduction.codes, reduction.own),
        ("PCA", reduction.pca_codes, reduction.pca),
    )
    for axes, (name, codes, judged) in zip(drawn.subplots(1, 2), pairs, strict=True):
        places = _within_sight(np.pad(codes, ((0, 0), (0, 1)))[:, :2])
        _scatter(axes, places, labels, most_labels)
        axes.set(xticks=[], yticks=[], title=f"{name}: {judged.explained:.1%} explained")
        axes.set_xlabel(
            f"trustworthiness {judged.trustworthiness:.3f}, neighbours kept {judged.neighbours:.1%}"
        )
    if labels is not None and (legend := drawn.axes[1].get_legend_handles_labels())[0]:
        drawn.legend(*legend, loc="outside right center", frameon=False, markerscale=2)
    drawn.suptitle(f"{reduction.n_held:,} held-out rows judged, all {len(reduction.codes):,} drawn")
    return drawn


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


def _scatter(axes: Any, places: NDArray[Any], labels: Sequence[Any] | None, most: int) -> None:
    style: dict[str, Any] = {"s": max(3.0, 30 - len(places) / 200), "linewidths": 0, "alpha": 0.7}
    if labels is None:
        axes.scatter(*places.T, color=INK, **style)
        return
    kinds = Counter(labels)
    if len(kinds) > most and all(isinstance(label, int | float) for label in kinds):
        points = axes.scatter(*places.T, c=np.asarray(labels), cmap="viridis", **style)
        axes.figure.colorbar(points, ax=axes, shrink=0.6)
        return
    named = [kind for kind, _ in kinds.most_common(most)]
    of_row = np.array([named.index(one) if one in named else most for one in labels])
    for number, kind in enumerate([*sorted(named, key=str), "others"]):
        chosen = of_row == (named.index(kind) if number < len(named) else most)
        if chosen.any():
            axes.scatter(*places[chosen].T, color=f"C{number}", label=str(kind), **style)
