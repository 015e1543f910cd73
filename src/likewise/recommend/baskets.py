"""Baskets in, recommendations out, in the kind that was given: lists, frames or CSR matrices."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy import sparse

from likewise.data.interactions import CSR, checked_csr
from likewise.data.vocabulary import Vocabulary, as_ids, listed_baskets
from likewise.errors import InputError

INTEGER = r"^(0|-?[1-9][0-9]*)$"
"""The text of an integer."""


class Recommended(NamedTuple):
    """One recommended item."""

    item: Any
    score: float
    title: str


class AlsoBought(NamedTuple):
    """One item that those who bought another bought too; `support` baskets held both."""

    item: Any
    score: float
    support: int
    title: str


@dataclass(frozen=True)
class Recommendations(Sequence[Recommended]):
    """What is recommended for one basket, best first.

    Parameters
    ----------
    items : tuple of Recommended
        The list.
    unknown : tuple of ids
        Items of the basket that the model has never seen; they were left out.
    fallback : bool
        True if the basket held no known item, and the list is the most popular items.
    """

    items: tuple[Recommended, ...]
    unknown: tuple[Any, ...] = ()
    fallback: bool = False

    def __getitem__(self, index: Any) -> Any:
        return self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Recommended]:
        return iter(self.items)


@dataclass(frozen=True)
class Baskets:
    """Baskets as given, and as rows over the model's items.

    Parameters
    ----------
    matrix : csr_array of shape (B, I)
        The rows.
    users : list
        A name for each row.
    unknown : list of tuple
        For each row, the ids that are not in the vocabulary.
    """

    matrix: CSR
    users: Any
    unknown: list[tuple[Any, ...]]

    @classmethod
    def of(cls, given: Any, items: Vocabulary) -> "Baskets":
        """Make rows of lists of ids, a frame, or a CSR matrix."""
        if sparse.issparse(given):
            return cls.of_matrix(given, items)
        if frame_kind(given):
            return cls.of_table(as_table(given), items)
        if isinstance(given, Sequence) and not isinstance(given, str | bytes):
            return cls.of_lists(given, items)
        raise InputError(
            f"baskets is a {type(given).__name__}; give a list of lists of item ids, "
            "a frame with the columns user and item, or a CSR matrix"
        )

    @classmethod
    def of_lists(cls, baskets: Sequence[Sequence[Any]], items: Vocabulary) -> "Baskets":
        """Make rows of lists of ids."""
        rows = [as_ids(basket).tolist() for basket in listed_baskets(baskets)]
        return cls._of(rows, np.arange(len(rows)), items)

    @classmethod
    def of_table(cls, table: pa.Table, items: Vocabulary) -> "Baskets":
        """Make rows of a table with the columns user and item; users in order of appearance."""
        _require_columns(table, ("user", "item"))
        users, row = _numbered(table["user"])
        ids = as_ids(table["item"].to_pylist()).tolist()
        rows: list[list[Any]] = [[] for _ in users]
        for number, id_ in zip(row, ids, strict=True):
            rows[number].append(id_)
        return cls._of(rows, users, items)

    @classmethod
    def of_matrix(cls, matrix: Any, items: Vocabulary) -> "Baskets":
        """Take a CSR matrix over the model's items."""
        if matrix.shape[1:] != (len(items),):
            raise InputError(
                f"the matrix has shape {matrix.shape}; give {len(items)} columns, one an item"
            )
        checked = checked_csr(matrix)
        return cls(checked, np.arange(checked.shape[0]), [()] * checked.shape[0])

    @classmethod
    def _of(cls, rows: list[list[Any]], users: Any, items: Vocabulary) -> "Baskets":
        ids = [id_ for basket in rows for id_ in basket]
        column = items.encode(ids)
        row = np.repeat(np.arange(len(rows)), [len(basket) for basket in rows])
        known = column >= 0
        matrix = _counted(row[known], column[known], (len(rows), len(items)))
        unknown: list[list[Any]] = [[] for _ in rows]
        for place in np.flatnonzero(~known):
            unknown[row[place]].append(ids[place])
        refuse_other_kind(chain.from_iterable(unknown), items)
        return cls(matrix, users, [tuple(dict.fromkeys(ids)) for ids in unknown])


