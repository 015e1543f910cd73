"""The seven steps of training an autoencoder, with the numbers of one row of a table."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.walk import Change, Walk, losses, walk
from likewise.data.frames import as_table
from likewise.errors import InputError
from likewise.tables.autoencoder import TableAutoencoder


class Number(NamedTuple):
    """One number of the row as it is encoded: what goes in and what comes out."""

    name: str
    x: float
    x_hat: float


class Cell(NamedTuple):
    """One column: what the table holds, what comes back, the numbers between, and their error."""

    column: str
    value: Any
    back: Any
    numbers: list[Number]
    error: float


@dataclass(frozen=True)
class TableSteps:
    """The numbers of the seven steps for one row.

    Parameters
    ----------
    walk : Walk
        The encoded row's way through the model and back.
    cells : list of Cell
        Column by column; an error is the sum of (x - x̂)² over the column's numbers.
    activation, loss_name : str
        Between the layers; the reconstruction loss.
    names : list of str
        Of the encoded row's numbers.
    losses : list of float
        The mean loss of a row, epoch by epoch.
    """

    walk: Walk
    cells: list[Cell]
    activation: str
    loss_name: str
    names: list[str]
    losses: list[float]

    def changes(self, n: int = 8) -> list[Change]:
        """Return the weights that change most, in all layers."""
        return self.walk.most_changed(n)

    def told(self, change: Change) -> str:
        """Return which of the row's numbers a weight belongs to, and which unit.

        In the first and in the last layer a weight joins a number of the row and a unit; the last
        biases are of numbers of the row. Further in, it joins two units.
        """
        last = self.walk.last_layer()
        if change.layer in {"first.weight", last} and len(change.place) == 2:
            return f"{change.layer} {self.names[change.place[0]]}, unit {change.place[1]}"
        if change.layer == last.replace("weight", "bias"):
            return f"{change.layer} {self.names[change.place[0]]}"
        return f"{change.layer} {change.place}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        cells = [
            cell._asdict() | {"numbers": [number._asdict() for number in cell.numbers]}
            for cell in self.cells
        ]
        return self.walk.as_dict() | {
            "cells": cells,
            "loss_name": self.loss_name,
            "changes": [
                change._asdict() | {"told": self.told(change)} for change in self.changes()
            ],
            "losses": self.losses,
        }


def table_steps(model: TableAutoencoder, row: Any) -> TableSteps:
    """Walk one row of a table through the seven steps.

    Parameters
    ----------
    model : TableAutoencoder
        Fitted; it is not changed.
    row : table of shape (1, C)
        The row, with the columns that the model learned.

    Raises
    ------
    InputError
        If more or less than one row is given, or the model is not trained by back-propagation.

    Examples
    --------
    >>> import pandas as pd
    >>> from likewise import UndercompleteAutoencoder
    >>> table = pd.DataFrame({"kind": ["tea", "ink"] * 50, "price": [2.5, 9.0] * 50})
    >>> small = UndercompleteAutoencoder(n_latent=1, max_epochs=5, random_state=0)
    >>> steps = table_steps(TableAutoencoder(small).fit(table), table.iloc[:1])
    >>> [(cell.column, cell.value, len(cell.numbers)) for cell in steps.cells]
    [('kind', 'tea', 2), ('price', 2.5, 1)]
    """
    inner = model.model_
    if not isinstance(inner, NeuralAutoencoder):
        raise InputError(
            f"a {inner.type_name} autoencoder is solved at once; the seven steps are those of a "
            "type that is trained by epochs, such as undercomplete"
        )
    given, _ = as_table(row)
    if given.num_rows != 1:
        raise InputError(f"{given.num_rows} rows were given; give one")
    x = model.encoder_.transform(row)[0]
    one = walk(inner, x.astype(np.float32))
    back, _ = as_table(model.encoder_.inverse_transform(one.x_hat[None]))
    names, source = model.encoder_.get_feature_names_out().tolist(), model.encoder_.source_
    cells = []
    for place, column in enumerate(given.column_names):
        numbers = [
            Number(names[n], float(one.x[n]), float(one.x_hat[n]))
            for n in np.flatnonzero(source == place).tolist()
        ]
        error = sum((number.x - number.x_hat) ** 2 for number in numbers)
        value, given_back = (table.column(place)[0].as_py() for table in (given, back))
        cells.append(Cell(column, value, given_back, numbers, error))
    activation = inner.setting("activation")
    return TableSteps(one, cells, activation, inner.loss_, names, losses(inner))
