"""Importance sampling: the likelihood of a row as a mean over codes drawn from its posterior.

Shapes: B rows of a batch, L latent.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Self

import torch
from torch import Tensor

from likewise.nn.losses import float_at_least, gaussian_kl


@dataclass(frozen=True)
class Posterior:
    """q(z | x) = N(μ, σ²) of each row, beside the prior p(z) = N(0, 1).

    Parameters
    ----------
    mean, log_variance : Tensor of shape (B, L)
        μ and log σ².

    Examples
    --------
    >>> q = Posterior.of(torch.tensor([[1.0, 0.0]]))
    >>> q.at(torch.tensor([2.0])), q.log_prior_ratio(torch.tensor([2.0])), q.kl()
    (tensor([[3.]]), tensor([-2.5000]), tensor([0.5000]))
    """

    mean: Tensor
    log_variance: Tensor

    @classmethod
    def of(cls, encoded: Tensor) -> Self:
        """Return that of an encoder's 2 L outputs: μ first, log σ² behind."""
        return cls(*float_at_least(encoded).chunk(2, dim=1))

    def noise(self, generator: torch.Generator) -> Tensor:
        """Draw ε of each row, of shape (B, L)."""
        return torch.empty_like(self.mean).normal_(generator=generator)

    def at(self, noise: Tensor) -> Tensor:
        """Return z = μ + σ ε; gradients pass."""
        return self.mean + noise * (0.5 * self.log_variance).exp()

    def log_prior_ratio(self, noise: Tensor) -> Tensor:
        """Return log p(z) - log q(z | x) at z = μ + σ ε, of shape (B,)."""
        z = self.at(noise)
        return 0.5 * (noise.square() + self.log_variance - z.square()).sum(1)

    def kl(self) -> Tensor:
        """Return KL(q ‖ p), of shape (B,)."""
        return gaussian_kl(self.mean, self.log_variance)


def log_mean_exp(ratios: Iterable[Tensor], n: int) -> Tensor:
    """Return log (1/n) Σ_s exp(ratio_s) of n tensors of one shape, one at a time, in float64.

    Examples
    --------
    >>> log_mean_exp([torch.tensor([1.0]).log(), torch.tensor([3.0]).log()], 2).exp()
    tensor([2.0000], dtype=torch.float64)
    """
    return reduce(torch.logaddexp, (ratio.double() for ratio in ratios)) - math.log(n)
