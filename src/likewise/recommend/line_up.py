"""The models that are compared: likewise's own, and what they have to beat.

Each is a :data:`~likewise.evaluate.comparison.Fit`: it chooses its settings on the split's
validation users, within the same budget as every other, and fits them on all before the test.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from likewise.autoencoders import (
    ALSAutoencoder,
    Autoencoder,
    CosineAutoencoder,
    DenoisingAutoencoder,
    HVamp,
    KernelAutoencoder,
    LinearAutoencoder,
    LocallyLinearAutoencoder,
    RecVAE,
    SpectralAutoencoder,
    UndercompleteAutoencoder,
    VariationalAutoencoder,
)
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.data.interactions import CSR, Interactions
from likewise.data.split import Split
from likewise.errors import InputError
from likewise.evaluate.comparison import Fit
from likewise.evaluate.protocol import METRIC, Ranker, has_repeats
from likewise.recommend.auto import auto
from likewise.recommend.baselines import ItemNeighbours, PersonalFrequency, Popularity, RP3Beta
from likewise.recommend.candidates import batch_size_for
from likewise.recommend.ladders import Ladders
from likewise.recommend.recommender import Recommender
from likewise.recommend.searches import LINEAR, SEARCHES, linear_kind, tried_first
from likewise.recommend.selection import choose
from likewise.recommend.topk import filled

STOCHASTIC = (
    "undercomplete",
    "Mult-DAE",
    "Mult-VAE",
    "RecVAE",
    "H+Vamp",
    "cosine",
    "kernel",
    "spectral",
    "LLE",
    "ALS",
    "blend",
    "auto",
    "auto for repeats",
)
"""The models whose result depends on the seed."""

FADING = ("recent linear", "blend", "auto", "auto for repeats")
"""The models to which a half-life is something."""

BUDGET = 60.0
"""Seconds that each model may take to choose its settings, or to train."""


@dataclass(frozen=True)
class _Fixed:
    """A model without settings to choose."""

    model: Autoencoder
    recent: bool = False
    weighting: str = "binary"

    def __call__(self, split: Split, seed: int) -> Recommender:
        recommender = Recommender(self.model, weighting=self.weighting)
        return recommender.fit(_learned_from(split, self.recent), support=False)


@dataclass(frozen=True)
class _Chosen:
    """A closed form, its settings chosen by climbing."""

    kind: type[Autoencoder]
    budget: float
    metric: str
    weighting: str = "binary"
    search: Ladders | None = None

    def __call__(self, split: Split, seed: int) -> Recommender:
        split = _seen_by(self.weighting, split)
        choice = choose(
            self.kind,
            split.train,
            split.validation,
            max_seconds=self.budget,
            metric=self.metric,
            weighting=self.weighting,
            search=(self.search or SEARCHES[self.kind]).on("auto", seed),
        )
        model = Recommender(choice.model, weighting=self.weighting)
        return model.fit(split.refit, support=False)


@dataclass(frozen=True)
class _Trained:
    """A neural model, its number of epochs chosen by early stopping."""

    model: NeuralAutoencoder
    budget: float
    metric: str

    def __call__(self, split: Split, seed: int) -> Recommender:
        model = clone(self.model).set_params(
            random_state=seed,
            max_seconds=self.budget if split.refit is split.train else self.budget / 2,
            batch_size=batch_size_for(split.train.n_users),
        )
        return Recommender(model).fit_chosen(split, metric=self.metric, support=False)


@dataclass(frozen=True)
class _Auto:
    """Whatever `auto` finds; where one item is given, what its `also_bought` answers."""

    budget: float
    metric: str
    repeats: bool = False
    neural: bool = True

    def __call__(self, split: Split, seed: int) -> Ranker:
        weighting = "binary" if split.fading is None else "recent"
        split = _seen_by(weighting, split)
        found = auto(
            split.train,
            split.validation if split.whole is None else split.whole,
            split.refit,
            budget=self.budget,
            metric=self.metric,
            repeats=self.repeats,
            neural=self.neural,
            seed=seed,
            weighting=weighting,
            support=split.whole is not None,
        )
        return found.recommender if split.whole is None else _AlsoBought(found.recommender)


@dataclass(frozen=True)
class _AlsoBought:
    """Ranks, for rows of one item, as `also_bought` does."""

    recommender: Recommender

    def rank(self, given: CSR, k: int, *, filter_seen: bool) -> NDArray[np.int64]:
        chosen, _, _ = self.recommender._also(given.indices, min(k, self.recommender.n_others))
        return filled(chosen, k)


def line_up(
    split: Split,
    names: Collection[str] | None = None,
    *,
    budget: float = BUDGET,
    metric: str = METRIC,
) -> dict[str, Fit]:
    """Return the models to compare on a split, by name.

    Parameters
    ----------
    split : Split
        Recent popularity is among them only where it has times, and models that heed how long ago
        a purchase was only where it has a half-life.
    names : collection of str, optional
        Which to take, told apart by letters and digits; all if None, but for those that are the
        linear one with fewer settings.
    budget : float
        Seconds for each to choose its settings or to train.
    metric : str
        What settings are chosen by.

    Raises
    ------
    InputError
        If a name is unknown.
    """
    models = every(split, budget, metric)
    if names is not None:
        known = {letters(name): name for name in models}
        names = [known.get(letters(name), name) for name in names]
    unknown = [name for name in names or () if name not in models]
    if any(letters(name) == "recentlinear" for name in unknown):
        raise InputError(
            "recent linear needs a half-life of purchases, and none was given or is ahead here; "
            "give the days (--half-life 30), or leave it out"
        )
    if unknown:
        raise _no_such(unknown[0], models)
    taken = set(models) - set(LINEAR) if names is None else set(names)
    return {name: fit for name, fit in models.items() if name in taken}


def require_known(names: Collection[str]) -> None:
    """Refuse a name that is of no model, whatever the split.

    Examples
    --------
    >>> require_known(["item-knn", "Netflix"])
    Traceback (most recent call last):
        ...
    likewise.errors.InputError: there is no model 'Netflix'; the models are popularity, ...
    """
    models = _models(LinearAutoencoder, BUDGET, METRIC)
    known = set(map(letters, models))
    for name in names:
        if letters(name) not in known:
            raise _no_such(name, models)


def _no_such(name: str, models: Collection[str]) -> InputError:
    return InputError(f"there is no model {name!r}; the models are {', '.join(models)}")


def letters(name: str) -> str:
    """Return what is told apart in a name: `item-knn` is item k-NN, `als` ALS."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def every(split: Split, budget: float = BUDGET, metric: str = METRIC) -> dict[str, Fit]:
    """Return all models that the split has what they need for, see `line_up`."""
    models = _models(tried_first(split.train.n_items, budget), budget, metric)
    if linear_kind(split.train.n_items) is not LinearAutoencoder:
        models = {name: model for name, model in models.items() if name not in LINEAR}
    if not has_repeats(split.validation):
        del models["auto for repeats"]
    if split.recent is None:
        del models["recent popularity"]
    if split.fading is None:
        del models["recent linear"]
    return models


