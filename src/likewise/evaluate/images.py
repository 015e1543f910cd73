"""How faithfully images come back, beside PCA."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from likewise.autoencoders.base import Autoencoder

_MOST_ROWS, _MOST_DIMENSIONS = 10_000, 128


@dataclass(frozen=True)
class Faithful:
    """Squared errors of an image, summed over its values and averaged over images not learned from.

    Parameters
    ----------
    name : str
        The type of autoencoder.
    dimensions : int
        How long its code is.
    error : float
        Its error.
    mean_error : float
        That of answering with the mean image.
    pca : dict of int to float
        That of PCA, by dimensions.
    """

    name: str
    dimensions: int
    error: float
    mean_error: float
    pca: dict[int, float]

    def line(self) -> str:
        """Return the comparison in one line.

        Examples
        --------
        >>> Faithful("convolutional", 32, 8.5, 68.0, {32: 11.6}).line()
        'an image comes back from 32 numbers with a squared error of 8.50 (PCA 11.60, mean 68.00)'
        """
        beside = f"PCA {self.pca[self.dimensions]:.2f}, " if self.dimensions in self.pca else ""
        return (
            f"an image comes back from {self.dimensions} numbers with a squared error of "
            f"{self.error:.2f} ({beside}mean {self.mean_error:.2f})"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        by_dimension = {str(n): error for n, error in self.pca.items()}
        return {"error": self.error, "mean_error": self.mean_error, "pca_error": by_dimension}


def judged(model: Autoencoder, training: NDArray[Any], testing: NDArray[Any]) -> Faithful:
    """Judge a fitted autoencoder by images it has not learned from.

    PCA learns from the same images, at most 10,000 of them, at 1, 2, 4, ... 128 dimensions and at
    the autoencoder's own.

    Parameters
    ----------
    model : Autoencoder
        Learned from `training`.
    training, testing : ndarray of shape (n, height, width) or (n, channels, height, width)
        The images.
    """
    width = prod(testing.shape[1:])
    known, seen = training.reshape(len(training), width), testing.reshape(len(testing), width)
    restored = model.reconstruct(testing).reshape(len(testing), width)
    some = np.sort(np.random.default_rng(0).permutation(len(known))[:_MOST_ROWS])
    own = int(model._n_features_out)
    return Faithful(
        model.type_name,
        own,
        _error(seen, restored),
        _error(seen, known.mean(axis=0)),
        pca_errors(known[some], seen, own),
    )


def pca_errors(known: NDArray[Any], seen: NDArray[Any], dimensions: int = 1) -> dict[int, float]:
    """Return PCA's error on rows that it has not learned from, by dimensions.

    Examples
    --------
    >>> errors = pca_errors(np.eye(4)[[0, 1, 2, 3] * 5], np.eye(4))
    >>> {n: round(error, 3) for n, error in errors.items()}
    {1: 0.5, 2: 0.25, 4: 0.0}
    """
    most = min(len(known), known.shape[1], _MOST_DIMENSIONS)
    steps = {2**n for n in range(8)} | {dimensions, most}
    with np.errstate(invalid="ignore"):  # of images that are all alike there is no share to explain
        pca = PCA(most, random_state=0).fit(known)
    codes, centred = pca.transform(seen), seen - pca.mean_
    total = np.square(centred).sum(axis=1).mean()
    kept = np.square(codes).mean(axis=0).cumsum()
    return {n: max(0.0, float(total - kept[n - 1])) for n in sorted(steps) if n <= most}


def _error(seen: NDArray[Any], restored: NDArray[Any]) -> float:
    return float(np.square(seen - restored).sum(axis=1).mean())
