"""Tables in whatever they come: pandas and polars frames, Arrow tables, arrays; and back."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from likewise.data.arrow_values import arrow_type, is_text
from likewise.errors import InputError

KINDS = ("array", "pandas", "polars", "arrow")

Categories = dict[str, tuple[tuple[str | int, ...], bool]]


@dataclass(frozen=True)
class Shape:
    """What a table came as, so that another can be given back so.

    Parameters
    ----------
    kind : {"array", "pandas", "polars", "arrow"}
        The library.
    dtypes : tuple of str
        The columns' types by its own names; of an array, the one.
    categories : dict of str to (tuple of str or of int, bool)
        For categorical columns, the categories and whether they are ordered.
    """

    kind: str
    dtypes: tuple[str, ...]
    categories: Categories

    def restore(self, table: pa.Table) -> Any:
        """Return an Arrow table as one of this kind."""
        if self.kind == "array":
            columns = [column.to_numpy(zero_copy_only=False) for column in table.columns]
            return np.column_stack(columns).astype(self.dtypes[0])
        if self.kind == "pandas":
            return self._pandas(table)
        return self._polars(table) if self.kind == "polars" else self._arrow(table)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        categories: list[Any] = [
            {"name": name, "texts": list(values), "ordered": ordered}
            for name, (values, ordered) in self.categories.items()
        ]
        return {"kind": self.kind, "dtypes": list(self.dtypes), "categories": categories}

    @classmethod
    def from_json(cls, record: dict[str, Any], names: Sequence[str]) -> "Shape":
        """Take back what `as_json` gave, of a table with columns of these names.

        Raises
        ------
        InputError
            If it does not fit them.
        """
        categories = {
            str(one["name"]): (tuple(map(_category, one["texts"])), bool(one["ordered"]))
            for one in record["categories"]
        }
        dtypes = tuple(map(str, record["dtypes"]))
        n_dtypes = 1 if record["kind"] == "array" else len(names)
        if record["kind"] not in KINDS or len(dtypes) != n_dtypes or set(categories) - set(names):
            raise InputError("what the folder says of the table's types does not fit its columns")
        return cls(str(record["kind"]), dtypes, categories)

    def _pandas(self, table: pa.Table) -> Any:
        import pandas as pd

        columns = {}
        for name, dtype in zip(table.column_names, self.dtypes, strict=True):
            values = table[name].to_pandas()
            if name in self.categories:
                given, ordered = self.categories[name]
                texts = {str(one): one for one in given}
                coded = pd.Categorical(values, list(texts), ordered=ordered)
                columns[name] = pd.Series(coded.rename_categories(texts))
            elif dtype == "object":
                columns[name] = values.astype(object).where(values.notna(), None)
            else:
                columns[name] = values.astype(dtype)
        return pd.DataFrame(columns)

    def _polars(self, table: pa.Table) -> Any:
        import polars as pl

        frame: Any = pl.from_arrow(table)
        wanted = {
            name: pl.Enum(map(str, texts)) if is_enum else pl.Categorical
            for name, (texts, is_enum) in self.categories.items()
        }
        return frame.cast(wanted) if wanted else frame

    def _arrow(self, table: pa.Table) -> pa.Table:
        columns = {}
        for name, dtype in zip(table.column_names, self.dtypes, strict=True):
            column = table[name]
            coded = re.match(r"dictionary<values=(\w+)", dtype)
            plain = column.cast(arrow_type(coded[1] if coded else dtype))
            columns[name] = plain.dictionary_encode() if coded else plain
        return pa.table(columns)


def require_collected(X: Any) -> None:
    """Refuse polars' plan of a frame, which holds no rows."""
    if type(X).__name__ == "LazyFrame":
        raise InputError("a LazyFrame was given, which holds no rows yet; give .collect() of it")


