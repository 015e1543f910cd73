"""One row's way through an autoencoder and back: the arithmetic of the seven steps."""

from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from likewise.autoencoders.base import fitted_copy
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.nn.losses import LOSSES

LEARNING_RATE = 1e-3
"""Of the one step, plain gradient descent whatever the model was trained by."""

SHORTER = 8
"""Rates that are tried."""


class Change(NamedTuple):
    """One weight: its tensor's name, its place there, what it is, and what is added to it."""

    layer: str
    place: tuple[int, ...]
    weight: float
    change: float

    def told(self) -> str:
        """Return the weight and its change as text."""
        return f"{self.weight:+.4f} {self.change:+.5f}"


@dataclass(frozen=True)
class Walk:
    """What one row gives rise to.

    Parameters
    ----------
    x, x_hat : ndarray of shape (F,)
        What goes in and comes out.
    code : ndarray of shape (L,)
        h, the encoder's own: no `projection_steps` are taken.
    loss, loss_after : float
        The row's loss in the unit of x, before and after one step of plain gradient descent on it
        alone.
    learning_rate : float
        By what share of that loss's gradient each weight changes.
    unit : float
        A loss of 1 as the net sees it, which scales some rows, in the unit of x.
    weights, changes : dict of str to Tensor
        Each tensor of weights before the step, and what the step adds to it.
    """

    x: NDArray[np.float32]
    code: NDArray[np.float32]
    x_hat: NDArray[np.float32]
    loss: float
    loss_after: float
    learning_rate: float
    unit: float
    weights: dict[str, Tensor]
    changes: dict[str, Tensor]

    def last_layer(self) -> str:
        """Return the name of the matrix that a dense net ends with; "" if the net is another."""
        found = [name for name in self.changes if name.startswith("decoder") and "weight" in name]
        return found[-1] if found else ""

    def strongest(self, n: int) -> list[int]:
        """Return which n units of the code are largest, the largest first."""
        order: list[int] = np.argsort(-np.abs(self.code), kind="stable")[:n].tolist()
        return order

    def as_dict(self) -> dict[str, Any]:
        """Return its numbers, but for the row's own and the weights, as plain values."""
        return {
            "code": self.code.tolist(),
            "loss": self.loss,
            "loss_after": self.loss_after,
            "learning_rate": self.learning_rate,
        }

    def most_changed(self, n: int) -> list[Change]:
        """Return the n weights of all layers that change most, the largest change first."""
        found = [change for layer in self.changes for change in self.largest_changes(layer, n)]
        return sorted(found, key=lambda c: (-abs(c.change), c.layer, c.place))[:n]

    def largest_changes(self, layer: str, n: int) -> list[Change]:
        """Return the n weights of a tensor that change most, the largest change first."""
        weight, change = self.weights[layer], self.changes[layer]
        top = change.abs().flatten().topk(min(n, change.numel())).indices.numpy()
        places = np.stack(np.unravel_index(top, tuple(change.shape)), axis=1).tolist()
        return [
            Change(layer, tuple(at), float(weight[tuple(at)]), float(change[tuple(at)]))
            for at in places
        ]


def walk(
    model: NeuralAutoencoder, x: NDArray[np.float32], learning_rate: float = LEARNING_RATE
) -> Walk:
    """Take a row through a fitted autoencoder, and one step of learning back.

    Parameters
    ----------
    model : NeuralAutoencoder
        It is not changed.
    x : ndarray of shape (F,)
        The row.
    learning_rate : float
        Of the step, for the loss as the net sees it; less is taken where the row's loss would rise.

    Examples
    --------
    >>> from likewise import UndercompleteAutoencoder
    >>> X = np.eye(4, dtype=np.float32)[[0, 1, 2, 3] * 10]
    >>> one = walk(UndercompleteAutoencoder(n_latent=2, random_state=0).fit(X), X[0], 0.01)
    >>> one.code.shape, one.loss_after < one.loss
    ((2,), True)
    """
    twin = fitted_copy(model)
    if "projection_steps" in twin.get_params():  # the loss is that of the encoder's own code
        twin.set_params(projection_steps=0)
    code, x_hat = twin._encode(x[None])[0], twin._link(twin._logits(x[None]))[0]
    before = {name: weight.detach().clone().cpu() for name, weight in _weights(twin).items()}
    loss = _loss(twin, x)
    loss.backward()  # type: ignore[no-untyped-call]
    changes, rate, after = _step(twin, x, before, float(loss.detach()), learning_rate)
    unit = model._loss_unit
    return Walk(
        x=x,
        code=code,
        x_hat=x_hat,
        loss=unit * float(loss.detach()),
        loss_after=unit * after,
        learning_rate=rate / unit,
        unit=unit,
        weights=before,
        changes=changes,
    )


def losses(model: NeuralAutoencoder) -> list[float]:
    """Return the mean loss of a row, epoch by epoch, in the unit of the rows."""
    return [model._loss_unit * float(epoch["loss"]) for epoch in model.history_.epochs]


def _step(
    twin: NeuralAutoencoder,
    x: NDArray[np.float32],
    before: dict[str, Tensor],
    loss: float,
    rate: float,
) -> tuple[dict[str, Tensor], float, float]:
    """Take a step down the gradient; return what it adds, its rate and the loss after it.

    A tenth of the rate, again and again, where the step goes too far: a row unlike all others has a
    gradient as large as its error.
    """
    moved = {name: weight for name, weight in _weights(twin).items() if weight.grad is not None}
    gradients = {name: cast("Tensor", weight.grad).cpu() for name, weight in moved.items()}
    for power in range(SHORTER):
        tried = rate / 10**power
        changes = {name: -tried * gradient for name, gradient in gradients.items()}
        for name, weight in moved.items():
            weight.data.copy_(before[name] + changes[name])
        after = float(_loss(twin, x).detach())
        if after <= loss:
            break
    return changes, tried, after


def _weights(model: NeuralAutoencoder) -> dict[str, Tensor]:
    return dict(model.net_.named_parameters())


def _loss(model: NeuralAutoencoder, x: NDArray[np.float32]) -> Tensor:
    rows = model._rows(x[None])
    return LOSSES[model.loss_](model._forward(rows), rows)[0]
