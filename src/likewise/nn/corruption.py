"""Corruption: what a denoising autoencoder does to a row before it encodes it.

Every function takes its random numbers from a generator that is given, so that a seed decides all.
"""

from collections.abc import Callable

import torch

from likewise.nn.layers import Rows, SparseRows

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


CORRUPTIONS: dict[str, Corruption] = {"dropout": dropout, "masking": masking, "gaussian": gaussian}


def _thinned(rows: Rows, level: float, generator: torch.Generator, scale: float) -> Rows:
    values = _values(rows)
    keep = torch.empty_like(values).bernoulli_(1 - level, generator=generator)
    return _with_values(rows, values * keep.mul_(scale))


def _values(rows: Rows) -> torch.Tensor:
    return rows.values if isinstance(rows, SparseRows) else rows


def _with_values(rows: Rows, values: torch.Tensor) -> Rows:
    return rows.with_values(values) if isinstance(rows, SparseRows) else values
