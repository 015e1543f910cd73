"""The seven steps of training an autoencoder, with the real numbers of one basket.

1 take the row x · 2 encode it to h · 3 decode h to x̂ · 4 compare x̂ with x · 5 propagate the error
back and change each weight by its share · 6 do so row after row · 7 epoch after epoch.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from likewise.autoencoders import UndercompleteAutoencoder
from likewise.autoencoders.walk import Walk, walk
from likewise.errors import InputError


class Cell(NamedTuple):
    """One item's place in the row: what went in, what came out, and the difference."""

    item: Any
    title: str
    x: float
    x_hat: float
    error: float


class Change(NamedTuple):
    """One weight, and what this basket's error changes it by."""

    layer: str
    item: Any
    title: str
    unit: int
    weight: float
    change: float


@dataclass(frozen=True)
class Steps:
    """The numbers of the seven steps for one basket.

    Parameters
    ----------
    n_items, n_latent : int
        Lengths of the row and of the code.
    cells : list of Cell
        The basket's items, then the items not in it with the highest output.
    code : list of float
        h.
    loss, loss_after : float
        The basket's reconstruction error, before and after the one step of learning.
    learning_rate : float
        By what share of the gradient the weights change.
    changes : list of Change
        The weights that change most.
    losses : list of float
        The mean error over all rows, epoch by epoch.
    unknown : list
        Items of the basket that this autoencoder does not know.
    stands_in_for : str or None
        The type of the model that recommends, where the numbers are not of it but of a small
        classic autoencoder beside it.
    """

    n_items: int
    n_latent: int
    activation: str
    loss_name: str
    cells: list[Cell]
    code: list[float]
    loss: float
    loss_after: float
    learning_rate: float
    changes: list[Change]
    losses: list[float]
    unknown: list[Any]
    stands_in_for: str | None = None

    @property
    def stand_in(self) -> str:
        """A sentence that says so, where another model than the one that recommends is shown."""
        if self.stands_in_for is None:
            return ""
        return (
            f"A small classic autoencoder of the {self.n_items:,} items bought most stands in for "
            f"the {self.stands_in_for} model, which learns in another way and may recommend others."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        rows = {
            "cells": [cell._asdict() for cell in self.cells],
            "changes": [change._asdict() for change in self.changes],
        }
        return asdict(self) | rows


def seven_steps(
    model: UndercompleteAutoencoder,
    items: Sequence[Any],
    titles: Sequence[str],
    basket: Sequence[Any],
    losses: Sequence[float],
    *,
    n_shown: int = 8,
) -> Steps:
    """Walk one basket through the seven steps.

    Parameters
    ----------
    model : UndercompleteAutoencoder
        Fitted; it is not changed.
    items, titles : sequence of length F
        The ids and titles of its features.
    basket : sequence of ids
        What the customer has.
    losses : sequence of float
        The mean error of each epoch of its training.
    n_shown : int
        How many outputs and weight changes to show.

    Raises
    ------
    InputError
        If no item of the basket is among `items`.
    """
    place = {str(item): column for column, item in enumerate(items)}
    known = list(dict.fromkeys(place[str(i)] for i in basket if str(i) in place))
    unknown = [i for i in basket if str(i) not in place]
    if not known:
        raise InputError(
            f"none of {', '.join(map(str, basket)) or '(an empty basket)'} is among the "
            f"{len(items):,} items bought most, which the small classic autoencoder knows; "
            f"try {items[0]}"
        )
    x = np.zeros(len(items), dtype=np.float32)
    x[known] = 1
    one = walk(model, x, float(model.setting("learning_rate")))
    x_hat = one.x_hat
    others = [c for c in np.argsort(-x_hat, kind="stable").tolist() if not x[c]][:n_shown]
    return Steps(
        n_items=len(items),
        n_latent=int(model.n_latent),
        activation=model.setting("activation"),
        loss_name=model.loss_,
        cells=[
            Cell(items[c], titles[c], float(x[c]), float(x_hat[c]), float(x[c] - x_hat[c]))
            for c in known + others
        ],
        code=one.code.tolist(),
        loss=one.loss,
        loss_after=one.loss_after,
        learning_rate=one.learning_rate,
        changes=_changes(one, items, titles, n_shown),
        losses=list(losses),
        unknown=unknown,
    )


def _changes(one: Walk, items: Sequence[Any], titles: Sequence[str], n: int) -> list[Change]:
    """Return the n weights of the first and of the last layer that change most."""
    found = [
        Change(layer, items[c.place[0]], titles[c.place[0]], c.place[1], c.weight, c.change)
        for layer, name in (("encoder", "first.weight"), ("decoder", one.last_layer()))
        for c in one.largest_changes(name, n)
    ]
    return sorted(found, key=lambda c: (-abs(c.change), c.layer, c.title, c.unit))[:n]
