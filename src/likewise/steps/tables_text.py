"""The seven steps of a table's row as text for a terminal."""

from datetime import timedelta
from typing import Any

import numpy as np

from likewise.recommend.steps_text import bar, epochs, spark
from likewise.steps.tables import Cell, TableSteps

SHOWN = 12
"""Columns and units that are shown: those with the largest errors, the strongest."""


def table_steps_lines(steps: TableSteps) -> list[str]:
    """Return the seven steps as lines of text.

    Examples
    --------
    >>> from likewise import TableAutoencoder, UndercompleteAutoencoder
    >>> from likewise.steps.tables import table_steps
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = TableAutoencoder(UndercompleteAutoencoder(n_latent=2, max_epochs=3)).fit(X)
    >>> table_steps_lines(table_steps(model, X[:1]))[0]
    '1  Take one row x: 4 columns, 4 numbers once they are encoded.'
    """
    one = steps.walk
    width = max(len(cell.column) for cell in steps.cells)
    most = float(np.abs(one.code).max()) or 1.0
    worst = max(cell.error for cell in steps.cells) or 1.0
    return [
        f"1  Take one row x: {len(steps.cells)} columns, {len(one.x)} numbers once they are "
        "encoded.",
        *(f"     {cell.column:{width}}  {word(cell.value):>14}  {_encoded(cell)}"
          for cell in steps.cells[:SHOWN]),
        *_left_out(len(steps.cells)),
        "",
        f"2  Encode: h = f(x), {len(one.code)} numbers for {len(one.x)}. The strongest:",
        *(f"     h{n:<4}{one.code[n]:8.3f}  {bar(one.code[n] / most)}" for n in strongest(steps)),
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
        f"5  Back-propagate: each weight changes by its share, times a learning rate of "
        f"{one.learning_rate:.3g}. The largest changes:",
        *(f"     {steps.told(change)}: {change.weight:+.4f} {change.change:+.5f}"
          for change in steps.changes()),
        f"   With these weights the row's loss is {one.loss_after:.3f} instead of {one.loss:.3f}.",
        "",
        "6  Repeat for every row, changing the weights after each batch of them.",
        "",
        f"7  Repeat for more epochs. The mean loss of a row over {epochs(steps.losses)}:",
        f"     {spark(steps.losses)}",
    ]  # fmt: skip


def strongest(steps: TableSteps) -> list[int]:
    """Return which units of the code are largest, the largest first."""
    order: list[int] = np.argsort(-np.abs(steps.walk.code), kind="stable")[:SHOWN].tolist()
    return order


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
