"""What a model folder keeps of a recommender, and the recommender that a folder gives back."""

import dataclasses
from typing import TYPE_CHECKING, Any, TypeVar

from likewise.artifact import Contents
from likewise.autoencoders import Autoencoder, NeighbourhoodAutoencoder
from likewise.autoencoders.base import copy_of
from likewise.errors import InputError
from likewise.recommend.catalogue import Catalogue
from likewise.recommend.checks import require_places
from likewise.recommend.classic import Classic
from likewise.recommend.companions import Companions
from likewise.recommend.support import Support

if TYPE_CHECKING:
    from likewise.recommend.recommender import Recommender

Kind = TypeVar("Kind", bound="Recommender")

PARTS = ("model", "support", "classic", "companions", "places")
"""What the tensors of a model folder belong to."""


def contents_of(recommender: "Recommender") -> Contents:
    """Return what a model folder holds of a fitted recommender."""
    inner = recommender.model_.contents()
    tensors = _named("model", inner.tensors) | _named("support", recommender.support_.tensors())
    extra = inner.extra | {"recommender": {"weighting": recommender.weighting}}
    if recommender.classic_ is not None:
        tensors |= _named("classic", recommender.classic_.tensors())
        extra["classic"] = recommender.classic_.extra()
    if recommender.companions_ is not None:
        tensors |= _named("companions", recommender.companions_.tensors())
    if recommender.places_ is not None:
        tensors["places"] = recommender.places_
    return dataclasses.replace(
        inner,
        tensors=tensors,
        extra=extra,
        items=recommender.catalogue_.table(),
        metrics=recommender.metrics,
        card=_card(recommender),
    )


def restored(kind: type[Kind], model: type[Autoencoder], contents: Contents) -> Kind:
    """Return the fitted recommender of what a model folder held.

    Raises
    ------
    InputError
        If its parts do not belong together.
    """
    settings, items = contents.extra.get("recommender"), contents.items
    for name in contents.tensors:
        if name.split(".")[0] not in PARTS:
            raise InputError(f"the tensor {name!r} belongs to nothing")
    if not isinstance(settings, dict) or items is None:
        raise InputError("the folder holds an autoencoder, not a recommender; fit a log first")
    inner = dataclasses.replace(contents, tensors=_part("model", contents.tensors))
    fitted = model.from_contents(inner)
    if fitted.n_features_in_ != len(items):
        raise InputError(
            f"the folder lists {len(items)} items for a model of {fitted.n_features_in_}"
        )
    recommender = kind(copy_of(fitted), weighting=str(settings.get("weighting")))
    recommender.model_ = fitted
    recommender.catalogue_ = Catalogue.of_table(items)
    n_items = recommender.n_items
    recommender.support_ = Support.from_tensors(_part("support", contents.tensors), n_items)
    if kept := _part("companions", contents.tensors):
        recommender.companions_ = Companions.from_tensors(kept, n_items)
    recommender.metrics = contents.metrics
    recommender.places_ = contents.tensors.get("places")
    require_places(recommender.places_, n_items)
    if isinstance(classic := contents.extra.get("classic"), dict):
        tensors = _part("classic", contents.tensors)
        recommender.classic_ = Classic.from_parts(tensors, classic, n_items)
    return recommender


def densities_of(model: Autoencoder) -> list[dict[str, int]]:
    """Return how dense a sparse linear autoencoder was made, or each that is part of a blend.

    Examples
    --------
    >>> model = NeighbourhoodAutoencoder(n_neighbours=1).fit([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    >>> densities_of(model)
    [{'n_neighbours': 1, 'n_whole': 3}]
    """
    return [
        {"n_neighbours": part.n_neighbours_, "n_whole": part.n_whole_}
        for part in getattr(model, "parts_", [model])
        if isinstance(part, NeighbourhoodAutoencoder)
    ]


def _dense(model: Autoencoder) -> str:
    """Say how dense a sparse linear autoencoder is, of a blend each."""
    told = [
        f"among {one['n_neighbours']}"
        + (f", the {one['n_whole']} most bought among all" if one["n_whole"] else "")
        for one in densities_of(model)
    ]
    where = "in one part " if len(told) > 1 else ""
    return f"Each item is solved {where}{'; in another '.join(told)}.\n\n" if told else ""


def _named(part: str, tensors: dict[str, Any]) -> dict[str, Any]:
    return {f"{part}.{name}": tensor for name, tensor in tensors.items()}


def _part(part: str, tensors: dict[str, Any]) -> dict[str, Any]:
    prefix = f"{part}."
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _card(recommender: "Recommender") -> str:
    model = type(recommender.model_).__name__
    chosen = recommender.metrics.get("half_life")  # of an older folder, a number
    days = chosen.get("days") if isinstance(chosen, dict) else chosen
    told = f"{days:g}" if isinstance(days, float) else days
    fading = f"What was bought counts half after {told} days.\n\n" if days else ""
    return (
        f"# A recommender\n\n{model} over {recommender.n_items:,} items, "
        f"learned from {recommender.catalogue_.counts.sum():,} purchases.\n\n"
        f"{fading}{_dense(recommender.model_)}"
        "It holds items and pairs of items, and no customer.\n\n"
        '```python\nimport likewise\n\nrecommender = likewise.load("this folder")\n'
        'recommender.recommend([["an item", "another"]], k=10)\n```\n'
    )
