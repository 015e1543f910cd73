"""The code whose reconstruction lies nearest to a row: what an encoder only estimates.

Shapes: B rows, F features, L latent.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import jvp, vmap

DAMPING = 1e-2
"""λ at the start, as a share of the diagonal of JᵀJ."""
EASE, STIFFEN = 0.25, 8.0
"""What λ is multiplied by after a step that helped, and after one that did not."""
LEAST_CURVATURE = 1e-6
"""Added to the diagonal, so that a unit of the code that nothing depends on stays where it is."""


def projected(decode: Callable[[Tensor], Tensor], z_BL: Tensor, x_BF: Tensor, steps: int) -> Tensor:
    """Return, for each row, the code that `decode` brings nearer to the row than `z_BL` does.

    Steps of Levenberg and Marquardt, each row with a damping λ of its own::

        z ← z + (JᵀJ + λ diag(JᵀJ))⁻¹ Jᵀ (x - g(z)),   J = ∂g/∂z

    A step that would not lower ‖x - g(z)‖² is not taken, and λ grows; so no row ends farther off.

    Parameters
    ----------
    decode : callable
        g, from (B, L) codes to (B, F) rows, each row for itself.
    z_BL, x_BF : Tensor
        Where to start; what to come near to.
    steps : int
        How many; three bring most of what can be had.

    References
    ----------
    D. Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", Journal of
    SIAM 11:431-441, 1963, DOI 10.1137/0111030.

    Examples
    --------
    >>> W = torch.tensor([[1.0, 0.0, 1.0], [0.0, 2.0, 0.0]])
    >>> projected(lambda z: z @ W, torch.zeros(1, 2), torch.tensor([[3.0, 4.0, 5.0]]), 20).round()
    tensor([[4., 2.]])
    """
    damping = z_BL.new_full((len(z_BL), 1), DAMPING)
    error = _squared_distance(decode, z_BL, x_BF)
    for _ in range(steps):
        there = z_BL + _step(decode, z_BL, x_BF, damping)
        new_error = _squared_distance(decode, there, x_BF)
        is_nearer = new_error < error
        z_BL = torch.where(is_nearer, there, z_BL)
        error = torch.where(is_nearer, new_error, error)
        damping = torch.where(is_nearer, damping * EASE, damping * STIFFEN)
    return z_BL


def _step(
    decode: Callable[[Tensor], Tensor], z_BL: Tensor, x_BF: Tensor, damping: Tensor
) -> Tensor:
    J_BLF = _jacobian(decode, z_BL).transpose(0, 1)
    A_BLL = J_BLF @ J_BLF.mT
    diagonal = A_BLL.diagonal(dim1=1, dim2=2)
    diagonal += damping * diagonal + LEAST_CURVATURE
    slope = J_BLF @ (x_BF - decode(z_BL))[:, :, None]
    return torch.cholesky_solve(slope, torch.linalg.cholesky_ex(A_BLL)[0])[:, :, 0]


def _jacobian(decode: Callable[[Tensor], Tensor], z_BL: Tensor) -> Tensor:
    """Return ∂g/∂z, of shape (L, B, F): a tangent for each unit of the code."""

    def along(unit_L: Tensor) -> Tensor:
        tangent: Tensor = jvp(decode, (z_BL,), (unit_L.expand_as(z_BL),))[1]
        return tangent

    tangents: Tensor = vmap(along)(torch.eye(z_BL.shape[1], dtype=z_BL.dtype, device=z_BL.device))
    return tangents


def _squared_distance(decode: Callable[[Tensor], Tensor], z_BL: Tensor, x_BF: Tensor) -> Tensor:
    return (decode(z_BL) - x_BF).square().sum(1, keepdim=True)
