"""The seven steps of a table's row as text for a terminal."""

from datetime import timedelta
from typing import Any

from likewise.recommend.steps_text import bar
from likewise.steps.tables import Cell, TableSteps
from likewise.steps.text import encoded, repeated

SHOWN = 12
"""Columns and units that are shown: those with the largest errors, the strongest."""


def table_steps_lines(steps: TableSteps) -> list[str]:
    """Return the seven steps as lines of text.

    Examples
    --------
    >>> import numpy as np
    >>> from likewise import TableAutoencoder, UndercompleteAutoencoder
    >>> from likewise.steps.tables import table_steps
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = TableAutoencoder(UndercompleteAutoencoder(n_latent=2, max_epochs=3)).fit(X)
    >>> table_steps_lines(table_steps(model, X[:1]))[0]
    '1  Take one row x: 4 columns, 4 numbers once they are encoded.'
    """
    one = steps.walk
    width = max(len(cell.column) for cell in steps.cells)
    changes = (f"{steps.told(change)}: {change.told()}" for change in steps.changes())
    worst = max(cell.error for cell in steps.cells) or 1.0
    return [
        f"1  Take one row x: {len(steps.cells)} columns, {len(one.x)} numbers once they are "
        "encoded.",
        *(f"     {cell.column:{width}}  {word(cell.value):>14}  {_encoded(cell)}"
          for cell in steps.cells[:SHOWN]),
        *_left_out(len(steps.cells)),
        "",
        *encoded(one, SHOWN),
        "",
        "3  Decode: x̂ = g(h), as long as x, and back into columns:",
        *(f"     {cell.column:{width}}  {word(cell.value)} came back as {word(cell.back)}"
          for cell in steps.cells[:SHOWN]),
        *_left_out(len(steps.cells)),
        "",
        f"4  Reconstruction error: the {steps.loss_name} loss of the whole row is {one.loss:.3f}. "
        "(x - x̂)² by column, the largest:",
        *(f"     {cell.column:{width}}  {cell.error:8.3f}  {bar(cell.error / worst)}"
          for cell in largest_errors(steps)),
        *_left_out(len(steps.cells)),
        "",
        *repeated(one, changes, steps.losses, "a", "row"),
    ]  # fmt: skip


def largest_errors(steps: TableSteps) -> list[Cell]:
    """Return the columns that came back worst, the worst first."""
    return sorted(steps.cells, key=lambda cell: -cell.error)[:SHOWN]


def word(value: Any) -> str:
    """Return a value of a table in a word.

    Examples
    --------
    >>> word(None), word(2.50000001), word(timedelta(hours=15))
    ('missing', '2.5', '15:00:00')
    """
    if value is None:
        return "missing"
    if isinstance(value, timedelta):  # pandas' own among them, which writes itself otherwise
        return str(timedelta(value.days, value.seconds, value.microseconds))
    return f"{value:.6g}" if isinstance(value, float) else f"{value}"


def _encoded(cell: Cell) -> str:
    """Return the numbers of a column that say something: its own, and others that are not 0."""
    said = [number for number in cell.numbers if number.name == cell.column or number.x]
    told = "  ".join(f"{number.name} = {number.x:.2f}" for number in said)
    return told or "0 in each of its columns: a text that the model did not learn"


def _left_out(n: int) -> list[str]:
    return [f"     … and {n - SHOWN} more columns"] if n > SHOWN else []
