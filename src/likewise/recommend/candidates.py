"""The neural models that are tried on a log, the most promising first."""

from typing import Any

from likewise.autoencoders import CosineAutoencoder, RecVAE, VariationalAutoencoder
from likewise.autoencoders.neural import NeuralAutoencoder

ANNEALED_EPOCHS = 100
"""Epochs over which Mult-VAE's β would grow to 1; Liang et al.'s 200,000 steps are 860 of theirs,
more than a search has time for."""


def neural_candidates(n_users: int, **run: Any) -> dict[str, NeuralAutoencoder]:
    """Return unfitted models by name, most promising first.

    Parameters
    ----------
    n_users : int
        Users to learn from; they decide the rows of a step.
    **run
        Set on each: `random_state`, `device`.

    Examples
    --------
    >>> list(neural_candidates(5_000, random_state=0))
    ['cosine', 'sharp cosine', 'Mult-VAE', 'RecVAE']
    """
    size = batch_size_for(n_users)
    shared = {"batch_size": size, **run}
    steps = ANNEALED_EPOCHS * max(1, n_users // size)
    return {
        "cosine": CosineAutoencoder(temperature=0.15, **shared),
        "sharp cosine": CosineAutoencoder(temperature=0.1, **shared),
        "Mult-VAE": VariationalAutoencoder(anneal_steps=steps, **shared),
        "RecVAE": RecVAE(**shared),
    }


def batch_size_for(n_users: int) -> int:
    """Return the rows of a step: the papers' 500 for 100,000 users are too few steps for a shop.

    Examples
    --------
    >>> batch_size_for(1_000), batch_size_for(5_000), batch_size_for(100_000)
    (50, 100, 500)
    """
    return min(500, max(50, n_users // 50))
