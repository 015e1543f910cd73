"""Optimisers that change each weight by its own gradient alone."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class ByWeight(torch.optim.Optimizer):
    """Walks over the weights that have a gradient; a subclass says how one of them changes."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Change the weights by their gradients."""
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._change(weight, weight.grad, group)

    @abstractmethod
    def _change(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        """Change a weight by its gradient, under the settings of its group."""
