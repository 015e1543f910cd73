"""How faithful a reduction is: what it gives back, and whether neighbours stay neighbours."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

from likewise.errors import InputError

Rows = NDArray[Any]


@dataclass(frozen=True)
class Faithfulness:
    """How faithful codes are to rows that the reduction was not learned from.

    Parameters
    ----------
    error : float
        Mean over rows of the summed squared reconstruction error.
    explained : float
        1 - error / the error of answering with the mean row; 1 is perfect.
    trustworthiness : float in [0, 1]
        1 if the k nearest in the codes are near in the rows too (Venna and Kaski, 2001).
    neighbours : float in [0, 1]
        Share of the k nearest rows that are among the k nearest codes.
    """

    error: float
    explained: float
    trustworthiness: float
    neighbours: float

    def as_dict(self) -> dict[str, float]:
        """Return plain numbers, ready for JSON."""
        return asdict(self)


def faithfulness(
    X: Rows, codes: Rows, X_hat: Rows, mean: Rows, *, n_neighbours: int = 10, n_rows: int = 2000,
    seed: int = 0,
) -> Faithfulness:  # fmt: skip
    """Judge codes and reconstructions of held-out rows.

    Parameters
    ----------
    X, codes, X_hat : ndarray of shape (n, F), (n, L), (n, F)
        The rows, their codes and their reconstructions.
    mean : ndarray of shape (F,)
        The mean of the rows that the reduction was learned from.
    n_neighbours : int
        k; at most half of the rows less one are looked at.
    n_rows : int
        Neighbours are sought among so many rows, drawn by `seed`: the cost grows with its square.

    References
    ----------
    J. Venna, S. Kaski, "Neighborhood preservation in nonlinear projection methods", ICANN 2001,
    DOI 10.1007/3-540-44668-0_68.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> faithfulness(X, X, X, X.mean(axis=0))
    Faithfulness(error=0.0, explained=1.0, trustworthiness=1.0, neighbours=1.0)
    """
    error = float(np.square(X - X_hat).sum(axis=1).mean())
    of_mean = float(np.square(X - mean).sum(axis=1).mean())
    chosen = np.sort(np.random.default_rng(seed).permutation(len(X))[:n_rows])
    k = min(n_neighbours, (len(chosen) - 1) // 2)
    if k < 1:
        raise InputError(f"{len(X)} rows were given to judge a reduction by; give 3 or more")
    return Faithfulness(
        error=error,
        explained=1 - error / of_mean if of_mean else 1.0,
        trustworthiness=float(trustworthiness(X[chosen], codes[chosen], n_neighbors=k)),
        neighbours=neighbours_kept(X[chosen], codes[chosen], k),
    )


def neighbours_kept(X: Rows, codes: Rows, k: int) -> float:
    """Return the share of each row's k nearest rows that are among its k nearest codes.

    Examples
    --------
    >>> line = np.arange(6.0)[:, None]
    >>> neighbours_kept(line, line**3, 2)
    0.75
    """
    near, near_codes = (
        NearestNeighbors(n_neighbors=k).fit(rows).kneighbors(return_distance=False)
        for rows in (X, codes)
    )
    shared = (near[:, :, None] == near_codes[:, None, :]).any(axis=2)
    return float(shared.mean())
