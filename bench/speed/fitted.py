"""Recommenders over made-up logs, for the scripts that measure answers and not learning."""

import numpy as np
from logs import Shape, made_up
from scipy import sparse

from likewise import LinearAutoencoder, Recommender
from likewise.autoencoders import (
    ALSAutoencoder,
    KernelAutoencoder,
    NeighbourhoodAutoencoder,
    SpectralAutoencoder,
    VariationalAutoencoder,
)
from likewise.autoencoders.base import Autoencoder


def recommender(name: str, n_items: int) -> Recommender:
    """Fit a type over a catalogue of that size; few purchases, as they do not slow answers."""
    kinds: dict[str, Autoencoder] = {
        "linear": LinearAutoencoder(l2=100.0),
        "neighbourhood": NeighbourhoodAutoencoder(l2=100.0, n_neighbours=100, n_whole=200),
        "spectral": SpectralAutoencoder(random_state=0),
        "als": ALSAutoencoder(random_state=0),
        "kernel": KernelAutoencoder(random_state=0),
        "variational": VariationalAutoencoder(max_epochs=1, random_state=0),
    }
    X = made_up(Shape(max(1_000, n_items // 2), n_items, 40.0))
    missing = np.flatnonzero(np.bincount(X.indices, minlength=n_items) == 0)
    once = sparse.csr_array(
        (np.ones(len(missing), np.float32), (np.arange(len(missing)), missing)),
        shape=(len(missing), n_items),
    )
    return Recommender(kinds[name]).fit(sparse.vstack([X, once], format="csr"), support=False)
