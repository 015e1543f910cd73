"""Rules at the time of a request: what may be recommended, how much of a kind, what is to rise.

A rule is a mask or a factor over the items, so it costs a few passes over a row of scores, and a
request without rules costs nothing. Shapes: B baskets, I items.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from likewise.data.vocabulary import listed
from likewise.errors import InputError, is_count
from likewise.recommend.attributes import NO_CATEGORY, Attributes
from likewise.recommend.catalogue import Catalogue
from likewise.recommend.topk import tie_order


@dataclass(frozen=True)
class Rules:
    """Rules over a catalogue's items; `Rules.of` makes them from a shop's words.

    Parameters
    ----------
    allowed : ndarray of shape (I,), bool, or None
        What may be recommended; all if None.
    factors : ndarray of shape (I,), float32, or None
        A score above 0 is multiplied by its item's factor, one below 0 divided by it, so that a
        factor above 1 always raises.
    category : ndarray of shape (I,), or None
        Each item's category; -1 is none, and not limited.
    at_most : int
        How many of a category may be in a list.

    Examples
    --------
    >>> rules = Rules(allowed=np.array([True, False, True]), factors=np.array([1, 1, 2.0]))
    >>> scores = np.array([[0.3, 0.9, 0.2]])
    >>> rules.apply(scores)
    >>> scores
    array([[ 0.3, -inf,  0.4]])
    """

    allowed: NDArray[np.bool_] | None = None
    factors: NDArray[np.float32] | None = None
    category: NDArray[np.int32] | None = None
    at_most: int = 0

    @classmethod
    def of(
        cls,
        catalogue: Catalogue,
        attributes: Attributes | None = None,
        *,
        exclude: Iterable[Any] = (),
        include: Iterable[Any] | None = None,
        categories: Sequence[str] | None = None,
        min_price: float | None = None,
        max_price: float | None = None,
        in_stock: bool = False,
        at_most_per_category: int | None = None,
        boost: Mapping[Any, float] | None = None,
    ) -> Self:
        """Make rules that hold all at once; ids that the catalogue does not know change nothing.

        An item whose category, price or stock is not known does not pass a rule about it.

        Raises
        ------
        InputError
            If a rule needs attributes that are not there, names no category of theirs, or is a text
            in place of a list; if a factor is not above 0, or a number of items not 1 or more.
        """
        known = attributes or Attributes()
        masks = []
        if include is not None:
            masks.append(_among(catalogue, listed(include, "include")))
        if left_out := listed(exclude, "exclude"):
            masks.append(~_among(catalogue, left_out))
        if categories is not None:
            names = listed(categories, "categories", "a list of names: ['cups', 'pots']")
            masks.append(np.isin(_needed(known, "category"), _places(known, names)))
        if min_price is not None:
            masks.append(_needed(known, "price") >= min_price)
        if max_price is not None:
            masks.append(_needed(known, "price") <= max_price)
        if in_stock:
            masks.append(_needed(known, "in_stock"))
        limited = None
        if at_most_per_category is not None:
            if not is_count(at_most_per_category):
                raise InputError(
                    f"at_most_per_category={at_most_per_category!r}; give a whole number, 1 or more"
                )
            limited = _needed(known, "category")
        return cls(
            np.logical_and.reduce(masks) if masks else None,
            _factors(catalogue, boost) if boost else None,
            limited,
            at_most_per_category or 0,
        )

    def apply(self, scores: NDArray[Any]) -> None:
        """Change scores of shape (B, I) in place; -inf marks what may not be chosen."""
        if self.allowed is not None:
            scores[:, ~self.allowed] = -np.inf
        if self.factors is not None:
            np.multiply(scores, self.factors, out=scores, where=scores > 0)
            np.divide(scores, self.factors, out=scores, where=scores < 0)
        if self.category is not None:
            for row in scores:
                row[self._too_many(row, self.category)] = -np.inf

    def _too_many(self, row: NDArray[Any], category: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return all but the best `at_most` of each category.

        The k best of what remains are what going down the ranking, and passing over an item
        whose category is full, would choose.
        """
        able = np.flatnonzero(np.isfinite(row) & (category != NO_CATEGORY))
        ties = tie_order(len(row))[able]
        order = able[np.lexsort((ties, -row[able], category[able]))]
        group = category[order]
        first = np.flatnonzero(np.diff(group, prepend=NO_CATEGORY))
        rank = np.arange(len(order)) - np.repeat(first, np.diff(first, append=len(order)))
        surplus: NDArray[np.int64] = order[rank >= self.at_most]
        return surplus


def _among(catalogue: Catalogue, ids: Iterable[Any]) -> NDArray[np.bool_]:
    rows = catalogue.items.encode(ids)
    mask = np.zeros(len(catalogue), dtype=bool)
    mask[rows[rows >= 0]] = True
    return mask


def _needed(attributes: Attributes, name: str) -> NDArray[Any]:
    values: NDArray[Any] | None = getattr(attributes, name)
    if values is None:
        raise InputError(
            f"a rule needs the {name} of items, which is not known; give a table of attributes "
            f"with the columns item and {name}"
        )
    return values


def _places(attributes: Attributes, names: Sequence[str]) -> list[int]:
    places = {name: place for place, name in enumerate(attributes.categories)}
    if unknown := [name for name in names if name not in places]:
        raise InputError(f"no item has the category {unknown[0]!r}; give one of the attributes'")
    return [places[name] for name in names]


def _factors(catalogue: Catalogue, boost: Mapping[Any, float]) -> NDArray[np.float32]:
    given = np.array(list(boost.values()), dtype=np.float32)
    if not (np.isfinite(given) & (given > 0)).all():
        raise InputError("a boost is not above 0; give factors: above 1 raises, below 1 lowers")
    rows = catalogue.items.encode(boost)
    factors = np.ones(len(catalogue), dtype=np.float32)
    factors[rows[rows >= 0]] = given[rows >= 0]
    return factors