def _models(linear: type[Autoencoder], budget: float, metric: str) -> dict[str, Fit]:
    return {
        "popularity": _Fixed(Popularity()),
        "recent popularity": _Fixed(Popularity(), recent=True),
        "personal frequency": _Fixed(PersonalFrequency(), weighting="linear"),
        "item k-NN": _Chosen(ItemNeighbours, budget, metric),
        "RP3beta": _Chosen(RP3Beta, budget, metric),
        "undercomplete": _Trained(UndercompleteAutoencoder(n_latent=64), budget, metric),
        "Mult-DAE": _Trained(DenoisingAutoencoder(), budget, metric),
        "Mult-VAE": _Trained(VariationalAutoencoder(), budget, metric),
        "RecVAE": _Trained(RecVAE(), budget, metric),
        "H+Vamp": _Trained(HVamp(), budget, metric),
        "cosine": _Trained(CosineAutoencoder(), budget, metric),
        "kernel": _Chosen(KernelAutoencoder, budget, metric),
        "spectral": _Chosen(SpectralAutoencoder, budget, metric),
        "LLE": _Chosen(LocallyLinearAutoencoder, budget, metric),
        "ALS": _Chosen(ALSAutoencoder, budget, metric),
        **{
            name: _Chosen(LinearAutoencoder, budget, metric, search=search)
            for name, search in LINEAR.items()
        },
        "linear": _Chosen(linear, budget, metric),
        "recent linear": _Chosen(linear, budget, metric, "recent"),
        "blend": _Auto(budget, metric, neural=False),
        "auto": _Auto(budget, metric),
        "auto for repeats": _Auto(budget, metric, repeats=True),
    }


def _seen_by(weighting: str, split: Split) -> Split:
    """Return the split as models see it: those that heed how long ago a purchase was, fading."""
    return split.fading if weighting == "recent" and split.fading is not None else split


def _learned_from(split: Split, recent: bool) -> Interactions:
    return split.recent if recent and split.recent is not None else split.refit
