"""What may be tried of each type whose settings can be chosen.

The ladders are wide: an optimum on a ladder's end is one on the end of what makes sense (no
dropout, say), not of what was tried.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from likewise.autoencoders import (
    ALSAutoencoder,
    KernelAutoencoder,
    LinearAutoencoder,
    LocallyLinearAutoencoder,
    NeighbourhoodAutoencoder,
    SpectralAutoencoder,
)
from likewise.autoencoders.base import Autoencoder
from likewise.autoencoders.density import DENSITIES, Sizes
from likewise.data.interactions import Interactions
from likewise.memory import available_memory
from likewise.recommend.baselines import ItemNeighbours, RP3Beta
from likewise.recommend.durations import step_products, turns_products
from likewise.recommend.ladders import Ladders

BEGIN = {"l2": 100.0, "item_power": 0.1, "user_power": 0.4, "dropout": 0.2, "relaxation": 0.0}
"""Where linear autoencoders begin: what suits neighbourhoods, and published ones of fewer settings.
More dropout suits the exact one with all of them, and a larger l2 where catalogues are small."""

SMALL = 9_000
"""Items of a catalogue that is no large one."""


def _exact_begin(train: Interactions) -> dict[str, Any]:
    return {"l2": 178.0, "dropout": 0.5} if train.n_items <= SMALL else {"dropout": 0.4}


def _linear(kind: type[Autoencoder]) -> Ladders:
    """Return the ladders that are common to the exact and to the sparse linear autoencoder."""

    def model(settings: dict[str, Any], train: Interactions) -> Autoencoder:
        """Scale l2 as `user_power` scales the Gram matrix, so that the two are climbed apart."""
        length = np.maximum(np.diff(train.matrix.indptr), 1).astype(np.float64)
        weight = (length ** (1 - settings["user_power"])).sum() / length.sum()
        return kind(**settings | {"l2": float(f"{settings['l2'] * weight:.4g}")})

    return Ladders(
        {
            "l2": [float(f"{10 ** (n / 4):.3g}") for n in range(-4, 21)],
            "item_power": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
            "user_power": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
            "dropout": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
            "relaxation": [0.0, 0.2, 0.4, 0.6, 0.8],
        },
        BEGIN,
        model,
    )


SAME_NEIGHBOURS = 200
"""Neighbours that would take as long as what a trial does whatever their number: the Gram matrix,
whole columns, ranking items."""


def _all_neighbours(train: Interactions) -> dict[str, int]:
    return {"n_neighbours": train.n_items - 1}


def _neighbourhood() -> Ladders:
    """Return the linear ladders; neighbourhoods begin small, as they take their size squared.

    What memory would decide is said, so that a trial and the fit of its winner are one model.
    """
    search = _linear(NeighbourhoodAutoencoder)
    return replace(
        search,
        ladders={**search.ladders, "n_neighbours": [25, 50, 100, 200, 400, 800]},
        start=search.start | {"n_neighbours": 100, "n_whole": DENSITIES[0]},
        work=lambda settings, train: (
            train.n_users * float(settings["n_neighbours"] ** 2 + SAME_NEIGHBOURS**2)
        ),
        most=lambda train: {
            **_all_neighbours(train),
            "n_whole": DENSITIES[0] if Sizes.of(train.matrix).any_common else 0,
        },
    )


SAME_WORK = 300
"""Directions that would take as long as what a trial does whatever their number: ranking items."""


def _of_directions(settings: dict[str, Any], train: Interactions) -> float:
    return float(train.n_users * (settings["n_latent"] + SAME_WORK))


def _all_directions(train: Interactions) -> dict[str, int]:
    return {"n_latent": min(train.matrix.shape)}


PLAIN = LinearAutoencoder().get_params()

SEARCHES: dict[type[Autoencoder], Ladders] = {
    LinearAutoencoder: replace(_linear(LinearAutoencoder), begin=_exact_begin),
    NeighbourhoodAutoencoder: _neighbourhood(),
    SpectralAutoencoder: Ladders(
        {
            "n_latent": [8, 16, 32, 50, 70, 100, 140, 200, 400, 800, 1600, 3200],
            "user_power": [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5],
            "item_power": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
        },
        {"n_latent": 100, "user_power": 0.5, "item_power": 0.5},
        lambda settings, _train: SpectralAutoencoder(random_state=0, **settings),
        work=_of_directions,
        most=_all_directions,
    ),
    LocallyLinearAutoencoder: Ladders(
        {
            "n_latent": [8, 16, 32, 48, 64, 96, 128, 192, 256, 400, 800, 1600],
            "l2": [0.1, 0.3, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0],
            "popularity_power": [0.0, 0.25, 0.5, 0.75, 1.0],
            "user_power": [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5],
            "item_power": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
        },
        {
            "n_latent": 64,
            "l2": 5.0,
            "popularity_power": 0.25,
            "user_power": 1.0,
            "item_power": 0.2,
        },
        lambda settings, _train: LocallyLinearAutoencoder(random_state=0, **settings),
        work=lambda settings, train: turns_products(
            int(train.matrix.nnz), train.n_users, train.n_items, settings["n_latent"]
        ),
        most=_all_directions,
    ),
    ALSAutoencoder: Ladders(
        {
            "n_latent": [16, 32, 64, 128, 256],
            "unobserved_weight": [0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
            "l2": [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1],
        },
        {"n_latent": 64, "unobserved_weight": 0.1, "l2": 0.003},
        lambda settings, _train: ALSAutoencoder(random_state=0, **settings),
        work=lambda settings, train: step_products(
            int(train.matrix.nnz), train.n_users + train.n_items, settings["n_latent"]
        ),
        most=_all_directions,
    ),
    KernelAutoencoder: Ladders(
        {
            "l2": [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0],
            "gamma": [0.125, 0.25, 0.5, 1.0, 2.0, 4.0],
            "item_power": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
            "n_landmarks": [250, 500, 1000, 2000, 4000],
        },
        {"l2": 3.0, "gamma": 1.0, "item_power": 0.3, "n_landmarks": 1000},
        lambda settings, _train: KernelAutoencoder(random_state=0, **settings),
        work=lambda settings, train: train.n_users * float(settings["n_landmarks"]) ** 1.5,
        most=lambda train: {"n_landmarks": train.n_users},
    ),
    ItemNeighbours: Ladders(
        {
            "n_neighbours": [10, 20, 50, 100, 200, 500, 1000, 2000],
            "shrinkage": [0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0],
            "discount": [0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0],
        },
        {"n_neighbours": 100, "shrinkage": 10.0, "discount": 0.5},
        lambda settings, _train: ItemNeighbours(**settings),
        most=_all_neighbours,
    ),
    RP3Beta: Ladders(
        {
            "n_neighbours": [10, 20, 50, 100, 200, 500, 1000, 2000],
            "alpha": [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0],
            "beta": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0],
        },
        {"n_neighbours": 200, "alpha": 0.8, "beta": 0.4},
        lambda settings, _train: RP3Beta(**settings),
        most=_all_neighbours,
    ),
}
"""The types whose settings can be chosen."""

STRONG = [float(f"{10 ** (n / 2):.3g}") for n in range(4, 15)]
"""Ridge penalties for baskets of one item; towards the end, B is the co-counts."""


def _alone(kind: type[Autoencoder]) -> Ladders:
    search = SEARCHES[kind]
    start = search.start | BEGIN | {"l2": 1e5, "item_power": 0.0}
    ladders = {**search.ladders, "l2": STRONG}
    return replace(search, ladders=ladders, start=start, begin=lambda _: {})


ALONE: dict[type[Autoencoder], Ladders] = {
    LinearAutoencoder: _alone(LinearAutoencoder),
    NeighbourhoodAutoencoder: _alone(NeighbourhoodAutoencoder),
    ItemNeighbours: replace(
        SEARCHES[ItemNeighbours], start=SEARCHES[ItemNeighbours].start | {"n_neighbours": 1000}
    ),
    RP3Beta: replace(SEARCHES[RP3Beta], start=SEARCHES[RP3Beta].start | {"n_neighbours": 1000}),
}
"""The same, for baskets of one item: such a basket wants a far stronger ridge, more neighbours."""


def _published(*names: str) -> Ladders:
    return _linear(LinearAutoencoder).only(*names, plain=PLAIN)


LINEAR: dict[str, Ladders] = {
    "EASE": _published("l2"),
    "EDLAE": _published("l2", "dropout"),
    "RDLAE": _published("l2", "dropout", "relaxation"),
    "DAN": _published("l2", "item_power", "user_power", "dropout"),
}
"""The published linear ones: the same type, some of its settings left as they are."""

LINEAR_SHARE = 0.3
"""Of a search's budget, for the settings of the linear autoencoder."""

