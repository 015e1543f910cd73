"""What neural types take of memory while they learn, beside the rows they were given."""

from collections.abc import Sequence
from copy import copy
from itertools import pairwise
from typing import Any

import torch
from scipy import sparse

from likewise.autoencoders.base import BLOCK_BYTES
from likewise.autoencoders.rows import bytes_of
from likewise.memory import require_memory
from likewise.nn.device import require_device_memory, resolve_device
from likewise.nn.layers import Net
from likewise.nn.output import held_logits

COPIES = 6
"""Of the weights: they, gradient, two moments, the best so far, and those that take its place."""


def require_memory_to_train(model: Any, X: Any) -> None:
    """Refuse checked rows that a neural type could not learn from in the memory that is free.

    Parameters
    ----------
    model : NeuralAutoencoder
        Whose loss and settings are chosen, and whose net is still to be drawn.
    X : ndarray or csr_array of shape (n, F)
        The rows.

    Raises
    ------
    NotEnoughMemoryError
        If so.
    """
    n_rows, n_features = X.shape
    what = f"training {type(model).__name__} on {n_rows:,} rows x {n_features:,} features"
    needed = model._bytes_to_fit(X)
    lighter = model.lighter
    blocked = copy(model)
    blocked.output = "blocked"
    if blocked._bytes_to_fit(X) < needed:
        lighter = f"let output='blocked' hold fewer logits, {lighter}"
    require_memory(needed, what, lighter)
    require_device_memory(model.device_, needed, what, f"use device='cpu'; {lighter}")


def bytes_to_fit(model: Any, X: Any) -> int:
    """Return what a neural type takes to learn from checked rows, but for its pre-training.

    The model's loss and settings are chosen, and its net is still to be drawn.
    """
    (n_rows, n_features), batch_size = X.shape, int(model.setting("batch_size"))
    batch_size = min(batch_size, n_rows)
    how = model.output if model.loss_ == "multinomial" else "full"
    with torch.device("meta"):
        net = model._net(n_features)
    device = resolve_device(model.device).type
    numbers = held_logits(how, batch_size, n_features, device)
    if device == "cuda" and sparse.issparse(X):
        numbers += 2 * batch_size * n_features  # the first layer reads a dense batch there
    return bytes_to_train(net, X, batch_size, times_kept(device) * numbers)


def times_kept(device: str) -> int:
    """Return how often what a step takes is held: on CUDA a recorded step keeps its own."""
    return 2 if device == "cuda" else 1


def bytes_to_train(net: Net, X: Any, batch_size: int, n_logits: int) -> int:
    """Return what training a net on checked rows takes at its peak.

    The rows are parted into those to learn from and those held out, which copies them once. Then it
    is the weights, and a batch, of which each layer's output, its activation and their gradient are
    held, or a block of held-out rows.

    Parameters
    ----------
    net : Net
        Its weights may be on no device ("meta").
    X : ndarray or csr_array of shape (n, F)
        The rows.
    batch_size : int
        Of all batches but the last.
    n_logits : int
        Numbers that a batch's logits take, gradient included.
    """
    n_rows, n_features = X.shape
    weights, numbers = sum(weight.numel() for weight in net.parameters()), net.numbers_a_row()
    judged: int = min(BLOCK_BYTES, 8 * n_rows * (numbers + n_features))
    a_row = 3 * (numbers - n_features) + (0 if sparse.issparse(X) else 2 * n_features)
    batch = 4 * (batch_size * a_row + n_logits)
    return bytes_of(X) + 4 * COPIES * weights + max(int(batch), judged)


def require_memory_to_recognise(model: Any, X: Any, batch_size: int) -> None:
    """Refuse labelled rows that a classifier could not learn from in the memory that is free.

    Those to learn from are parted from those held out, and copied once more beside their labels.

    Parameters
    ----------
    model : NeuralAutoencoder
        On whose code the classifier is; its net is drawn.
    X : ndarray of shape (n, F)
        The rows.
    batch_size : int
        Of learning from the labels.

    Raises
    ------
    NotEnoughMemoryError
        If they do not fit.
    """
    needed = bytes_of(X) + bytes_to_train(model.net_, X, min(batch_size, len(X)), 0)
    what = f"learning labels of {len(X):,} rows x {X.shape[1]:,} features"
    require_memory(needed, what, "lower batch_size, or give fewer rows")


def bytes_between_layers(n_rows: int, widths: Sequence[int]) -> int:
    """Return what codes take that one layer is to learn of the one before it.

    Those that the layer before learned from are still there, and the new ones are put together.

    Examples
    --------
    >>> bytes_between_layers(10, (4, 2)), bytes_between_layers(10, ())
    (320, 0)
    """
    return 4 * n_rows * max((a + 2 * b for a, b in pairwise((0, *widths))), default=0)
