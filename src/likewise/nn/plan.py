"""What a training run is told, and what it tells."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch


@dataclass(frozen=True)
class Plan:
    """How to train.

    Parameters
    ----------
    max_epochs, batch_size, learning_rate, weight_decay, optimizer
        As on the estimators.
    patience : int
        Epochs without a better validation score after which to stop.
    max_seconds : float
        Stop at the first batch after so long; infinity for no limit.
    seed : int
        Decides order and noise.
    device : torch.device
        Where to compute.
    bfloat16 : bool
        Multiply in bfloat16, keep weights in float32.
    bfloat16_steps : bool
        Let Muon multiply in bfloat16 where it turns a gradient into a step.
    sampled : bool
        The loss looks at a sample of the items: leave the weights of the others alone.
    decay : bool
        Let the learning rate rise at first and fall to 0 by the end of the run.
    recordable : bool
        A row's loss is its own, no other row of the batch is in it, and working it out waits for
        nothing: CUDA can record a step.
    """

    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    optimizer: str
    patience: int
    max_seconds: float
    seed: int
    device: torch.device
    bfloat16: bool
    bfloat16_steps: bool = False
    sampled: bool = False
    decay: bool = False
    recordable: bool = True

    @property
    def recorded(self) -> bool:
        """Whether steps are recorded, and replayed from then on."""
        return self.recordable and self.optimizer != "sgd" and self.device.type == "cuda"

    def share_done(self, rows_done: float, n_rows: int, seconds: float) -> float:
        """Return how much of the run lies behind, 0 to 1, by rows or by time if that is further."""
        by_rows = rows_done / (self.max_epochs * n_rows)
        return min(1.0, max(by_rows, seconds / self.max_seconds))


@dataclass(frozen=True)
class Progress:
    """Where a training run stands; given to the `progress` callable after every batch."""

    epoch: int
    max_epochs: int
    rows_done: int
    n_rows: int
    rows_per_second: float
    seconds_left: float
    loss: float
    validation: float | None
    stage: str = ""
    """What is being trained, where it is not yet the whole."""


Tell = Callable[[Progress], None]
"""Is told where a training run stands."""


def staged(tell: Tell | None, stage: str) -> Tell | None:
    """Return what tells, of every step, the stage too; None where nobody is told.

    Examples
    --------
    >>> tell = staged(lambda at: print(at.stage), "pre-training")
    >>> tell(Progress(1, 5, 10, 100, 50.0, 9.8, 0.7, None, stage="layer 1 of 2"))
    pre-training, layer 1 of 2
    """
    if tell is None:
        return None
    return lambda at: tell(replace(at, stage=f"{stage}, {at.stage}" if at.stage else stage))


@dataclass
class History:
    """What happened, epoch by epoch.

    Parameters
    ----------
    epochs : list of dict
        For each epoch: loss (mean over rows), validation (None without one), seconds,
        rows_per_second.
    best_epoch : int
        The number of epochs after which the weights that were kept stood.
    stopped : {"max_epochs", "patience", "max_seconds", "interrupt"}
        Why training ended.
    """

    epochs: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    stopped: str = "max_epochs"

    def best_validation(self) -> float:
        """Return the best validation score so far, -inf before the first."""
        return (
            float(self.epochs[self.best_epoch - 1]["validation"]) if self.best_epoch else -math.inf
        )

    def finished(self, plan: Plan, validated: bool) -> str | None:
        """Return why there is nothing left to do, None if there is."""
        if len(self.epochs) >= plan.max_epochs:
            return "max_epochs"
        if validated and len(self.epochs) - self.best_epoch >= plan.patience:
            return "patience"
        return None
