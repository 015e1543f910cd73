"""Cholesky factors of many small blocks of what items share."""

import torch

MOST_HALVINGS = 32
"""After which float32 has nothing left of what items share."""


def factors(blocks: torch.Tensor) -> torch.Tensor:
    """Return the lower factors; halve what items share where a block is not positive definite.

    That happens where ties were left out of the Gram matrix, or where float32 is too coarse.

    Parameters
    ----------
    blocks : Tensor of shape (N, K, K)
        Their lower triangles are read, and changed where they are halved.

    Raises
    ------
    ArithmeticError
        If halving does not help: an item shares nothing with itself, or a value is not finite.

    Examples
    --------
    >>> factors(torch.tensor([[[4.0]], [[9.0]]])).flatten()
    tensor([2., 3.])
    """
    result: torch.Tensor
    result, info = torch.linalg.cholesky_ex(blocks)
    for _ in range(MOST_HALVINGS):
        if not (failed := torch.nonzero(info)[:, 0]).numel():
            return result
        diagonal = torch.diag_embed(blocks[failed].diagonal(dim1=1, dim2=2))
        blocks[failed] = (blocks[failed] + diagonal) / 2
        result[failed], info[failed] = torch.linalg.cholesky_ex(blocks[failed])
    raise ArithmeticError("what items share has no Cholesky factors")
