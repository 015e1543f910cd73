"""The one training loop.

An epoch's order and noise depend on the seed and the epoch's number alone, so a run that is resumed
from a checkpoint takes the very steps that it would have taken without the interruption.
"""

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from likewise.errors import InputError
from likewise.nn.checkpoint import Checkpoint
from likewise.nn.optimizers import make_optimizer, set_rate
from likewise.nn.plan import History, Plan, Progress
from likewise.nn.rows import Resident
from likewise.nn.steps import BatchLoss, Step, step_for

TELL_EVERY = 0.1
"""Seconds between two reports on a device that computes on its own: to ask it is to wait for it."""


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
    turn: Callable[[int], Hashable] | None = None,
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
    turn : callable, optional
        Is told the number of an epoch before it, may let some weights learn and others not, and
        returns what tells these turns apart.

    Notes
    -----
    Ctrl-C ends training, not the program: the best weights so far are kept and `stopped` says so.
    It is raised again if no epoch was finished.

    Raises
    ------
    InputError
        If the loss or a weight is no longer a finite number.
    """
    rows = Resident.of(X, plan.device)  # carried to the device once
    optimizer = optimizer or make_optimizer(net, plan)
    history, best = History(), _weights(net)
    if checkpoint is not None and (saved := checkpoint.read(net, optimizer)) is not None:
        history, best = History(**saved.history), saved.best
    step = step_for(rows, loss, optimizer, plan)
    began = time.monotonic() - sum(epoch["seconds"] for epoch in history.epochs)
    try:
        while (why := history.finished(plan, validate is not None)) is None:
            last = history.epochs[-1]["validation"] if history.epochs else None
            number = len(history.epochs)
            whose = turn(number) if turn else None
            epoch = _Epoch(net, rows, step, plan, number, whose, began, last, progress)
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


@dataclass
class _Epoch:
    """All rows passing once."""

    net: nn.Module
    rows: Resident
    step: Step
    plan: Plan
    number: int
    turn: Hashable
    began: float
    last_validation: float | None
    progress: Callable[[Progress], None] | None

    def run(self) -> dict[str, float]:
        started, n = time.monotonic(), len(self.rows)
        seed = [self.plan.seed, self.number]
        order = np.random.default_rng(seed).permutation(n)
        noise = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
        self.step.generator.manual_seed(int(noise >> 1))
        total, done, told = torch.zeros((), device=self.plan.device), 0, -math.inf
        first = self.number * math.ceil(n / self.plan.batch_size)
        every = 0.0 if self.plan.device.type == "cpu" else TELL_EVERY
        self.net.train()
        for batch, (chosen, n_values) in enumerate(self.rows.batches(order, self.plan.batch_size)):
            self._set_rate(done + len(chosen) / 2, n)  # at 1 the rate is 0
            total += self.step.take(chosen, n_values, first + batch, self.turn)
            done += len(chosen)
            now = time.monotonic()
            if self.progress is not None and (done == n or now - told >= every):
                self._tell(done, n, float(total), started)
                told = now
            if time.monotonic() - self.began >= self.plan.max_seconds:
                break
        self.net.eval()
        mean, seconds = float(total) / done, time.monotonic() - started
        self._require_finite(mean)
        return {"loss": mean, "seconds": seconds, "rows_per_second": done / max(seconds, 1e-9)}

    def _set_rate(self, rows_done: float, n: int) -> None:
        if self.plan.decay:
            seconds = time.monotonic() - self.began
            passed = self.number * n + rows_done
            set_rate(self.step.optimizer, self.plan, self.plan.share_done(passed, n, seconds))

    def _require_finite(self, mean: float) -> None:
        weights = (math.isfinite(weight.detach().sum()) for weight in self.net.parameters())
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


def _weights(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}
