"""What a fit will take, before it is begun: memory, time, and which linear autoencoder fits.

The formulas are those by which the types refuse what would not fit. Shapes: I items, K neighbours.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch

from likewise.autoencoders import (
    ALSAutoencoder,
    KernelAutoencoder,
    LinearAutoencoder,
    NeighbourhoodAutoencoder,
    SpectralAutoencoder,
)
from likewise.autoencoders.base import Autoencoder, copy_of
from likewise.autoencoders.choices import PURCHASES, choose, loss_for
from likewise.autoencoders.density import Room, Sizes
from likewise.autoencoders.neighbourhood import OF_MEMORY
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.spectral import directions_bytes
from likewise.data.fold import HELD_SHARE, MOST_HELD
from likewise.data.interactions import CSR, Interactions
from likewise.memory import available_memory, require_memory, size
from likewise.recommend.baselines import Popularity, nearest_bytes
from likewise.recommend.candidates import neural_candidates
from likewise.recommend.companions import Companions
from likewise.recommend.durations import neighbours_of, seconds_to_fit
from likewise.recommend.searches import (
    ALONE,
    CUBES_PER_SECOND,
    SEARCHES,
    closed_forms,
    tried_first,
)
from likewise.recommend.support import Support
from likewise.recommend.weights import table_bytes

WHILE_JUDGED = 3
"""Tables of scores while a part is judged: its own, its own made comparable, and both summed."""


@dataclass(frozen=True)
class Estimate:
    """What a fit will take.

    Parameters
    ----------
    model : str
        The type's name.
    why : str
        Why this type.
    users, items, purchases : int
        The size of what is learned from.
    memory_bytes : int
        The most that is taken beside what is held already.
    least_bytes : int
        What cannot do without: counts of pairs, and what `auto` has no room for, are left out.
    free_bytes : int
        What may be taken.
    seconds : float or None
        Of the fit itself; None where it is not foreseen.
    density : Room or None
        How dense memory lets a sparse linear one be; None of the other types.
    """

    model: str
    why: str
    users: int
    items: int
    purchases: int
    memory_bytes: int
    least_bytes: int
    free_bytes: int
    seconds: float | None
    density: Room | None = None

    @property
    def fits(self) -> bool:
        """Whether the memory that is free suffices."""
        return self.least_bytes <= self.free_bytes


def estimate(
    interactions: Interactions, model: Autoencoder | None = None, budget: float = math.inf
) -> Estimate:
    """Return what fitting will take.

    Parameters
    ----------
    interactions : Interactions
        What is learned from.
    model : Autoencoder, optional
        Unfitted. If None, the linear one that `auto` tries first: the exact one where memory and
        the budget allow it, else the neighbourhood, with as many neighbours as it is tried with.
    budget : float
        Seconds that `auto` has.

    Examples
    --------
    >>> small = estimate(Interactions.of([["tea", "cup"], ["tea", "cup", "pot"]]))
    >>> small.model, small.fits
    ('linear', True)
    """
    n_items, n_values = interactions.n_items, int(interactions.matrix.nnz)
    free = available_memory()
    why, beside, one = "named", 0, 0
    if model is None:
        model = _first_trial(interactions, budget)
        beside = Companions.bytes_for(n_items) + scores_bytes(interactions.n_users, n_items, budget)
        one = _of_a_part(interactions.n_users, n_items)
        why = _why(model, n_items, free)
    model, density = _settled(model, interactions.matrix, free)
    learning = model_bytes(model, interactions.matrix)
    # `auto` counts pairs before it fits.
    held = 0 if why != "named" else _kept_bytes(model, interactions.matrix)
    of_pairs = held + _bytes_of_pairs(interactions.matrix, held)
    return Estimate(
        model.type_name,
        why,
        interactions.n_users,
        n_items,
        n_values,
        max(learning, of_pairs) + beside,
        learning + one,
        free,
        seconds_to_fit(model, interactions),
        density,
    )


def _first_trial(interactions: Interactions, budget: float) -> Autoencoder:
    """Return what a search begins with, as far as it matters to memory and time."""
    kind = tried_first(interactions.n_items, budget)
    start = SEARCHES[kind].within(interactions).start
    return kind(**{name: start[name] for name in OF_MEMORY if name in start})


def _settled(model: Autoencoder, matrix: CSR, free: int) -> tuple[Autoencoder, Room | None]:
    """Return the type with the numbers that its fit takes where so much memory is free."""
    if not isinstance(model, NeighbourhoodAutoencoder):
        return model, None
    room = model.room_on(matrix, free)
    taken = {"n_neighbours": room.taken.n_neighbours, "n_whole": room.taken.n_whole}
    return copy_of(model).set_params(**taken), room


def scores_bytes(n_users: int, n_items: int, budget: float = math.inf) -> int:
    """Return what `auto` holds of scores while it learns.

    Of each part, and of each model that may answer `also_bought`, for the customers whom parts are
    weighed on, and for half of those who are held out, of whom one item is given.
    """
    n_found = len(closed_forms(n_items, budget)) + len(neural_candidates(n_users)) + len(ALONE)
    whole = table_bytes(_held(n_users), n_items)
    return n_found * _of_a_part(n_users, n_items) + WHILE_JUDGED * whole


def _of_a_part(n_users: int, n_items: int) -> int:
    """Return what the scores of one part take."""
    n_held = _held(n_users)
    return table_bytes(n_held, n_items) + table_bytes(n_held // 2, n_items)


def _held(n_users: int) -> int:
    return min(MOST_HELD, int(HELD_SHARE * n_users))


def require_accepted(model: Autoencoder, matrix: CSR) -> None:
    """Refuse, before any work, parameters and rows that the type's own `fit` refuses.

    Raises
    ------
    InputError
        As `fit` of the type.
    """
    model._validate_params()
    if isinstance(model, ALSAutoencoder):
        model._require_effect(matrix)
    if isinstance(model, NeuralAutoencoder):
        _planned_on(model, matrix)._require_learnable(matrix)


def require_room(model: Autoencoder, everything: Interactions) -> None:
    """Refuse a type that could be tried on a part, but not be fitted on everything in the end.

    Raises
    ------
    NotEnoughMemoryError
        If `fit` on everything takes more than there is.
    """
    what = f"fitting {model.type_name} on all {everything.n_users:,} rows"
    require_memory(model_bytes(model, everything.matrix), what, "it is left out")


def model_bytes(model: Autoencoder, matrix: CSR) -> int:
    """Return what `fit` of this type takes at its peak, on these rows."""
    n_users, n_items, n_values = map(int, (*matrix.shape, matrix.nnz))
    if isinstance(model, LinearAutoencoder):
        return model.bytes_for(n_items, n_values)
    if isinstance(model, NeighbourhoodAutoencoder):
        return model.bytes_for(Sizes.of(matrix))
    if isinstance(model, KernelAutoencoder):
        return model.bytes_for(n_users, n_items, n_values)
    if isinstance(model, NeuralAutoencoder):
        return int(_planned_on(model, matrix)._bytes_to_fit(matrix)) + 48 * n_values
    if isinstance(model, ALSAutoencoder):
        return model.bytes_for(n_users, n_items, n_values)
    if isinstance(model, SpectralAutoencoder):
        n_latent = min(model.n_latent, n_users, n_items)
        return directions_bytes(n_latent, n_users, n_items) + 48 * n_values
    if isinstance(model, Popularity):
        return 16 * (n_items + n_values)
    return nearest_bytes(n_items, n_values, neighbours_of(model, n_items)) + 24 * n_values


def _bytes_of_pairs(matrix: CSR, held: int) -> int:
    """Return what counting pairs takes: as many as a fit counts into what it leaves free."""
    return Support.bytes_for(matrix, max(1, Support.most_that_fit(matrix, held)))


def _kept_bytes(model: Autoencoder, matrix: CSR) -> int:
    """Return what the fitted model holds while pairs are counted."""
    n_users, n_items = map(int, matrix.shape)
    if isinstance(model, LinearAutoencoder):
        return 4 * n_items**2
    if isinstance(model, NeuralAutoencoder):
        return 4 * _weights(model, n_items)
    if isinstance(model, KernelAutoencoder):
        return 8 * min(model.n_landmarks, n_users) * n_items
    if isinstance(model, ALSAutoencoder | SpectralAutoencoder):
        return 4 * min(model.n_latent, n_users, n_items) * n_items
    if isinstance(model, NeighbourhoodAutoencoder):
        density = model.room_on(matrix).taken
        return 8 * n_items * (density.block_size(n_items) + density.whole_columns(n_items))
    return 8 * n_items * neighbours_of(model, n_items)


def _planned(model: NeuralAutoencoder) -> Any:
    """Return the type before it is fitted; what is "auto" is chosen as for purchases."""
    planned, given = copy_of(model), model.get_params()
    planned.chosen_ = {**given, **choose(given, PURCHASES | model._purchases)}
    return planned


def _planned_on(model: NeuralAutoencoder, matrix: CSR) -> Any:
    """Return the type before it is fitted on these rows, with the loss that they ask for."""
    planned = _planned(model)
    auto = model.loss == "auto"
    planned.loss_ = loss_for(matrix, model._sparse_loss) if auto else model.loss
    return planned


def _weights(model: NeuralAutoencoder, n_items: int) -> int:
    """Count the weights of the net that the type would make."""
    with torch.device("meta"):
        return sum(weight.numel() for weight in _planned(model)._net(n_items).parameters())


def _why(model: Autoencoder, n_items: int, free: int) -> str:
    needed, seconds = LinearAutoencoder.bytes_for(n_items), n_items**3 / CUBES_PER_SECOND
    words = f"the exact one takes {size(needed)} for {n_items:,} items, and "
    words += f"{size(free)} are free"
    if isinstance(model, LinearAutoencoder):
        return words
    if needed <= free:
        words = (
            f"the exact one takes about {seconds:.0f} s for {n_items:,} items, more than its share"
        )
    return f"{words}: each item is solved within its neighbourhood instead"