def as_table(X: Any) -> tuple[pa.Table, Shape]:
    """Return rows as an Arrow table of plain columns, and what they came as.

    NaN counts as missing. Categorical columns, of texts or whole numbers, become texts.

    Raises
    ------
    InputError
        If `X` is no table, or a column mixes kinds of values.

    Examples
    --------
    >>> table, shape = as_table(np.array([[1.0, np.nan]]))
    >>> table.to_pylist(), shape.kind
    ([{'x0': 1.0, 'x1': None}], 'array')
    """
    require_collected(X)
    if isinstance(X, pa.Table):
        table, kind, dtypes = X, "arrow", [str(field.type) for field in X.schema]
    elif hasattr(X, "iloc"):
        table, kind, dtypes = _of_pandas(X), "pandas", [str(dtype) for dtype in X.dtypes]
    elif hasattr(X, "__arrow_c_stream__"):
        table, kind, dtypes = pa.table(X), "polars", [str(dtype) for dtype in X.schema.values()]
    else:
        array = _checked(X)
        table, kind, dtypes = _of_array(array), "array", [str(array.dtype)]
    _require_distinct(table.column_names)
    return _plain(table, Shape(kind, tuple(dtypes), _categories(X, table, kind)))


def _plain(table: pa.Table, shape: Shape) -> tuple[pa.Table, Shape]:
    """Return a table without dictionaries and without NaN, each column in one piece."""
    columns = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        whole = column.combine_chunks()
        whole = whole.combine_chunks() if isinstance(whole, pa.ChunkedArray) else whole
        if pa.types.is_dictionary(field.type):
            whole = whole.dictionary.cast(pa.string()).take(whole.indices)
        if is_text(whole.type):
            whole = whole.cast(pa.string())
        if pa.types.is_floating(field.type):
            whole = pa.array(whole.to_numpy(zero_copy_only=False), field.type, from_pandas=True)
        columns[field.name] = whole
    return pa.table(columns), shape


def _of_pandas(frame: Any) -> pa.Table:
    return pa.table(
        {str(name): _array_of(str(name), values) for name, values in frame.items()}
        if frame.columns.is_unique
        else _refuse_twice([str(name) for name in frame.columns])
    )


def _array_of(name: str, values: Any) -> pa.Array:
    try:
        return pa.array(values, from_pandas=True)
    except pa.ArrowException as error:
        raise InputError(
            f"column {name!r} mixes kinds of values, or holds some that are no plain ones; "
            "make them all numbers or all texts"
        ) from error


def _of_array(array: Any) -> pa.Table:
    names = [f"x{place}" for place in range(array.shape[1])]
    return pa.table(
        {name: _array_of(name, column) for name, column in zip(names, array.T, strict=True)}
    )


def _checked(X: Any) -> Any:
    """Return rows as an array of two dimensions, in the words that scikit-learn has for others."""
    from sklearn.utils import check_array

    if sparse.issparse(X):
        raise InputError("a sparse matrix was given; a table is dense: give .toarray() of it")
    try:
        return check_array(X, dtype=None, ensure_all_finite=False, ensure_min_features=1)
    except ValueError as error:
        raise InputError(str(error)) from error


def _categories(X: Any, table: pa.Table, kind: str) -> Categories:
    """Return the categories of categorical columns, and whether they are ordered."""
    coded = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    find = _FIND_CATEGORIES.get(kind)
    found = {name: find(X, name) if find else ([], False) for name in coded}
    for name, (values, _) in found.items():
        if not any({type(value) for value in values} <= {kind} for kind in (str, int)):
            raise InputError(
                f"column {name!r} has categories that are neither texts nor whole numbers; "
                "make them texts"
            )
    return {name: (tuple(values), ordered) for name, (values, ordered) in found.items()}


def _category(value: Any) -> str | int:
    return value if isinstance(value, int) else str(value)


def _pandas_categories(frame: Any, name: str) -> tuple[list[Any], bool]:
    place = [str(column) for column in frame.columns].index(name)
    values = frame.iloc[:, place].cat
    return values.categories.tolist(), bool(values.ordered)


def _polars_categories(frame: Any, name: str) -> tuple[list[Any], bool]:
    """Return those of an Enum; a Categorical keeps none of its own."""
    dtype = frame.schema[name]
    is_enum = str(dtype).startswith("Enum")
    return (dtype.categories.to_list() if is_enum else []), is_enum


_FIND_CATEGORIES: dict[str, Callable[[Any, str], tuple[list[Any], bool]]] = {
    "pandas": _pandas_categories,
    "polars": _polars_categories,
}


def _require_distinct(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        _refuse_twice(names)


def _refuse_twice(names: Sequence[str]) -> Any:
    twice = next(name for name in names if list(names).count(name) > 1)
    raise InputError(f"two columns are named {twice!r}; give each its own name")
