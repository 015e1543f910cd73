"""Recommendations by the million: a table of baskets in, a file out, within fixed memory.

Shapes: B baskets of a block, K top-k.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from likewise.data.basket_table import BasketTable, open_baskets
from likewise.data.table_file import TableFile
from likewise.memory import BESIDE, available_memory, require_memory
from likewise.recommend.baskets import long_table, refuse_other_kind
from likewise.recommend.checks import require_remaining
from likewise.recommend.recommender import Recommender

BLOCK_ROWS = 1 << 20
"""Rows of the result that are made at a time, where memory is not short."""

ROW_BYTES = 160
"""What such a row takes while it is made and written."""

PURCHASE_BYTES = 48
"""What a purchase of those that it is made of takes."""

LEAST_BASKETS = 64
"""Baskets that are answered at a time where memory is short."""


@dataclass(frozen=True)
class Written:
    """What a file of recommendations holds.

    Parameters
    ----------
    n_rows : int
        One for each recommended item.
    n_baskets : int
        Users that were answered.
    n_fallback : int
        Users of whose items none is known; they got the most popular ones.
    """

    n_rows: int
    n_baskets: int
    n_fallback: int


def recommend_file(
    recommender: Recommender,
    baskets: str | Path,
    out: str | Path,
    k: int = 10,
    *,
    filter_seen: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Recommend k items for each user of a table of baskets, block by block, into a file.

    Memory does not grow with the number of users: the table is staged by DuckDB, which spills to
    disk, and the result is written as it is made. The file appears when it is whole.

    Parameters
    ----------
    recommender : Recommender
        Fitted.
    baskets : path
        csv, tsv, jsonl or parquet with a column of users and one of items, one row a purchase.
    out : path
        .parquet, .csv, .tsv or .jsonl; its columns are user, item, score, fallback, rank.
    k, filter_seen
        As for :meth:`Recommender.recommend`.
    progress : callable, optional
        Told the baskets done and how many there are.

    Raises
    ------
    InputError
        If the table cannot be read, or k is larger than what remains of the catalogue.
    NotEnoughMemoryError
        If a few baskets at a time would not fit.
    MachineError
        If the file cannot be written; an older one is then as it was.
    """
    items = recommender.catalogue_.items
    with open_baskets(baskets, items) as table:
        if not table.any_known:
            refuse_other_kind([table.first_item], items)
        require_remaining(k, len(items), table.shortest if filter_seen else 0)
        n_rows = n_fallback = 0
        size = _size(table, recommender, k)
        with TableFile(Path(out)) as file:
            for start in range(0, table.n_baskets, size):
                found = _block(recommender, table, start, start + size, k, filter_seen)
                file.write(found)
                n_rows += found.num_rows
                firsts = found["rank"].to_numpy() == 1
                n_fallback += int(found["fallback"].to_numpy()[firsts].sum())
                if progress is not None:
                    progress(min(start + size, table.n_baskets), table.n_baskets)
    return Written(n_rows, table.n_baskets, n_fallback)


def _size(table: BasketTable, recommender: Recommender, k: int) -> int:
    """Return how many baskets are answered at a time: as many as memory has room for."""
    most = max(1, BLOCK_ROWS // k)
    each = k * ROW_BYTES + PURCHASE_BYTES * math.ceil(table.n_purchases / table.n_baskets)
    beside = BESIDE + recommender.scorer.bytes_held(min(most, table.n_baskets))
    table.make_room(beside + min(most, table.n_baskets) * each)
    least = beside + min(LEAST_BASKETS, most, table.n_baskets) * each
    require_memory(least, f"recommending {k} items a basket", "free some memory")
    return min(most, max(1, (available_memory() - beside) // each))


def _block(
    recommender: Recommender, table: BasketTable, start: int, stop: int, k: int, filter_seen: bool
) -> pa.Table:
    users, rows = table.block(start, stop)
    chosen, scores = recommender.scorer.ranked(rows, k, filter_seen=filter_seen)
    fallback = np.diff(rows.indptr) == 0
    columns = {"score": scores, "fallback": fallback[:, None]}
    return long_table("user", users, recommender.catalogue_.items, chosen, columns)
