"""Reconstruction losses, one number a row.

Each is the negative log-likelihood of a member of the exponential family with the decoder's output
l as its natural parameter, up to what does not depend on l::

    loss(l, x) = A(l) - ⟨x, l⟩,        x̂ = the gradient of A at l

=========== ======================= ============ ==========================
likelihood  A(l)                    x̂ (link)     x
=========== ======================= ============ ==========================
squared     ½ Σ l² (and doubled)    l            any number
bernoulli   Σ log(1 + eˡ)           sigmoid(l)   0 to 1
multinomial |x| log Σ eˡ           softmax(l)   ≥ 0, counts or 0 and 1
=========== ======================= ============ ==========================

Only ⟨x, l⟩ looks at x, so a sparse row costs its stored values and is never made dense.
Shapes: B rows, F features.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from likewise.nn.rows import Rows, SparseRows

Loss = Callable[[Tensor, Rows], Tensor]


def squared(logits: Tensor, rows: Rows) -> Tensor:
    """Squared error Σ (x - l)² of each row, of shape (B,).

    Of sparse rows it is Σ l² - 2 ⟨x, l⟩ + Σ x², in the precision of the logits.

    Examples
    --------
    >>> squared(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]]))
    tensor([5.])
    """
    if isinstance(rows, Tensor):
        return (rows - logits.to(rows.dtype)).square().sum(1)
    wide = float_at_least(logits)
    own = rows.row_sums(rows.values.to(wide.dtype).square())
    return wide.square().sum(1) - 2 * _inner(rows, wide) + own


def bernoulli(logits: Tensor, rows: Rows) -> Tensor:
    """Cross-entropy Σ log(1 + eˡ) - x l of each row, of shape (B,).

    Examples
    --------
    >>> bernoulli(torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]))
    tensor([1.3863])
    """
    wide = float_at_least(logits)
    return functional.softplus(wide).sum(1) - _inner(rows, wide)


def multinomial(logits: Tensor, rows: Rows) -> Tensor:
    """Multinomial negative log-likelihood -Σ x log softmax(l) of each row, of shape (B,).

    An empty row costs 0, and its gradient is 0.

    Examples
    --------
    >>> multinomial(torch.zeros(1, 4), torch.tensor([[0.0, 1.0, 1.0, 0.0]]))
    tensor([2.7726])
    """
    if isinstance(rows, Tensor):
        return -(rows * functional.log_softmax(float_at_least(logits), 1)).sum(1)
    loss: Tensor = _SparseMultinomial.apply(  # type: ignore[no-untyped-call]
        logits, rows.row_of_value(), rows.columns, rows.values
    )
    return loss


LOSSES: dict[str, Loss] = {"squared": squared, "bernoulli": bernoulli, "multinomial": multinomial}

LINKS: dict[str, Callable[[Tensor], Tensor]] = {
    "squared": lambda logits: logits,
    "bernoulli": torch.sigmoid,
    "multinomial": lambda logits: torch.softmax(logits, 1),
}


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)) = ½ Σ (μ² + σ² - log σ² - 1) of each row, of shape (B,).

    Examples
    --------
    >>> gaussian_kl(torch.tensor([[1.0]]), torch.tensor([[0.0]]))
    tensor([0.5000])
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)


def log_normal(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Log-density log N(z; μ, σ²) of each element.

    Examples
    --------
    >>> log_normal(torch.tensor(1.0), torch.tensor(1.0), torch.tensor(0.0))
    tensor(-0.9189)
    """
    distance = (z - mean).square() / log_variance.exp()
    return -0.5 * (log_variance + math.log(2 * math.pi) + distance)


def clipped(rows: Rows) -> Rows:
    """Return rows with values in [0, 1], beyond which the Bernoulli loss falls without end."""
    if isinstance(rows, SparseRows):
        return rows.with_values(rows.values.clamp(0, 1))
    return rows.clamp(0, 1)


def float_at_least(logits: Tensor) -> Tensor:
    """Return numbers in float32 at least: bfloat16 is too coarse for a sum."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def in_float64(logits: Tensor) -> Tensor:
    """Return numbers in float64, in which the sums of large values do not cancel each other out.

    Apple's devices have no float64.
    """
    return logits if logits.device.type == "mps" else logits.double()


def _inner(rows: Rows, logits: Tensor) -> Tensor:
    if isinstance(rows, SparseRows):
        return rows.row_sums(rows.values * logits[rows.row_of_value(), rows.columns])
    return (rows * logits).sum(1)


class _SparseMultinomial(torch.autograd.Function):
    """The multinomial loss of sparse rows with one (B, F) table forward and none backward.

    Its gradient, |x| softmax(l) - x, is written over the log-softmax that the forward pass kept.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, row: Tensor, column: Tensor, value: Tensor) -> Tensor:
        log_p = functional.log_softmax(float_at_least(logits), 1)
        ctx.save_for_backward(row, column, value)
        ctx.log_p, ctx.dtype = log_p, logits.dtype
        return log_p.new_zeros(len(logits)).index_add_(0, row, -value * log_p[row, column])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (upstream,) = gradients
        row, column, value = ctx.saved_tensors
        total = upstream.new_zeros(len(upstream)).index_add_(0, row, value)
        gradient = ctx.log_p.exp_().mul_((upstream * total).unsqueeze(1))
        gradient.index_put_((row, column), -value * upstream[row], accumulate=True)
        ctx.log_p = None
        return gradient.to(ctx.dtype), None, None, None
