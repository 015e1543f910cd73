"""Companions: of each item the others that go with it best, for "customers also bought".

A basket of one item is better served by other settings than whole baskets are. Of a model with such
settings only the best others of each item are kept.

Shapes: I items, N others kept, Q items asked about, K top-k.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from likewise.errors import InputError
from likewise.memory import require_memory

if TYPE_CHECKING:
    from likewise.recommend.recommender import Recommender

MOST_OTHERS = 500
"""Others of an item that are kept; in a catalogue of few items, all."""

MAX_PAIRS = 1 << 26
"""In a very large catalogue fewer are kept, so that there are no more than this in all."""


PAIRS_PER_SECOND = 1.2e8
"""Of items, scored and ranked on one thread, of a catalogue of 10,000 and more."""


@dataclass(frozen=True)
class Companions:
    """The best others of each item, best first.

    Parameters
    ----------
    items : ndarray of shape (I, N), int32
        Row numbers.
    scores : ndarray of shape (I, N), float32
        What they reached.

    Examples
    --------
    >>> kept = Companions(np.array([[1, 2], [0, 2], [1, 0]]), np.array([[2, 1], [2, 1], [3, 1]]))
    >>> kept.best(np.array([2, 0]), 1)[0]
    array([[1],
           [1]])
    """

    items: NDArray[np.int32]
    scores: NDArray[np.float32]

    @classmethod
    def of(cls, recommender: "Recommender") -> Self:
        """Keep what a fitted recommender's model makes of each item alone."""
        columns = np.arange(recommender.n_items)
        n = cls.kept(recommender.n_items)
        require_memory(
            cls.bytes_for(recommender.n_items),
            f"the {n} best others of {recommender.n_items:,} items",
            "also_bought answers from the model without them",
        )
        kept = cls(np.empty((len(columns), n), np.int32), np.empty((len(columns), n), np.float32))
        scorer = recommender.scorer
        for rows in scorer.blocks(len(columns)):
            kept.items[rows], kept.scores[rows] = scorer.others(columns[rows], n)
        return kept

    @staticmethod
    def kept(n_items: int) -> int:
        """Return N.

        Examples
        --------
        >>> [Companions.kept(n_items) for n_items in (12, 10_000, 1_000_000)]
        [11, 500, 67]
        """
        return min(n_items - 1, MOST_OTHERS, max(1, MAX_PAIRS // n_items))

    @classmethod
    def bytes_for(cls, n_items: int) -> int:
        """Return what they take."""
        return 8 * n_items * cls.kept(n_items)

    @staticmethod
    def seconds_for(n_items: int) -> float:
        """Return how long finding them will take."""
        return n_items**2 / PAIRS_PER_SECOND

    @property
    def n_others(self) -> int:
        """N."""
        return int(self.items.shape[1])

    def best(
        self, columns: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the k best others of each of these items, and their scores: shape (Q, K)."""
        return self.items[columns, :k].astype(np.int64), self.scores[columns, :k]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays, for the model folder."""
        return {"items": self.items, "scores": self.scores}

    @classmethod
    def from_tensors(cls, tensors: dict[str, NDArray[Any]], n_items: int) -> Self:
        """Take the arrays back, checked."""
        items, scores = tensors.get("items"), tensors.get("scores")
        if items is None or scores is None or len(tensors) != 2:
            raise InputError("companions are two tensors, items and scores")
        if (
            items.dtype != np.int32
            or scores.dtype != np.float32
            or not (items.shape == scores.shape == (n_items, *items.shape[1:2]) and items.size)
        ):
            raise InputError(
                f"companions of {n_items} items are int32 row numbers and float32 scores, as many "
                f"for each item; they are {items.dtype} of shape {items.shape} and {scores.dtype} "
                f"of shape {scores.shape}"
            )
        own, ordered = np.arange(n_items)[:, None], np.sort(items, axis=1)
        repeated = (ordered[:, 1:] == ordered[:, :-1]).any() or (items == own).any()
        if repeated or ordered[:, 0].min() < 0 or ordered[:, -1].max() >= n_items:
            raise InputError(f"companions are other items among {n_items}, each named once")
        if not np.isfinite(scores).all() or (scores[:, 1:] > scores[:, :-1]).any():
            raise InputError("the scores of companions are finite numbers, the best first")
        return cls(items, scores)
