"""Optimisers: plain gradient descent, Adam, and Muon with AdamW; and the course of their rate."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from likewise.nn.plan import Plan

RATES = {"adam": 1e-3, "muon": 5e-3, "sgd": 0.1}
"""The learning rate that each optimiser has unless another is asked for."""

WARM_UP = 0.05
"""Share of a run in which the learning rate rises."""


def make_optimizer(net: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """Return the optimiser that the plan names.

    "sgd" is plain gradient descent, "adam" is Kingma and Ba's (2015), "muon" is :class:`Muon`.
    """
    rate, decay = plan.learning_rate, plan.weight_decay
    if plan.optimizer == "sgd":
        return torch.optim.SGD(net.parameters(), lr=rate, weight_decay=decay)
    if plan.optimizer == "muon":
        return Muon(net, rate, decay)
    return torch.optim.Adam(net.parameters(), lr=rate, weight_decay=decay, fused=True)


class Muon(torch.optim.Optimizer):
    """Muon for the matrices of a net, AdamW for its biases and whatever else is no matrix.

    Muon replaces the momentum of a matrix by its nearest orthogonal one, so that every direction is
    learned at the same pace; an update is scaled to the size that AdamW's would have, so that one
    learning rate serves both.

    Parameters
    ----------
    net : Module
        What to train.
    lr, weight_decay : float
        Of both.

    References
    ----------
    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
    J. Liu et al., "Muon is scalable for LLM training", 2025, arXiv:2502.16982 (the scaling).
    """

    def __init__(self, net: nn.Module, lr: float, weight_decay: float) -> None:
        matrices = [p for p in net.parameters() if p.ndim == 2]
        others = [p for p in net.parameters() if p.ndim != 2]
        self.parts: list[torch.optim.Optimizer] = []
        if matrices:
            scaled = torch.optim.Muon(
                matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
            )
            self.parts.append(scaled)
        if others:
            adam = torch.optim.AdamW(others, lr=lr, weight_decay=weight_decay, fused=True)
            self.parts.append(adam)
        super().__init__([group for part in self.parts for group in part.param_groups], {})

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Change the weights by their gradients."""
        del closure
        for part, group in zip(self.parts, self.param_groups, strict=True):
            part.param_groups, part.state = [group], self.state
            part.step()


def set_rate(optimizer: torch.optim.Optimizer, plan: Plan, share_done: float) -> None:
    """Set the learning rate for where the run stands."""
    for group in optimizer.param_groups:
        group["lr"] = plan.learning_rate * rate_at(share_done)


def rate_at(share_done: float) -> float:
    """Return the share of the full learning rate: up in a straight line, then down to 0 in another.

    Examples
    --------
    >>> [round(rate_at(share), 2) for share in (0.025, 0.05, 0.525, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    return min(share_done / WARM_UP, (1 - share_done) / (1 - WARM_UP))
