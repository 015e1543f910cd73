"""Optimisers: plain gradient descent, Adam, and Muon with AdamW; and the course of their rate."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from likewise.nn.by_weight import ByWeight
from likewise.nn.layers import InputLayer, LinearOutputNet
from likewise.nn.muon import MatrixMuon
from likewise.nn.plan import Plan

RATES = {"adam": 1e-3, "adamw": 1e-3, "muon": 5e-3, "sgd": 0.1}
"""The learning rate that each optimiser has unless another is asked for."""

BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Of Adam, as its authors have them."""

Rate = float | Tensor
"""A learning rate; where a recorded step reads it, a tensor."""

WARM_UP = 0.05
"""Share of a run in which the learning rate rises."""


def make_optimizer(net: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """Return the optimiser that the plan names.

    "sgd" is plain gradient descent, "adam" is Kingma and Ba's (2015), "adamw" the same with weights
    that decay by themselves (Loshchilov and Hutter, 2019, arXiv:1711.05101), "muon" :class:`Muon`;
    where the output is sampled it is :class:`SampledAdam`. Where steps are recorded the rate is a
    tensor, so that a replayed step reads what it is then.
    """
    for layer in _input_layers(net):
        layer.touched_only = plan.sampled
    if plan.sampled:
        return SampledAdam(cast("LinearOutputNet", net), plan.learning_rate)
    rate: Rate = plan.learning_rate
    if plan.recorded:
        rate = torch.tensor(rate, device=plan.device)
    decay = plan.weight_decay
    if plan.optimizer == "sgd":
        return torch.optim.SGD(net.parameters(), lr=rate, weight_decay=decay)
    if plan.optimizer == "muon":
        return Muon(net, rate, decay, bfloat16=plan.bfloat16_steps)
    kind = torch.optim.AdamW if plan.optimizer == "adamw" else torch.optim.Adam
    return kind(net.parameters(), lr=rate, weight_decay=decay, fused=True, capturable=plan.recorded)


def resumed(
    optimizer: torch.optim.Optimizer | None, net: nn.Module, plan: Plan
) -> torch.optim.Optimizer:
    """Return an optimiser that goes on, with the plan's rate and decay; anew if of another kind."""
    made = make_optimizer(net, plan)
    if optimizer is None or type(optimizer) is not type(made):
        return made
    for group, now in zip(optimizer.param_groups, made.param_groups, strict=True):
        group |= {name: now[name] for name in ("lr", "weight_decay") if name in now}
    return optimizer


def _input_layers(net: nn.Module) -> list[InputLayer]:
    return [layer for layer in net.modules() if isinstance(layer, InputLayer)]


class Parts(torch.optim.Optimizer):
    """Several optimisers, each for some of the weights, as one."""

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        self.parts = parts
        super().__init__([group for part in parts for group in part.param_groups], {})

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Change the weights by their gradients."""
        del closure
        for part, group in zip(self.parts, self.param_groups, strict=True):
            part.param_groups, part.state = [group], self.state
            part.step()


class SampledAdam(Parts):
    """Adam, which leaves the items alone that a step does not touch.

    The weights of an item in the first and the last layer, and their moments, change in the steps
    alone whose batch or sample holds the item, so that a step costs what its items cost. Adam
    itself would let the moments decay, and the weights drift, in every step.

    Parameters
    ----------
    net : LinearOutputNet
        What to train; the gradients of its first layer are made sparse.
    lr : float
        The learning rate.
    """

    def __init__(self, net: LinearOutputNet, lr: float) -> None:
        layers = _input_layers(net)
        for layer in layers:
            layer.touched_only = True
        touched = [net.output.weight, *(layer.weight for layer in layers)]
        others = [p for p in net.parameters() if not any(p is weight for weight in touched)]
        super().__init__(
            [_TouchedAdam(touched, {"lr": lr}), torch.optim.Adam(others, lr=lr, fused=True)]
        )


class _TouchedAdam(ByWeight):
    """Adam for weights whose gradients are sparse, on the rows that these hold.

    `torch.optim.SparseAdam` does the same but for two things: it adds ε before the moments are
    corrected for their start at 0, so that where all rows are touched it is not Adam, and its
    `step` is a plain number, which a checkpoint's tensors do not hold.
    """

    def _change(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        gradient = gradient.coalesce()
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())
            state["exp_avg"], state["exp_avg_sq"] = (torch.zeros_like(weight) for _ in range(2))
        state["step"] += 1
        (first, second), n = BETAS, float(state["step"])
        rows, slope = gradient.indices()[0], gradient.values()
        mean = state["exp_avg"][rows].lerp_(slope, 1 - first)
        square = state["exp_avg_sq"][rows].mul_(second).addcmul_(slope, slope, value=1 - second)
        state["exp_avg"].index_copy_(0, rows, mean)
        state["exp_avg_sq"].index_copy_(0, rows, square)
        deviation = square.sqrt_().div_((1 - second**n) ** 0.5).add_(EPSILON)
        weight.index_add_(0, rows, mean.div_(deviation), alpha=-group["lr"] / (1 - first**n))


class Muon(Parts):
    """Muon for the matrices and convolutions of a net, AdamW for its biases.

    Muon (:class:`~likewise.nn.muon.MatrixMuon`) replaces the momentum of a matrix by its nearest
    orthogonal one, so that every direction is learned at the same pace; an update is scaled to the
    size that AdamW's would have, so that one learning rate serves both.

    Parameters
    ----------
    net : Module
        What to train.
    lr, weight_decay : float
        Of both.
    bfloat16 : bool
        Whether Muon multiplies in bfloat16.
    """

    def __init__(
        self, net: nn.Module, lr: Rate, weight_decay: float, *, bfloat16: bool = False
    ) -> None:
        matrices = [p for p in net.parameters() if p.ndim > 1]
        others = [p for p in net.parameters() if p.ndim <= 1]
        parts: list[torch.optim.Optimizer] = []
        if matrices:
            parts.append(MatrixMuon(matrices, lr, weight_decay, bfloat16=bfloat16))
        if others:
            adam = torch.optim.AdamW(
                others, lr=lr, weight_decay=weight_decay, fused=True,
                capturable=isinstance(lr, Tensor),
            )  # fmt: skip
            parts.append(adam)
        super().__init__(parts)


def set_rate(optimizer: torch.optim.Optimizer, plan: Plan, share_done: float) -> None:
    """Set the learning rate for where the run stands."""
    rate = plan.learning_rate * rate_at(share_done)
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def rate_at(share_done: float) -> float:
    """Return the share of the full learning rate: up in a straight line, then down to 0 in another.

    Examples
    --------
    >>> [round(rate_at(share), 2) for share in (0.025, 0.05, 0.525, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    return min(share_done / WARM_UP, (1 - share_done) / (1 - WARM_UP))
