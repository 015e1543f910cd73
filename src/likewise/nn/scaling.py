"""Scaling: a table is centred and brought to unit size before a net sees it."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

BLOCK = 4096
"""Rows that are held in float64 at a time."""


@dataclass(frozen=True)
class Scaling:
    """x' = (x - m) / s: m the columns' means, s the root of their mean variance, one number.

    All columns are divided by the same number, so that squared errors keep their proportions, as
    they do under PCA: a fit does not depend on the unit of the table, and a column of larger
    deviation counts more. Give every column the same weight with scikit-learn's StandardScaler.

    Parameters
    ----------
    mean : ndarray of shape (F,)
        m.
    scale : float
        s; 1 where all columns are constant.

    Examples
    --------
    >>> scaling = Scaling.of(np.array([[1.0, 40.0], [1.0, 60.0]]))
    >>> scaling.mean.tolist(), round(scaling.scale, 3)
    ([1.0, 50.0], 7.071)
    >>> scaling.into(np.array([[1.0, 60.0]])).round(3)
    array([[0.   , 1.414]], dtype=float32)
    """

    mean: NDArray[np.float64]
    scale: float

    @classmethod
    def of(cls, X: NDArray[Any]) -> Self:
        """Learn m and s of a table of shape (n, F)."""
        mean = X.mean(axis=0, dtype=np.float64)
        spread = sum(float(np.square(block - mean).sum()) for block in _blocks(X))
        return cls(mean, float(np.sqrt(spread / X.size)) or 1.0)

    def into(self, X: NDArray[Any], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Return rows as the net sees them, in `out`, which may be `X`, or in a new array."""
        scaled = np.empty(X.shape, dtype=np.float32) if out is None else out
        for start, block in enumerate(_blocks(X)):
            scaled[start * BLOCK : (start + 1) * BLOCK] = (block - self.mean) / self.scale
        return scaled

    def out_of(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Return rows of the net in the unit of the table."""
        return (X * self.scale + self.mean).astype(np.float32)


def _blocks(X: NDArray[Any]) -> Any:
    return (X[start : start + BLOCK].astype(np.float64) for start in range(0, len(X), BLOCK))
