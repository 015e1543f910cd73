"""What a shop knows of its items: category, price, whether they are in stock. Rules use it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from likewise.data.engine import Engine, engine, name_sql, own_errors
from likewise.data.relation import Relation
from likewise.data.sources import open_source
from likewise.data.values import id_of, text_of
from likewise.data.verdicts import require_well_formed
from likewise.errors import LogError
from likewise.recommend.catalogue import Catalogue

COLUMNS = ("category", "price", "in_stock")
NO_CATEGORY = -1
_TRUE = "('true', 't', 'yes', 'y', '1')"


@dataclass(frozen=True)
class Attributes:
    """The attributes of a catalogue's items, in the order of its rows.

    Parameters
    ----------
    categories : tuple of str
        Their names.
    category : ndarray of shape (I,), int32, or None
        A place in `categories`, -1 where there is none.
    price : ndarray of shape (I,), float64, or None
        NaN where there is none.
    in_stock : ndarray of shape (I,), bool, or None
        False where it is not known.
    """

    categories: tuple[str, ...] = ()
    category: NDArray[np.int32] | None = None
    price: NDArray[np.float64] | None = None
    in_stock: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, table: pa.Table, catalogue: Catalogue) -> Self:
        """Take the columns of a table (see :func:`read_attributes`) for a catalogue's items."""
        rows = catalogue.items.encode(table["item"].to_pylist())
        known = rows >= 0
        found: dict[str, Any] = {}
        if "category" in table.column_names:
            encoded = table["category"].combine_chunks().dictionary_encode()
            found["categories"] = tuple(encoded.dictionary.to_pylist())
            codes = encoded.indices.fill_null(NO_CATEGORY).to_numpy(zero_copy_only=False)
            found["category"] = _placed(codes[known], rows[known], len(catalogue), NO_CATEGORY)
        if "price" in table.column_names:
            prices = table["price"].to_numpy()
            found["price"] = _placed(prices[known], rows[known], len(catalogue), np.nan)
        if "in_stock" in table.column_names:
            stock = table["in_stock"].combine_chunks().fill_null(False)
            values = stock.to_numpy(zero_copy_only=False)
            found["in_stock"] = _placed(values[known], rows[known], len(catalogue), False)
        return cls(**found)

    @property
    def columns(self) -> list[str]:
        """Names of the columns that are there."""
        return [name for name in COLUMNS if getattr(self, name) is not None]

    def row(self, row: int) -> dict[str, Any]:
        """Return what is known of the item at `row`."""
        found: dict[str, Any] = {}
        if self.category is not None and self.category[row] != NO_CATEGORY:
            found["category"] = self.categories[self.category[row]]
        if self.price is not None and not np.isnan(self.price[row]):
            found["price"] = float(self.price[row])
        if self.in_stock is not None:
            found["in_stock"] = bool(self.in_stock[row])
        return found


def read_attributes(path: str | Path) -> pa.Table:
    r"""Read a table with the column item and some of category, price and in_stock.

    A csv, tsv, jsonl or parquet file. `in_stock` is true for true, yes, y, t, 1 and any number
    above 0 (what is left).

    Raises
    ------
    LogError
        If the file cannot be read, has none of the columns, an item twice, or a price that is no
        number.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "items.csv").write_text("item,price,in_stock\n007,1.5,yes\n")
    ...     read_attributes(f"{folder}/items.csv").to_pylist()
    [{'item': '007', 'price': 1.5, 'in_stock': True}]
    """
    with engine() as duck:
        relation = open_source(duck, path)
        there = [name for name in COLUMNS if name in relation.columns]
        if "item" not in relation.columns or not there:
            raise LogError(
                f"{relation.name} has the columns {', '.join(relation.columns)}; "
                f"it needs item and some of {', '.join(COLUMNS)}"
            )
        chosen = [f"{id_of(duck, relation, 'item')} AS item"]
        chosen += [f"{_SQL[name](relation)} AS {name_sql(name)}" for name in there]
        with own_errors(relation.name):
            sql = f"SELECT {', '.join(chosen)} FROM {relation.sql}"
            table = duck.connection.sql(sql).to_arrow_table()
        _check(duck, relation, table)
    return table


def _stock(relation: Relation) -> str:
    text = f"lower(trim({text_of(relation.columns['in_stock'])}))"
    return f"coalesce({text} IN {_TRUE} OR TRY_CAST({text} AS DOUBLE) > 0, false)"


_SQL = {
    "category": lambda relation: text_of(relation.columns["category"]),
    "price": lambda relation: f"CAST({text_of(relation.columns['price'])} AS DOUBLE)",
    "in_stock": _stock,
}


def _check(duck: Engine, relation: Relation, table: pa.Table) -> None:
    require_well_formed(duck, relation)
    items = [str(item) for item in table["item"].to_pylist()]
    if table["item"].null_count or len({*items}) != len(items):
        raise LogError(f"{relation.name} has an item twice, or a row without; give each item once")


def _placed(values: NDArray[Any], rows: NDArray[np.int64], n_items: int, missing: Any) -> Any:
    placed = np.full(n_items, missing, dtype=values.dtype)
    placed[rows] = values
    return placed
