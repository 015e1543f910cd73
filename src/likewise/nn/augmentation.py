"""Augmentation: images shifted, turned and stretched a little, so that a net sees none twice."""

from math import pi, prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

SHIFT = 0.05
"""Largest shift, as a share of the side."""
TURN = 7 * pi / 180
"""Largest turn, in radians."""
STRETCH = 0.07
"""Largest stretch and shear, as a share."""


def augmented(
    rows: Tensor, shape: tuple[int, ...], generator: torch.Generator, *, mirror: bool = False
) -> Tensor:
    """Return each image moved by an affine map of its own.

    Parameters
    ----------
    rows : Tensor of shape (B, F)
        Images of `shape`, (height, width) or (channels, height, width), laid out as rows.
    shape : tuple of int
        Of one image.
    generator : Generator
        Decides the maps.
    mirror : bool
        Turn half of the images round, left to right: for things, not for writing.

    Examples
    --------
    >>> image = torch.zeros(1, 49)
    >>> image[0, 24] = 1
    >>> moved = augmented(image, (7, 7), torch.Generator().manual_seed(0)).reshape(7, 7)
    >>> float(moved[2:5, 2:5].sum()) > 0.5, bool((moved != image.reshape(7, 7)).any())
    (True, True)
    """
    n_channels = 1 if len(shape) == 2 else shape[0]
    images = rows.reshape(len(rows), n_channels, *shape[-2:])
    maps = _maps(rows, generator)
    if mirror:
        side = rows.new_empty(len(rows), 1).bernoulli_(0.5, generator=generator).mul_(2).sub_(1)
        maps[:, 0] *= side  # of a pixel, where it comes from across
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return moved.reshape(len(rows), prod(shape))


def mirrored(rows: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return images, laid out as rows, turned round from left to right.

    Examples
    --------
    >>> mirrored(np.array([[1, 2, 3, 4]], np.float32), (2, 2))
    array([[2., 1., 4., 3.]], dtype=float32)
    """
    turned = rows.reshape(len(rows), *shape)[..., ::-1]
    return np.ascontiguousarray(turned).reshape(rows.shape)


def _maps(rows: Tensor, generator: torch.Generator) -> Tensor:
    """Return a random map for each row, of shape (B, 2, 3)."""

    def draw(limit: float, *shape: int) -> Tensor:
        return rows.new_empty(len(rows), *shape).uniform_(-limit, limit, generator=generator)

    turn, shift = draw(TURN), draw(2 * SHIFT, 2, 1)  # the grid runs from -1 to 1
    cosine, sine = turn.cos(), turn.sin()
    turned = torch.stack([cosine, -sine, sine, cosine], 1).reshape(-1, 2, 2)
    stretched = torch.eye(2, device=rows.device) + draw(STRETCH, 2, 2)
    return torch.cat([turned @ stretched, shift], 2)
