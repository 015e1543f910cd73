"""What a fit will take, before it is begun: memory, time, and which linear autoencoder fits.

The formulas are those by which the types refuse what would not fit; times follow from one small
matrix inverted on this machine. Shapes: I items, K neighbours.
"""

from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import Any

import torch

from likewise.autoencoders import (
    KernelAutoencoder,
    LinearAutoencoder,
    NeighbourhoodAutoencoder,
)
from likewise.autoencoders.base import Autoencoder
from likewise.autoencoders.choices import PURCHASES
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.ties import ties_bytes
from likewise.data.interactions import Interactions
from likewise.memory import GIB, available_memory
from likewise.recommend.searches import linear_kind
from likewise.recommend.support import Support

ADDITION = 3e-9
"""Seconds of a scattered addition, on one thread."""

LOOK_UP = 20e-9
"""Seconds of a look-up of a pair of items, on one thread."""

SMALL_MATRIX_SHARE = 0.3
"""The share of a large matrix's speed that the inverse of a neighbourhood reaches."""

PROBE = 1_200
"""Rows of the matrix by which the machine is measured."""


@dataclass(frozen=True)
class Estimate:
    """What a fit will take.

    Parameters
    ----------
    model : str
        The type's name.
    why : str
        Why this type.
    users, items, purchases : int
        The size of what is learned from.
    memory_bytes : int
        The most that is taken beside what is held already.
    free_bytes : int
        What may be taken.
    seconds : float or None
        Of the fit itself; None where it is not foreseen.
    """

    model: str
    why: str
    users: int
    items: int
    purchases: int
    memory_bytes: int
    free_bytes: int
    seconds: float | None

    @property
    def fits(self) -> bool:
        """Whether the memory that is free suffices."""
        return self.memory_bytes <= self.free_bytes


def estimate(interactions: Interactions, model: Autoencoder | None = None) -> Estimate:
    """Return what fitting will take.

    Parameters
    ----------
    interactions : Interactions
        What is learned from.
    model : Autoencoder, optional
        Unfitted. If None, the linear one that memory allows: the exact one, or the neighbourhood.

    Examples
    --------
    >>> small = estimate(Interactions.of([["tea", "cup"], ["tea", "cup", "pot"]]))
    >>> small.model, small.fits
    ('linear', True)
    """
    n_items, n_values = interactions.n_items, int(interactions.matrix.nnz)
    free = available_memory()
    why = "named" if model is not None else _why(n_items, free)
    model = linear_kind(n_items)() if model is None else model
    learning = model_bytes(model, n_items, n_values)
    return Estimate(
        model.type_name,
        why,
        interactions.n_users,
        n_items,
        n_values,
        max(learning, _kept_bytes(model, n_items) + Support.bytes_for(n_items, n_values)),
        free,
        _seconds(model, interactions),
    )


def model_bytes(model: Autoencoder, n_items: int, n_values: int) -> int:
    """Return what `fit` of this type takes at its peak, for so many items and purchases."""
    if isinstance(model, LinearAutoencoder | NeighbourhoodAutoencoder):
        return model.bytes_for(n_items, n_values)
    if isinstance(model, KernelAutoencoder):
        n_landmarks = model.n_landmarks
        return 24 * n_landmarks * n_items + 16 * n_landmarks**2 + 48 * n_values
    if isinstance(model, NeuralAutoencoder):
        batch = 3 * int(_setting(model, "batch_size")) * n_items
        return 4 * (5 * _weights(model, n_items) + batch) + 48 * n_values
    return 24 * n_items * _neighbours(model, n_items) + ties_bytes(n_items, n_values)


def _kept_bytes(model: Autoencoder, n_items: int) -> int:
    """Return what the fitted model holds while pairs are counted."""
    if isinstance(model, LinearAutoencoder):
        return 4 * n_items**2
    if isinstance(model, NeuralAutoencoder):
        return 4 * _weights(model, n_items)
    if isinstance(model, KernelAutoencoder):
        return 8 * model.n_landmarks * n_items
    return 8 * n_items * _neighbours(model, n_items)


def _seconds(model: Autoencoder, interactions: Interactions) -> float | None:
    n_items = interactions.n_items
    lengths = interactions.matrix.indptr[1:] - interactions.matrix.indptr[:-1]
    additions = float((lengths.astype(float) ** 2).sum()) / torch.get_num_threads()
    if isinstance(model, LinearAutoencoder):
        inverse = float(n_items) ** 3 * _seconds_per_operation()
        return inverse + min(ADDITION * additions / 2, inverse * interactions.n_users / n_items)
    if isinstance(model, NeighbourhoodAutoencoder):
        k = _neighbours(model, n_items)
        lookups = LOOK_UP * k**2 / 2 / torch.get_num_threads()
        inverse = k**3 / 3 * _seconds_per_operation() / SMALL_MATRIX_SHARE
        return ADDITION * additions + n_items * (lookups + inverse)
    if isinstance(model, NeuralAutoencoder):
        return model.max_seconds
    return None


def _seconds_per_operation() -> float:
    """Measure the Cholesky factor and inverse of a small matrix: n³ operations."""
    A = torch.eye(PROBE) + 0.1
    spent = []
    for _ in range(2):
        began = perf_counter()
        torch.cholesky_inverse(torch.linalg.cholesky(A))
        spent.append(perf_counter() - began)
    return min(spent) / PROBE**3


def _neighbours(model: Autoencoder, n_items: int) -> int:
    return min(int(getattr(model, "n_neighbours", 1)), n_items)


def _setting(model: NeuralAutoencoder, name: str) -> Any:
    """Return a parameter; what "auto" becomes on purchases."""
    given = getattr(model, name)
    return (PURCHASES | getattr(model, "_purchases", {}))[name] if given == "auto" else given


def _weights(model: NeuralAutoencoder, n_items: int) -> int:
    widths = [n_items, *_setting(model, "hidden"), model.n_latent]
    return 2 * sum(int(one) * int(other) for one, other in pairwise(widths))


def _why(n_items: int, free: int) -> str:
    needed = LinearAutoencoder.bytes_for(n_items) / GIB
    words = f"the exact one takes {needed:.1f} GiB for {n_items:,} items, and {free / GIB:.1f} are"
    if linear_kind(n_items) is LinearAutoencoder:
        return f"{words} free"
    return f"{words} free: each item is solved within its neighbourhood instead"
