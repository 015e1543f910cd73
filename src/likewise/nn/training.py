"""The one training loop.

An epoch's order and noise depend on the seed and the epoch's number alone, so a run that is resumed
from a checkpoint takes the very steps that it would have taken without the interruption.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from likewise.errors import InputError
from likewise.nn.checkpoint import Checkpoint
from likewise.nn.layers import Rows, as_rows

BatchLoss = Callable[[Rows, torch.Generator, int], Tensor]
"""(batch, random numbers, step) to the loss of each row."""


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


def train(
    net: nn.Module,
    X: Any,
    loss: BatchLoss,
    plan: Plan,
    *,
    validate: Callable[[], float] | None = None,
    progress: Callable[[Progress], None] | None = None,
    checkpoint: Checkpoint | None = None,
    optimizer: torch.optim.Optimizer | None = None,
) -> History:
    """Lower the loss of `net` on the rows of `X` by back-propagation, and keep the best weights.

    Parameters
    ----------
    net : Module
        Trained in place.
    X : ndarray or csr_array of shape (n, F)
        The rows.
    validate : callable, optional
        Scores the net as it stands (higher is better) after each epoch. Without it the last
        weights are the best.
    checkpoint : Checkpoint, optional
        Written after each epoch, and continued from where it exists.

    Notes
    -----
    Ctrl-C ends training, not the program: the best weights so far are kept and `stopped` says so.
    It is raised again if no epoch was finished.

    Raises
    ------
    InputError
        If the loss or a weight is no longer a finite number.
    """
    optimizer = optimizer or make_optimizer(net, plan)
    history, best = History(), _weights(net)
    if checkpoint is not None and (saved := checkpoint.read(net, optimizer)) is not None:
        history, best = History(**saved.history), saved.best
    began = time.monotonic() - sum(epoch["seconds"] for epoch in history.epochs)
    try:
        while (why := _finished(history, plan, validate is not None)) is None:
            last = history.epochs[-1]["validation"] if history.epochs else None
            epoch = _Epoch(
                net, X, loss, plan, optimizer, len(history.epochs), began, last, progress
            )
            history.epochs.append(epoch.run() | {"validation": validate() if validate else None})
            if validate is None or history.epochs[-1]["validation"] > history.best_validation():
                history.best_epoch, best = len(history.epochs), _weights(net)
            if time.monotonic() - began >= plan.max_seconds:
                history.stopped = "max_seconds"
                break
            if checkpoint is not None:
                checkpoint.write(net, optimizer, best, vars(history))
        else:
            history.stopped = why
    except KeyboardInterrupt:
        if not history.epochs:
            raise
        history.stopped = "interrupt"
    net.load_state_dict(best)
    net.eval()
    return history


def make_optimizer(net: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """Return the optimiser that the plan names: Adam (Kingma and Ba, 2015) or plain SGD."""
    if plan.optimizer == "sgd":
        return torch.optim.SGD(
            net.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
        )
    return torch.optim.Adam(
        net.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
    )


@dataclass
class _Epoch:
    """All rows passing once."""

    net: nn.Module
    X: Any
    loss: BatchLoss
    plan: Plan
    optimizer: torch.optim.Optimizer
    number: int
    began: float
    last_validation: float | None
    progress: Callable[[Progress], None] | None

    def run(self) -> dict[str, float]:
        started, n = time.monotonic(), self.X.shape[0]
        seed = [self.plan.seed, self.number]
        order = np.random.default_rng(seed).permutation(n)
        generator = torch.Generator(self.plan.device)
        generator.manual_seed(
            int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1)
        )
        total, done = torch.zeros((), device=self.plan.device), 0
        step = self.number * math.ceil(n / self.plan.batch_size)
        self.net.train()
        for rows, size in self._batches(order):
            total += self._step(rows, generator, step)
            step, done = step + 1, done + size
            if self.progress is not None:
                self._tell(done, n, float(total), started)
            if time.monotonic() - self.began >= self.plan.max_seconds:
                break
        self.net.eval()
        mean, seconds = float(total) / done, time.monotonic() - started
        self._require_finite(mean)
        return {"loss": mean, "seconds": seconds, "rows_per_second": done / max(seconds, 1e-9)}

    def _batches(self, order: np.ndarray[Any, Any]) -> Iterator[tuple[Rows, int]]:
        for start in range(0, len(order), self.plan.batch_size):
            chosen = order[start : start + self.plan.batch_size]
            yield as_rows(self.X[chosen], self.plan.device), len(chosen)

    def _step(self, rows: Rows, generator: torch.Generator, step: int) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        with _precision(self.plan):
            loss = self.loss(rows, generator, step)
        loss.mean().backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.detach().sum()

    def _require_finite(self, mean: float) -> None:
        weights = (bool(weight.isfinite().all()) for weight in self.net.parameters())
        if not math.isfinite(mean) or not all(weights):
            raise InputError(
                f"training diverged in epoch {self.number + 1} (mean loss {mean:.3g}); lower "
                f"learning_rate (it is {self.plan.learning_rate:g}), or scale the values of X down"
            )

    def _tell(self, done: int, n: int, total: float, started: float) -> None:
        assert self.progress is not None  # noqa: S101 - for the type checker: run() has asked
        seconds = max(time.monotonic() - started, 1e-9)
        rate = done / seconds
        rows_left = (self.plan.max_epochs - self.number) * n - done
        left = min(rows_left / rate, self.plan.max_seconds - (time.monotonic() - self.began))
        self.progress(
            Progress(
                self.number + 1, self.plan.max_epochs, done, n, rate, max(left, 0.0), total / done,
                self.last_validation,
            )
        )  # fmt: skip


def _finished(history: History, plan: Plan, validated: bool) -> str | None:
    if len(history.epochs) >= plan.max_epochs:
        return "max_epochs"
    if validated and len(history.epochs) - history.best_epoch >= plan.patience:
        return "patience"
    return None


def _weights(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


def _precision(plan: Plan) -> AbstractContextManager[Any]:
    if plan.bfloat16:
        return torch.autocast(plan.device.type, dtype=torch.bfloat16)
    return nullcontext()
