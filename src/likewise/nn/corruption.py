"""Corruption: what a denoising autoencoder does to a row before it encodes it.

Every function takes its random numbers from a generator that is given, so that a seed decides all.
"""

from collections.abc import Callable

import torch

from likewise.errors import InputError
from likewise.nn.rows import Rows, SparseRows

Corruption = Callable[[Rows, float, torch.Generator], Rows]


def dropout(rows: Rows, level: float, generator: torch.Generator) -> Rows:
    """Set a share `level` of the values to 0 and scale the rest by 1 / (1 - level).

    Srivastava et al. (2014), JMLR 15:1929-1958. In sparse rows only stored values are touched.
    """
    return _thinned(rows, level, generator, 1 / (1 - level))


def masking(rows: Rows, level: float, generator: torch.Generator) -> Rows:
    """Set a share `level` of the values to 0 and leave the rest as they are.

    Vincent et al. (2010), JMLR 11:3371-3408.

    Examples
    --------
    >>> rows = masking(torch.ones(1, 8), 0.5, torch.Generator().manual_seed(0))
    >>> sorted(set(rows.flatten().tolist()))
    [0.0, 1.0]
    """
    return _thinned(rows, level, generator, 1.0)


def gaussian(rows: Rows, level: float, generator: torch.Generator) -> Rows:
    """Add normal noise of deviation `level`; in sparse rows, to the stored values only."""
    values = _values(rows)
    noise = torch.empty_like(values).normal_(0, level, generator=generator)
    return _with_values(rows, values + noise)


def salt_and_pepper(rows: Rows, level: float, generator: torch.Generator) -> Rows:
    """Set a share `level` of the values to the smallest or the largest of the batch, by a coin.

    Vincent et al. (2010). In sparse rows only stored values are touched, and the smallest is 0.

    Examples
    --------
    >>> rows = torch.arange(1.0, 9.0)[None]
    >>> salt_and_pepper(rows, 0.5, torch.Generator().manual_seed(0)).tolist()
    [[1.0, 1.0, 8.0, 1.0, 1.0, 6.0, 8.0, 8.0]]
    """
    values = _values(rows)
    if not values.numel():
        return rows
    pepper = values.new_zeros(()) if isinstance(rows, SparseRows) else values.min()
    coin = torch.empty_like(values).bernoulli_(0.5, generator=generator).bool()
    hit = torch.empty_like(values).bernoulli_(level, generator=generator).bool()
    noise = torch.where(coin, values.max(), pepper)
    return _with_values(rows, torch.where(hit, noise, values))


def swap(rows: Rows, level: float, generator: torch.Generator) -> Rows:
    """Replace a share `level` of the values by the same column's value in another row of the batch.

    What it puts in is likely for the column, so it fits tables whose columns differ in kind. For
    dense rows only.

    Examples
    --------
    >>> rows = torch.tensor([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    >>> seen = swap(rows, 0.9, torch.Generator().manual_seed(0))
    >>> sorted(set(seen[:, 1].tolist())) != [10.0, 20.0, 30.0], bool((seen[:, 1] >= 10).all())
    (True, True)
    """
    if isinstance(rows, SparseRows):
        raise InputError("swap noise is for dense rows; use 'masking' or 'dropout' for purchases")
    other = torch.randint(len(rows), rows.shape, generator=generator, device=rows.device)
    hit = torch.empty_like(rows).bernoulli_(level, generator=generator).bool()
    return torch.where(hit, rows.gather(0, other), rows)


CORRUPTIONS: dict[str, Corruption] = {
    "dropout": dropout,
    "masking": masking,
    "gaussian": gaussian,
    "salt-and-pepper": salt_and_pepper,
    "swap": swap,
}


def _thinned(rows: Rows, level: float, generator: torch.Generator, scale: float) -> Rows:
    values = _values(rows)
    keep = torch.empty_like(values).bernoulli_(1 - level, generator=generator)
    return _with_values(rows, values * keep.mul_(scale))


def _values(rows: Rows) -> torch.Tensor:
    return rows.values if isinstance(rows, SparseRows) else rows


def _with_values(rows: Rows, values: torch.Tensor) -> Rows:
    return rows.with_values(values) if isinstance(rows, SparseRows) else values