def _counted(row: NDArray[np.int64], column: NDArray[np.int64], shape: tuple[int, int]) -> CSR:
    """Return how often each cell is named; of one basket this takes a third of what `csr` does."""
    cells, counts = np.unique(row * shape[1] + column, return_counts=True)
    starts = np.searchsorted(cells, np.arange(shape[0] + 1) * shape[1])
    return sparse.csr_array((counts.astype(np.float32), cells % shape[1], starts), shape=shape)


def frame_kind(given: Any) -> Callable[[pa.Table], Any] | None:
    """Return how to make a frame of the kind given from an Arrow table; None if it is no frame."""
    if not hasattr(given, "__arrow_c_stream__"):
        return None
    library = type(given).__module__.split(".")[0]
    if library == "pandas":
        return lambda table: table.to_pandas()
    if library == "polars":
        import polars as pl  # the caller's frame shows that it is installed

        return pl.from_arrow
    return lambda table: table


def as_table(frame: Any) -> pa.Table:
    """Return a pandas or polars frame, or an Arrow table, as an Arrow table.

    Raises
    ------
    InputError
        If a column mixes kinds that Arrow cannot hold together.
    """
    try:
        return pa.table(frame)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(
            f"the frame has a column of mixed kinds: {error}; make ids all one kind"
        ) from error


def long_table(
    name: str, names: Any, items: Vocabulary, chosen: NDArray[np.int64], columns: dict[str, Any]
) -> pa.Table:
    """Return ranked lists as a long table, one row an item, without the places left empty.

    Parameters
    ----------
    name : str
        Of the first column: user, or item.
    names : array of length B
        Its values.
    chosen : ndarray of shape (B, K)
        Row numbers of items, -1 where there is none.
    columns : dict of ndarray of shape (B, K) or (B, 1)
        More columns.
    """
    there = chosen >= 0
    row, place = np.nonzero(there)
    other = "item" if name == "user" else "other"
    names = names if isinstance(names, pa.Array) else pa.array(as_ids(names))
    table = {name: names.take(pa.array(row)), other: items.arrow.take(pa.array(chosen[there]))}
    for key, values in columns.items():
        table[key] = pa.array(np.broadcast_to(values, chosen.shape)[there])
    table["rank"] = pa.array(place.astype(np.int32) + 1)
    return pa.table(table)


def _numbered(column: pa.ChunkedArray) -> tuple[Any, NDArray[np.int64]]:
    encoded = column.combine_chunks().dictionary_encode()
    if encoded.null_count:
        raise InputError("the column user has empty values; give every row a user")
    return as_ids(encoded.dictionary.to_pylist()), encoded.indices.to_numpy()


def refuse_other_kind(unknown: Iterable[Any], items: Vocabulary) -> None:
    """Refuse integers where all items are texts and none that of an integer: all are strangers.

    Leading zeros were lost, or another column was taken. Each id is judged by itself, so that a
    basket is answered, or refused, whichever others stand beside it.

    Examples
    --------
    >>> refuse_other_kind([7], Vocabulary.of(["tea", "8"]))
    >>> refuse_other_kind([7], Vocabulary.of(["tea", "007"]))
    Traceback (most recent call last):
        ...
    likewise.errors.InputError: the baskets' items cannot be the model's: they are int, such as 7,
    and the model's are str, such as 'tea'; give ids as str
    """
    number = next((id_ for id_ in unknown if not isinstance(id_, str)), None)
    if number is None or items.ids.dtype != object:
        return
    if not pc.any(pc.match_substring_regex(items.arrow, INTEGER)).as_py():
        raise InputError(
            f"the baskets' items cannot be the model's: they are int, such as {number!r}, and the "
            f"model's are str, such as {items.ids[0]!r}; give ids as str"
        )


def _require_columns(table: pa.Table, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise InputError(
            f"the table has the columns {', '.join(table.column_names) or '(none)'}; "
            f"it needs {' and '.join(names)}"
        )