SHARES: dict[type[Autoencoder], float] = {
    SpectralAutoencoder: 0.12,
    LocallyLinearAutoencoder: 0.1,
    ALSAutoencoder: 0.1,
    KernelAutoencoder: 0.05,
    ItemNeighbours: 0.03,
    RP3Beta: 0.03,
}
"""Of a search's budget, for the settings of the others."""

MANY_DIRECTIONS_SHARE = 0.2
"""The same of the spectral one where catalogues are large, which want many directions: it finds
these sooner than the locally linear one, which is then left out."""


def share_of(kind: type[Autoencoder], n_items: int) -> float:
    """Return what of a search's budget is for the settings of a type, but the linear one.

    Examples
    --------
    >>> share_of(SpectralAutoencoder, 1_000), share_of(SpectralAutoencoder, 50_000)
    (0.12, 0.2)
    """
    many = kind is SpectralAutoencoder and n_items > SMALL
    return MANY_DIRECTIONS_SHARE if many else SHARES[kind]


CUBES_PER_SECOND = 1e11
"""An exact linear autoencoder of n items takes n³ / this many seconds (8,000 items: 4.6 s)."""


def linear_kind(n_items: int, seconds: float = math.inf) -> type[Autoencoder]:
    """Return the exact linear autoencoder where memory and time allow it, else the sparse one.

    Examples
    --------
    >>> linear_kind(1_000).__name__, linear_kind(10_000_000).__name__
    ('LinearAutoencoder', 'NeighbourhoodAutoencoder')
    >>> linear_kind(20_000, seconds=20).__name__
    'NeighbourhoodAutoencoder'
    """
    fits = LinearAutoencoder.bytes_for(n_items) <= available_memory()
    in_time = n_items**3 / CUBES_PER_SECOND <= seconds
    return LinearAutoencoder if fits and in_time else NeighbourhoodAutoencoder


def tried_first(n_items: int, budget: float = math.inf) -> type[Autoencoder]:
    """Return the linear autoencoder that a search begins with: half of its share is for a trial."""
    return linear_kind(n_items, LINEAR_SHARE * budget / 2)


def closed_forms(n_items: int, budget: float = math.inf) -> list[type[Autoencoder]]:
    """Return the types to choose among for so many items within a budget, a linear one first.

    Examples
    --------
    >>> [kind.type_name for kind in closed_forms(1_000)][:2]
    ['linear', 'spectral']
    """
    left_out = {LinearAutoencoder, NeighbourhoodAutoencoder}
    if n_items > SMALL:
        left_out.add(LocallyLinearAutoencoder)
    return [tried_first(n_items, budget), *(kind for kind in SEARCHES if kind not in left_out)]
