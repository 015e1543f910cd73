"""One step of back-propagation: taken as it is, or on CUDA recorded once and replayed."""

from collections import Counter
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from likewise.nn.plan import Plan
from likewise.nn.rows import Resident, Rows

BatchLoss = Callable[[Rows, torch.Generator, Tensor], Tensor]
"""(batch, random numbers, number of the step) to the loss of each row."""

TAKEN_FIRST = 3
"""Steps that are taken before one is recorded: libraries make their plans in them."""


class Step:
    """A step: the rows of a batch pass, and the weights change by the gradient of their mean loss.

    Parameters
    ----------
    rows : Resident
        All rows of the run.
    loss : callable
        Of a batch.
    optimizer : Optimizer
        Changes the weights.
    plan : Plan
        Where, and in which precision.

    Attributes
    ----------
    generator : Generator
        Of all noise.
    """

    def __init__(
        self, rows: Resident, loss: BatchLoss, optimizer: torch.optim.Optimizer, plan: Plan
    ) -> None:
        self.rows, self.loss, self.optimizer, self.plan = rows, loss, optimizer, plan
        self.generator = torch.Generator(plan.device)

    def take(self, chosen: Tensor, n_values: int, number: int, turn: Hashable = None) -> Tensor:
        """Take the step of this number, and return the sum of its rows' losses.

        Parameters
        ----------
        chosen : Tensor of shape (B,)
            Which rows.
        n_values : int
            How many values they store, if they are sparse.
        number : int
            How many steps were taken before it.
        turn : hashable, optional
            What tells steps apart in which different weights learn.
        """
        del turn
        at = torch.full((), float(number), device=self.plan.device)
        return self._learn(self.rows.take(chosen, n_values), len(chosen), at)

    def _learn(self, rows: Rows, n_rows: int, number: Tensor) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        with _precision(self.plan):
            losses = self.loss(rows, self.generator, number)[:n_rows]
        losses.mean().backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return losses.detach().sum()


class RecordedStep(Step):
    """A step that CUDA records as a graph and launches as one, where each kernel costs a launch.

    What differs from step to step lies in tensors that stay where they are: which rows, the step's
    number, the rate. A graph's shapes are fixed, so sparse rows are filled up by one more, whose
    loss does not count; a batch of another size, or of more values than there is room for, is taken
    as it is. Each turn has a graph of its own.
    """

    def __init__(
        self, rows: Resident, loss: BatchLoss, optimizer: torch.optim.Optimizer, plan: Plan
    ) -> None:
        super().__init__(rows, loss, optimizer, plan)
        self._chosen = torch.zeros(plan.batch_size, dtype=torch.int64, device=plan.device)
        self._number = torch.zeros((), device=plan.device)
        self._room = rows.room(plan.batch_size)
        self._stream = torch.cuda.Stream(plan.device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._warm: Counter[Hashable] = Counter()
        self._graphs: dict[Hashable, tuple[torch.cuda.CUDAGraph, Tensor]] = {}

    def take(self, chosen: Tensor, n_values: int, number: int, turn: Hashable = None) -> Tensor:
        """Take the step of this number, and return the sum of its rows' losses."""
        if len(chosen) != len(self._chosen) or n_values > self._room:
            return super().take(chosen, n_values, number, turn)
        self._chosen.copy_(chosen)
        self._number.fill_(number)
        if self._warm[turn] < TAKEN_FIRST:
            self._warm[turn] += 1
            return self._aside()
        if turn not in self._graphs:
            self._graphs[turn] = self._record()
        graph, total = self._graphs[turn]
        graph.replay()
        return total

    def _aside(self) -> Tensor:
        """Take the step on another stream, as recording does."""
        main = torch.cuda.current_stream(self.plan.device)
        self._stream.wait_stream(main)
        with torch.cuda.stream(self._stream):
            total = self._learn_filled()
        main.wait_stream(self._stream)
        return total

    def _record(self) -> tuple[torch.cuda.CUDAGraph, Tensor]:
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.generator)
        aside = torch.cuda.graph(
            graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"
        )
        with aside:
            total = self._learn_filled()
        # Recording sets the offset of the noise on that stream, a replay sets it on this one.
        torch.cuda.current_stream(self.plan.device).wait_stream(self._stream)
        return graph, total

    def _learn_filled(self) -> Tensor:
        rows = self.rows.filled(self._chosen, self._room)
        return self._learn(rows, len(self._chosen), self._number)


def step_for(rows: Resident, loss: BatchLoss, optimizer: torch.optim.Optimizer, plan: Plan) -> Step:
    """Return the step of a run: recorded where the plan says so and an epoch has enough of them."""
    repeats = len(rows) // plan.batch_size > TAKEN_FIRST
    kind = RecordedStep if plan.recorded and repeats else Step
    return kind(rows, loss, optimizer, plan)


def _precision(plan: Plan) -> AbstractContextManager[Any]:
    if plan.bfloat16:
        return torch.autocast(plan.device.type, dtype=torch.bfloat16)
    return nullcontext()
