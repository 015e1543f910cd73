"""Figures; each function returns a matplotlib figure and shows or saves nothing."""

from likewise.plots.confusion import confusion_matrix
from likewise.plots.images import (
    error_by_dimension,
    filter_grid,
    image_grid,
    image_map,
    image_rows,
)
from likewise.plots.shop import item_map, metric_by_model
from likewise.plots.steps import image_steps_figure
from likewise.plots.tables import reduction_map
from likewise.plots.training import learning_curve

__all__ = [
    "confusion_matrix",
    "error_by_dimension",
    "filter_grid",
    "image_grid",
    "image_map",
    "image_rows",
    "image_steps_figure",
    "item_map",
    "learning_curve",
    "metric_by_model",
    "reduction_map",
]
