"""The seven steps of training an autoencoder, with the numbers of one image or one table's row."""

from likewise.steps.images import ImageSteps, image_steps, image_steps_lines
from likewise.steps.tables import TableSteps, table_steps
from likewise.steps.tables_html import table_steps_html
from likewise.steps.tables_text import table_steps_lines

__all__ = [
    "ImageSteps",
    "TableSteps",
    "image_steps",
    "image_steps_lines",
    "table_steps",
    "table_steps_html",
    "table_steps_lines",
]
