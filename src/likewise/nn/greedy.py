"""Layers that learn one after the other, each from what those before it make of the rows.

G. Hinton, S. Osindero, Y.-W. Teh, "A fast learning algorithm for deep belief nets", Neural
Computation 18, 2006, DOI 10.1162/neco.2006.18.7.1527; Y. Bengio et al., "Greedy layer-wise training
of deep networks", NIPS 2006.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from likewise.nn.plan import History, Plan, Tell, staged
from likewise.nn.rows import Rows, as_rows
from likewise.nn.training import train

BLOCK = 4096
"""Rows that are encoded at a time between two layers."""


class GreedyLayer(nn.Module, ABC):
    """What is trained by itself before the net as a whole."""

    @abstractmethod
    def loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        """Return the loss of each row, of shape (B,)."""

    @abstractmethod
    def codes(self, rows: Rows) -> Tensor:
        """Return what the layer makes of rows, from which the next one learns."""


def train_greedily(
    layers: Sequence[GreedyLayer], X: Any, plan: Plan, progress: Tell | None = None
) -> list[History]:
    """Train each layer on the codes of those before it; the first learns from `X`.

    Each has the plan's epochs, and an equal share of its seconds; `progress` is told which it is.

    Raises
    ------
    KeyboardInterrupt
        If one was interrupted: those after it would learn from what is not done.
    """
    plan = replace(plan, max_seconds=plan.max_seconds / len(layers))
    histories, rows = [], X
    for number, layer in enumerate(layers):
        told = staged(progress, f"pre-training layer {number + 1} of {len(layers)}")
        histories.append(train(layer, rows, layer.loss, plan, progress=told))
        if histories[-1].stopped == "interrupt":
            raise KeyboardInterrupt
        if number + 1 < len(layers):
            rows = _codes(layer, rows, plan.device)
    return histories


@torch.inference_mode()
def _codes(layer: GreedyLayer, X: Any, device: torch.device) -> NDArray[np.float32]:
    blocks = (X[start : start + BLOCK] for start in range(0, X.shape[0], BLOCK))
    codes = torch.cat([layer.codes(as_rows(block, device)) for block in blocks])
    found: NDArray[np.float32] = codes.float().cpu().numpy()
    return found
