"""The catalogue: outer ids, titles and counts of the items that a recommender knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from likewise.data.interactions import Interactions
from likewise.data.vocabulary import Vocabulary, as_ids, listed
from likewise.errors import InputError
from likewise.recommend.baskets import Recommended, as_table, frame_kind
from likewise.recommend.topk import NO_ITEM


@dataclass(frozen=True)
class Catalogue:
    """What is known of the items; it names rows on the way out and numbers ids on the way in.

    Parameters
    ----------
    items : Vocabulary
        The outer ids.
    titles : ndarray of shape (I,) of str
        Empty where there is none.
    counts : ndarray of shape (I,), int64
        How many baskets held each item; the order of the fallback list.
    """

    items: Vocabulary
    titles: NDArray[Any]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, interactions: Interactions) -> Self:
        """Take the catalogue of interactions."""
        titles = interactions.titles
        if titles is None:
            titles = np.full(interactions.n_items, "", dtype=object)
        return cls(interactions.items, titles, interactions.item_counts)

    @classmethod
    def of_table(cls, table: pa.Table) -> Self:
        """Take back what `table` gave."""
        return cls(
            Vocabulary(as_ids(table["item"].to_pylist())),
            np.array(table["title"].to_pylist(), dtype=object),
            table["count"].to_numpy(),
        )

    def table(self) -> pa.Table:
        """Return the columns item, title and count."""
        ids = pa.array(self.items.ids)
        titles = pa.array([str(title or "") for title in self.titles], pa.string())
        return pa.table({"item": ids, "title": titles, "count": pa.array(self.counts)})

    def __len__(self) -> int:
        return len(self.items)

    def id_of(self, row: int) -> int | str:
        """Return the outer id of the item at `row`, as plain Python has it."""
        item: int | str = self.items.ids[row : row + 1].tolist()[0]
        return item

    def title(self, row: int) -> str:
        """Return the title of the item at `row`; its id where it has none."""
        return str(self.titles[row] or self.items.ids[row])

    def title_of(self, item: Any) -> str:
        """Return the title of a known item; its id where it has none."""
        return self.title(int(self.items.encode([item])[0]))

    def named(self, rows: NDArray[Any], scores: NDArray[Any]) -> Iterator[Recommended]:
        """Name a ranked list of row numbers, up to where it ends."""
        known = rows != NO_ITEM
        there, found = rows[known], scores[known].tolist()
        ids, titles = self.items.decode(there).tolist(), self.titles[there].tolist()
        for id_, score, title in zip(ids, found, titles, strict=True):
            yield Recommended(id_, score, str(title or id_))

    def rows_of(self, items: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return the ids in a list, or in a frame's column item, and their row numbers.

        Raises
        ------
        InputError
            If an item is unknown.
        """
        if frame_kind(items):
            table = as_table(items)
            if "item" not in table.column_names:
                raise InputError(
                    f"the table has the columns {', '.join(table.column_names)}; it needs item"
                )
            items = table["item"].to_pylist()
        ids = as_ids(listed(items, "items"))
        rows = self.items.encode(ids.tolist())
        if len(unknown := ids[rows < 0]):
            more = f" ({len(unknown):,} of the {len(ids):,} given are unknown)"
            raise InputError(
                f"the item {unknown.tolist()[0]!r} is not among the {len(self):,} items of the "
                f"model{more if len(unknown) > 1 else ''}; give items that were in the log"
            )
        return ids, rows
