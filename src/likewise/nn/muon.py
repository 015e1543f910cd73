"""Muon: the momentum of a matrix, made orthogonal, is the step that the matrix takes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from likewise.nn.by_weight import ByWeight

MOMENTUM = 0.95

ITERATION = (
    (8.0934, -23.6205, 17.4462),
    (3.6366, -2.7219, 0.5365),
    (2.6613, -1.9772, 0.4526),
)
"""a, b, c of each iteration s ← a s + b s³ + c s⁵ of the singular values: each the polynomial that
brings those that the ones before left nearest to 1, in the worst case, from s in [0.01, 1] on. They
end in [0.73, 1.27]; smaller ones grow 78 times."""

MARGIN = 1.05
"""Above 1 the polynomials run away, and bfloat16 may round a value of 1 upwards."""


class MatrixMuon(ByWeight):
    """Muon for matrices: W ← W - 0.2 √max(n, m) η O, O the nearest orthogonal to the momentum.

    The momentum is Nesterov's. The scale gives a step the size that AdamW's would have. The filters
    of a convolution are the rows of a matrix.

    Parameters
    ----------
    matrices : sequence of Parameter
        What to train, of shape (n, ...); what follows n is one dimension here, of m.
    lr, weight_decay : float
        η; the share of the weights, times η, that a step takes from them.
    bfloat16 : bool
        Multiply in bfloat16 to find O; the momentum and the weights are float32.

    Notes
    -----
    `torch.optim.Muon` takes five iterations in bfloat16, which on a processor are most of a step of
    a dense net. Here are three, from a tighter bound on the largest singular value
    (:func:`orthogonal`), in bfloat16 where the hardware has units for it and float32 was not asked
    for.

    References
    ----------
    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
    J. Liu et al., "Muon is scalable for LLM training", 2025, arXiv:2502.16982 (the scale).
    N. Amsel et al., "The Polar Express", 2025, arXiv:2505.16932 (the polynomials).
    """

    def __init__(
        self,
        matrices: Sequence[Tensor],
        lr: float | Tensor,
        weight_decay: float,
        *,
        bfloat16: bool = False,
    ) -> None:
        super().__init__(list(matrices), {"lr": lr, "weight_decay": weight_decay})
        self.kind = torch.bfloat16 if bfloat16 else torch.float32

    def _change(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        ahead = torch.lerp(gradient, momentum, MOMENTUM).flatten(1)
        scale = 0.2 * max(ahead.shape) ** 0.5
        step = orthogonal(ahead, self.kind).view_as(weight)
        weight.sub_(step * (group["lr"] * scale))


def orthogonal(matrix: Tensor, kind: torch.dtype = torch.float32) -> Tensor:
    """Return about U Vᵀ, where the matrix is U S Vᵀ, by the Newton-Schulz `ITERATION`.

    The matrix is first divided by (Σ s⁴)^¼, the root of the norm of M Mᵀ, which is needed anyhow.
    It bounds the largest singular value more tightly than the norm of M does, so that fewer
    iterations are left to do.

    Parameters
    ----------
    matrix : Tensor of shape (n, m)
        A zero matrix stays one.
    kind : dtype
        Of the products.

    Examples
    --------
    >>> turned = orthogonal(torch.tensor([[0.0, 3.0], [-2.0, 0.0], [0.0, 0.0]]))
    >>> [round(float(s)) for s in torch.linalg.svdvals(turned)]
    [1, 1]
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).float()
    x = x / x.abs().amax().clamp_min(torch.finfo(torch.float32).tiny)  # fourth powers underflow
    x = x.to(kind).contiguous()
    gram = x @ x.T
    bound = MARGIN * gram.float().norm().clamp_min(torch.finfo(torch.float32).tiny)
    x, gram = x / bound.sqrt(), gram / bound
    for number, (a, b, c) in enumerate(ITERATION):
        if number:
            gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.T if tall else x).to(matrix.dtype)
