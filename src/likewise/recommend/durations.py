"""How long a fit will take, of what it does and of one small matrix inverted on this machine."""

from time import perf_counter

import torch

from likewise.autoencoders import (
    ALSAutoencoder,
    KernelAutoencoder,
    LinearAutoencoder,
    LocallyLinearAutoencoder,
    NeighbourhoodAutoencoder,
    SpectralAutoencoder,
)
from likewise.autoencoders.base import Autoencoder
from likewise.autoencoders.locally_linear import TURNS
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.spectral import OVERSAMPLES
from likewise.autoencoders.ties import additions_of
from likewise.data.interactions import Interactions

ADDITION = 3e-9
"""Seconds of a scattered addition, on one thread."""

LOOK_UP = 14e-9
"""Seconds of reading off what a pair of items has in common, on one thread."""

SPARSE_PRODUCT = 0.6e-9
"""Seconds of a multiplication and addition of sparse rows with a dense matrix, on one thread."""

STEP_PRODUCT = 0.045e-9
"""Seconds of a multiplication and addition of a step of conjugate gradients, on one thread."""

OF_A_VALUE, OF_A_SYSTEM = 90, 3_700
"""Such products that looking a named vector up takes as long as, and setting a system up."""

TURN_PRODUCT = 0.15e-9
"""Seconds of one of a turn of the locally linear one: compiled, where the other is SciPy's."""

OF_A_ROW, OF_AN_ORTHOGONAL = 50, 1.0
"""Such products that writing what they come to takes as long as, and making it orthogonal."""

STEPS = 30
"""Steps by which a neighbourhood's whole columns are found, each two products of sparse rows."""

SMALL_MATRIX_SHARE = 0.3
"""The share of a large matrix's speed that the inverse of a neighbourhood reaches."""

PROBE = 1_200
"""Rows of the matrix by which the machine is measured."""


def seconds_to_fit(model: Autoencoder, interactions: Interactions) -> float | None:
    """Return the seconds of `fit` of this type; None where they are not foreseen."""
    n_items = interactions.n_items
    additions = additions_of(interactions.matrix) / torch.get_num_threads()
    if isinstance(model, LinearAutoencoder):
        inverse = float(n_items) ** 3 * _seconds_per_operation()
        return inverse + min(ADDITION * additions / 2, inverse * interactions.n_users / n_items)
    if isinstance(model, NeighbourhoodAutoencoder):
        density = model.room_on(interactions.matrix).taken
        k, p = min(density.n_neighbours, n_items), density.whole_columns(n_items)
        lookups = LOOK_UP * k**2 / 2 / torch.get_num_threads()
        inverse = k**3 / 3 * _seconds_per_operation() / SMALL_MATRIX_SHARE
        whole = 2 * STEPS * SPARSE_PRODUCT * p / torch.get_num_threads()
        of_whole = whole * int(interactions.matrix.nnz)
        return ADDITION * additions + n_items * (lookups + inverse) + of_whole
    if isinstance(model, NeuralAutoencoder):
        return model.max_seconds
    if isinstance(model, KernelAutoencoder):
        L = min(model.n_landmarks, interactions.n_users)
        return _projected(interactions, L, products=3, squares=1, cubes=1)
    if isinstance(model, LocallyLinearAutoencoder):
        width = min(model.n_latent, interactions.n_users, n_items)
        n_values = int(interactions.matrix.nnz)
        return TURN_PRODUCT * turns_products(n_values, interactions.n_users, n_items, width)
    if isinstance(model, SpectralAutoencoder):  # n_iter=4 power iterations, there and back
        width = min(model.n_latent, interactions.n_users, n_items)
        return _projected(interactions, width, products=10, squares=10)
    if isinstance(model, ALSAutoencoder):
        return model.n_iter * _alternated(interactions, model)
    return ADDITION * additions


def _projected(
    interactions: Interactions, width: int, products: int, squares: int, cubes: int = 0
) -> float:
    """Return the seconds of so many products of the rows, squares of what they make, and inverses.

    A product of the sparse rows with a dense matrix of `width` columns, on one thread; the square
    Zᵀ Z, or an orthogonal base, of the dense rows Z that come of it; the inverse of that square.
    """
    n_rows = interactions.n_users + interactions.n_items
    of_sparse = products * int(interactions.matrix.nnz) * width * SPARSE_PRODUCT
    of_dense = (squares * n_rows + cubes * width) * width**2
    return of_sparse + of_dense * _seconds_per_operation()


def _alternated(interactions: Interactions, model: ALSAutoencoder) -> float:
    """Return the seconds of solving for all rows and all items once.

    Exactly: the Gram matrix of the vectors that each names, its factor, and three passes over it.
    Otherwise, each step, two products with these vectors and one with what all have in common.
    """
    n_values, threads = int(interactions.matrix.nnz), torch.get_num_threads()
    n_systems = interactions.n_users + interactions.n_items
    width = min(model.n_latent, interactions.n_users, interactions.n_items)
    if model.n_steps < width:
        products = step_products(n_values, n_systems, width)
        return (model.n_steps + 1) * products * STEP_PRODUCT / threads
    operations = 4 * n_values + n_systems * width / 3 / SMALL_MATRIX_SHARE
    passes = 3 * n_systems * SPARSE_PRODUCT / threads
    return width**2 * (operations * _seconds_per_operation() + passes)


def step_products(n_values: int, n_systems: int, n_latent: int) -> float:
    """Return the products of a step of conjugate gradients for all rows and items.

    What does not grow with the length of codes counts as the products that take as long.
    """
    of_values = n_values * (4 * n_latent + OF_A_VALUE)
    return float(of_values + n_systems * (n_latent**2 + OF_A_SYSTEM))


def _seconds_per_operation() -> float:
    """Measure the Cholesky factor and inverse of a small matrix: n³ operations."""
    A = torch.eye(PROBE) + 0.1
    spent = []
    for _ in range(2):
        began = perf_counter()
        torch.cholesky_inverse(torch.linalg.cholesky(A))
        spent.append(perf_counter() - began)
    return min(spent) / PROBE**3


def neighbours_of(model: Autoencoder, n_items: int) -> int:
    """Return how many others an item keeps, of types that count pairs."""
    return min(int(getattr(model, "n_neighbours", 1)), n_items)


def turns_products(n_values: int, n_users: int, n_items: int, n_latent: int) -> float:
    """Return the products of rows that all turns of a locally linear autoencoder take as long as.

    Each turn multiplies its directions with the rows four times, which is written for each row and
    item anew, and makes them orthogonal.
    """
    width = n_latent + OVERSAMPLES
    written, orthogonal = OF_A_ROW * (n_users + n_items), OF_AN_ORTHOGONAL * n_items * width
    return float(TURNS * width * (4 * n_values + written + orthogonal))
