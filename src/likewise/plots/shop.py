"""Figures about a shop: models compared, and the map of its products."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from likewise.evaluate.comparison import Comparison
from likewise.plots import canvas


def metric_by_model(comparison: Comparison, metric: str = "recall@20") -> Figure:
    """Return one bar a model, with its 95 % interval, the best on top.

    The best one and those that cannot be told apart from it are blue, the others grey.
    """
    rows = sorted(comparison.rows, key=lambda row: row.intervals[metric].mean)
    figure = canvas.figure(7, 0.45 * len(rows) + 1.4)
    axes = figure.subplots()
    means = np.array([row.intervals[metric].mean for row in rows])
    low = means - [row.intervals[metric].low for row in rows]
    high = np.array([row.intervals[metric].high for row in rows]) - means
    leaders = comparison.leaders(metric)
    colours = [canvas.INK if row.model in leaders else canvas.SOFT for row in rows]
    names = [row.model for row in rows]
    axes.barh(names, means, xerr=[low, high], color=colours, error_kw={"ecolor": "#5c6670"})
    axes.set(
        xlabel=f"{metric}, {comparison.n_users:,} held-out customers\n"
        "blue: the best, and what cannot be told apart from it; grey: behind",
        title=comparison.split,
    )
    canvas.clean(axes)
    return figure


def item_map(
    places: NDArray[Any], counts: NDArray[Any], titles: Sequence[str], *, n_named: int = 60
) -> Figure:
    """Return the map of the items: what is bought alike lies close together.

    Parameters
    ----------
    places : ndarray of shape (I, 2)
        Where each item lies: `places_` of a recommender, or those of
        :func:`~likewise.recommend.places.item_places`.
    counts : ndarray of shape (I,)
        How often each was bought: the size and colour of its point.
    titles : sequence of length I
        Of the `n_named` items bought most are named those for whose names there is room.
    """
    figure = canvas.figure(10, 8)
    axes = figure.subplots()
    order = np.argsort(counts, kind="stable")
    size = 4 + 60 * counts / max(counts.max(), 1)
    points = axes.scatter(
        places[order, 0], places[order, 1], s=size[order], c=np.log10(np.maximum(counts, 1))[order],
        cmap="viridis", alpha=0.7, linewidths=0,
    )  # fmt: skip
    figure.colorbar(points, label="customers who bought it (log 10)", shrink=0.6)
    axes.set_title("Products that are bought alike lie close together")
    canvas.bare(axes)
    canvas.name(
        axes,
        [
            (canvas.shortened(str(titles[item]), 28).capitalize(), places[item])
            for item in order[::-1][:n_named]
        ],
    )
    return figure
