"""Convolutional layers: an hourglass over images, and one of which only winners speak.

Shapes: B images of a batch, C channels, Y rows and X columns of an image, M maps, L latent.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from likewise.nn.layers import ACTIVATIONS, Hourglass, Net
from likewise.nn.rows import Rows

Shape = tuple[int, int, int]
"""(channels, height, width)."""


class ConvNet(Net):
    """What convolutional nets share: layers that halve an image's sides, and a bias per pixel.

    Parameters
    ----------
    shape : (C, Y, X)
        Of an image; a row holds its C Y X values.
    filters : sequence of int
        Maps of each convolution; each halves the sides, rounding up.
    kernel_size : int
        Sides of a filter, odd.
    activation : str
        Between the layers.
    depth : int
        Further convolutions at each size, each added to what it reads: h + W * s(h).
    """

    def __init__(
        self,
        shape: Shape,
        filters: Sequence[int],
        kernel_size: int,
        activation: str,
        depth: int = 0,
    ) -> None:
        super().__init__()
        self.shape, self.activation = shape, ACTIVATIONS[activation]
        self.sides = [shape[1:]]
        for _ in filters:
            self.sides.append(cast("tuple[int, int]", tuple(-(-n // 2) for n in self.sides[-1])))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, kernel_size, stride=2, padding=kernel_size // 2)
            for a, b in pairwise([shape[0], *filters])
        )
        self.further = nn.ModuleList(
            nn.ModuleList(
                nn.Conv2d(maps, maps, kernel_size, padding=kernel_size // 2) for _ in range(depth)
            )
            for maps in filters
        )
        self.bias = nn.Parameter(torch.empty(prod(shape)))

    @property
    def output_bias(self) -> Tensor:
        """The bias of each pixel, of shape (F,)."""
        return self.bias

    def numbers_a_row(self) -> int:
        """Return how many numbers the maps of an image hold, to the code and back."""
        maps = 0
        for layer, further, sides in zip(
            self.convolutions, self.further, self.sides[1:], strict=True
        ):
            conv, same_size = cast("nn.Conv2d", layer), cast("nn.ModuleList", further)
            maps += conv.out_channels * prod(sides) * (1 + len(same_size))
        return 2 * (prod(self.shape) + maps)

    def filters(self) -> Tensor:
        """Return the filters that see the image, of shape (M, C, k, k)."""
        weight: Tensor = cast("nn.Conv2d", self.convolutions[0]).weight
        return weight.detach()

    def _maps(self, rows: Rows) -> Tensor:
        """Return the maps of the last convolution before its activation."""
        h = cast("Tensor", rows).reshape(-1, *self.shape)
        for number, (layer, further) in enumerate(
            zip(self.convolutions, self.further, strict=True)
        ):
            h = layer(self.activation(h) if number else h)
            for same_size in cast("nn.ModuleList", further):
                h = h + same_size(self.activation(h))
        return h


class ConvHourglass(ConvNet):
    """Convolutions down to small maps, dense layers to the code, and the same way back.

    Parameters
    ----------
    shape, filters, kernel_size, activation
        As of :class:`ConvNet`.
    hidden : sequence of int
        Widths of dense layers between the maps and the code.
    n_latent : int
        L.
    depth : int
        As of :class:`ConvNet`; the way back is without.
    """

    def __init__(
        self,
        shape: Shape,
        filters: Sequence[int],
        kernel_size: int,
        activation: str,
        hidden: Sequence[int],
        n_latent: int,
        depth: int = 0,
    ) -> None:
        super().__init__(shape, filters, kernel_size, activation, depth)
        self.core = Hourglass(filters[-1] * prod(self.sides[-1]), hidden, n_latent, activation)
        self.transposed = nn.ModuleList(
            nn.ConvTranspose2d(a, b, kernel_size, stride=2, padding=kernel_size // 2)
            for a, b in pairwise([*reversed(filters), shape[0]])
        )

    def encode(self, rows: Rows) -> Tensor:
        """Return the code before its own activation, of shape (B, L)."""
        return self.core.encode(self.activation(self._maps(rows)).flatten(1))

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits, of shape (B, F)."""
        h = torch.unflatten(self.core.decode(z), 1, (-1, *self.sides[-1]))
        for layer, sides in zip(self.transposed, reversed(self.sides[:-1]), strict=True):
            h = layer(self.activation(h), output_size=list(sides))
        logits: Tensor = h.flatten(1) + self.bias
        return logits


class WinnerNet(ConvNet):
    """Convolutions to L maps, and one layer that writes each map's filter where the map speaks.

    The decoder is linear, so that its filters, twice the stride and 3 pixels wide, are the parts of
    which an image is made.
    """

    def __init__(
        self, shape: Shape, filters: Sequence[int], kernel_size: int, activation: str, n_latent: int
    ) -> None:
        super().__init__(shape, [*filters, n_latent], kernel_size, activation)
        stride = 2 ** (len(filters) + 1)
        self.code_shape = (n_latent, *self.sides[-1])
        self.last = nn.ConvTranspose2d(
            n_latent, shape[0], 2 * stride + 3, stride=stride, padding=stride + 1, bias=False
        )

    def encode(self, rows: Rows) -> Tensor:
        """Return the maps, of shape (B, L Y' X')."""
        return self._maps(rows).flatten(1)

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits, of shape (B, F)."""
        maps = torch.unflatten(z, 1, self.code_shape)
        image: Tensor = self.last(maps, output_size=list(self.shape[1:]))
        return image.flatten(1) + self.bias

    def filters(self) -> Tensor:
        """Return the filters of which an image is made, of shape (L, C, k, k)."""
        return self.last.weight.detach()


def spatial_winners(maps: Tensor) -> Tensor:
    """Keep the largest value of each map and set the others to 0; maps have shape (B, M, Y, X).

    Makhzani and Frey (2015), "Winner-take-all autoencoders", NIPS 28, arXiv:1409.2752.

    Examples
    --------
    >>> spatial_winners(torch.tensor([[[[1.0, 3.0], [2.0, 0.0]]]]))
    tensor([[[[0., 3.],
              [0., 0.]]]])
    """
    flat = maps.flatten(2)
    place = flat.argmax(2, keepdim=True)
    return torch.zeros_like(flat).scatter(2, place, flat.gather(2, place)).view_as(maps)


def lifetime_winners(maps: Tensor, share: float) -> Tensor:
    """Keep, of each map's winners over a batch, the largest `share`, at least one.

    Makhzani and Frey (2015), section 3.2.

    Examples
    --------
    >>> lifetime_winners(torch.tensor([[[[1.0]]], [[[3.0]]], [[[2.0]]]]), 0.5).flatten()
    tensor([0., 3., 2.])
    """
    peak = functional.adaptive_max_pool2d(maps, 1)
    kept = max(1, round(share * len(maps)))
    smallest = peak.topk(kept, dim=0).values[-1]
    return maps * (peak >= smallest)
