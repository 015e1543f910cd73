"""A table of baskets, of any length, as blocks of rows over a model's items.

DuckDB numbers users and items, and spills to disk what does not fit; a block is read when it is
asked for. Shapes: B baskets of a block, I items.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from likewise.data.engine import Engine, engine
from likewise.data.interactions import CSR, csr
from likewise.data.tables import stage_ids
from likewise.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class BasketTable:
    """Baskets in the order in which their users first appear.

    Parameters
    ----------
    n_baskets : int
        How many users the table has.
    n_purchases : int
        Known items of all baskets.
    shortest : int
        The known items of the basket that has fewest.
    first_item : int or str
        An item of the table, to show what its ids are like.
    any_known : bool
        Whether any item of the table is known.
    """

    n_baskets: int
    n_purchases: int
    shortest: int
    first_item: int | str
    any_known: bool
    _engine: Engine
    _n_items: int

    def block(self, start: int, stop: int) -> tuple[pa.Array, CSR]:
        """Return the users of the baskets from `start` to `stop`, and their rows (B, I)."""
        duck, numbered = self._engine, f"number >= {start} AND number < {stop}"
        users = duck.connection.sql(f"SELECT user FROM buyer WHERE {numbered} ORDER BY number")
        bought = duck.arrays(
            f"SELECT CAST(number - {start} AS INTEGER) AS row, CAST(item AS INTEGER) AS item, "
            f"CAST(times AS FLOAT) AS times FROM bought WHERE {numbered}"
        )
        shape = (min(stop, self.n_baskets) - start, self._n_items)
        return users.to_arrow_table()["user"].combine_chunks(), csr(
            bought["row"], bought["item"], bought["times"], shape
        )

    def make_room(self, n_bytes: int) -> None:
        """Let the table go to disk, where so many bytes are not free beside it."""
        self._engine.make_room(n_bytes)


@contextmanager
def open_baskets(path: str | Path, items: Vocabulary) -> Iterator[BasketTable]:
    r"""Open a table of users and items, one row a purchase; items are those of a model.

    Raises
    ------
    LogError
        If the file cannot be read, a column is missing, or a line or a value is bad.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "baskets.csv").write_text("user,item\nbob,tea\nann,cup\nbob,ink\n")
    ...     with open_baskets(f"{folder}/baskets.csv", Vocabulary.of(["tea", "cup"])) as table:
    ...         users, rows = table.block(0, 2)
    >>> users.to_pylist(), rows.toarray().tolist()
    (['bob', 'ann'], [[1.0, 0.0], [0.0, 1.0]])
    """
    with engine() as duck:
        stage_ids(duck, path, ("user", "item"))
        _number(duck, items)
        ((n_baskets, n_purchases, shortest, known),) = duck.rows(
            "SELECT count(*), sum(known), min(known), max(known) > 0 FROM (SELECT count(item) AS "
            "known FROM buyer LEFT JOIN bought USING (number) GROUP BY number)"
        )
        ((first,),) = duck.rows("SELECT item FROM ids LIMIT 1")
        duck.run("DROP TABLE ids")
        yield BasketTable(n_baskets, int(n_purchases), shortest, first, known, duck, len(items))


def _number(duck: Engine, items: Vocabulary) -> None:
    """Make the tables ``buyer`` (number, user) and ``bought`` (number, item, times)."""
    catalogue = _texts(items)
    duck.connection.register("catalogue", catalogue)
    duck.run(
        "CREATE TEMP TABLE buyer AS SELECT user, row_number() OVER (ORDER BY first) - 1 AS number "
        "FROM (SELECT user, min(rowid) AS first FROM ids GROUP BY user) ORDER BY first"
    )
    duck.run(
        "CREATE TEMP TABLE bought AS SELECT number, row AS item, count(*) AS times FROM ids "
        "JOIN buyer USING (user) JOIN catalogue ON CAST(ids.item AS VARCHAR) = catalogue.text "
        "GROUP BY number, row ORDER BY number, row"
    )


def _texts(items: Vocabulary) -> Any:
    """Return the items as a table of texts, as which ids are known, and row numbers."""
    texts = items.arrow.cast(pa.string())
    return pa.table({"text": texts, "row": pa.array(np.arange(len(items)))})
