"""One column of a table as columns of a float matrix, and back.

A `Quantity` (number, time, yes or no) is one matrix column, a `Category` one for each of its texts;
either has one more, 1 where the value is missing, if values were missing when it was learned.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ulp
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from likewise.data.arrow_values import (
    arrow_type,
    clock,
    floats,
    is_number,
    is_text,
    is_time,
    require_plain,
    unfloat,
)
from likewise.errors import InputError

Values = NDArray[np.float64]

DECIMAL_COMMAS = "its values look like numbers with a decimal comma; write them with a point"

MOST_DECIMALS = 9


FARTHEST = 1e12
"""Deviations from the mean at most: squares and sums of what a net makes of them fit in float32."""


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A column of numbers, times or truth values: z = (x - mean) / scale.

    Parameters
    ----------
    name, type : str
        The column's name and its Arrow type.
    mean, scale : float
        Of the values that were there; 0 and 1 for truth values. A constant column has scale 1.
    decimals : int or None
        Decimal places that all values had, so that they come back to the last digit; 0 for whole
        numbers, times and truth values, None where there is no such number.
    origin, unit : int
        A time is counted in `unit` ticks from `origin`; 0 and 1 for what is no time.
    missing : bool
        Whether values were missing.
    """

    kind: ClassVar[str] = "quantity"

    name: str
    type: str
    mean: float
    scale: float
    decimals: int | None
    origin: int
    unit: int
    missing: bool

    @classmethod
    def of(cls, name: str, array: pa.Array) -> "Quantity":
        """Learn a column."""
        origin, unit = clock(array) if is_time(array.type) else (0, 1)
        values = floats(array, origin, unit)
        there = values[~np.isnan(values)]
        if np.isinf(there).any():
            raise InputError(
                f"column {name!r} holds infinite values; make them numbers, or missing (NaN)"
            )
        mean, scale = (0.0, 1.0) if pa.types.is_boolean(array.type) else _moments(there)
        return cls(
            name=name, type=str(array.type), mean=mean, scale=scale, origin=origin, unit=unit,
            decimals=_decimals(there) if pa.types.is_floating(array.type) else _places(array.type),
            missing=len(there) < len(values),
        )  # fmt: skip

    @property
    def names(self) -> list[str]:
        """Names of the matrix columns."""
        return [self.name, *([f"{self.name} is missing"] if self.missing else [])]

    def encode(self, array: pa.Array) -> Values:
        """Return the matrix columns; a missing value counts as the mean."""
        values = floats(_cast(self, array), self.origin, self.unit)
        absent = np.isnan(values)
        z = values / self.scale - self.mean / self.scale
        z[absent] = 0.0
        if not np.isfinite(z).all():
            raise InputError(
                f"column {self.name!r} holds values that are infinite or far beyond those it was "
                f"learned from (about {self.mean:g} ± {self.scale:g}); mend them"
            )
        z = z.clip(-FARTHEST, FARTHEST)
        return np.column_stack([z, absent]) if self.missing else z[:, None]

    def decode(self, matrix: Values) -> pa.Array:
        """Return the column of its matrix columns."""
        values = (matrix[:, 0] + self.mean / self.scale) * self.scale
        if self.decimals is not None:
            values = np.round(values, self.decimals)
        absent = matrix[:, 1] > 0.5 if self.missing else None
        return unfloat(values, absent, arrow_type(self.type), self.origin, self.unit)


@dataclass(frozen=True, kw_only=True)
class Category:
    """A column of texts: one matrix column for each, 1 where the row has it and else 0.

    Parameters
    ----------
    name, type : str
        The column's name, and "string", or "null" where it never held a value.
    values : tuple of str
        The texts; any other counts as missing.
    missing : bool
        Whether values were missing.
    """

    kind: ClassVar[str] = "category"

    name: str
    type: str
    values: tuple[str, ...]
    missing: bool

    @classmethod
    def of(cls, name: str, array: pa.Array, max_categories: int) -> "Category":
        """Learn a column; refuse one of too many different texts."""
        found = sorted(pc.unique(array.drop_null()).to_pylist())
        if len(found) > max_categories:
            raise InputError(
                f"column {name!r} has {len(found):,} different texts in {len(array):,} rows"
                + (f"; {DECIMAL_COMMAS}" if _have_decimal_commas(found) else "")
                + f"; leave the column out (--without), or allow more than {max_categories:,} with "
                "max_categories=N (--max-categories)"
            )
        return cls(
            name=name, type=str(array.type), values=tuple(found), missing=array.null_count > 0
        )

    @property
    def names(self) -> list[str]:
        """Names of the matrix columns."""
        absent = [f"{self.name} is missing"] if self.missing else []
        return [*(f"{self.name}={value}" for value in self.values), *absent]

    def encode(self, array: pa.Array) -> Values:
        """Return the matrix columns."""
        table = pa.array(self.values, pa.string())
        places = pc.fill_null(pc.index_in(_cast(self, array).cast(pa.string()), table), -1)
        hot = places.to_numpy(zero_copy_only=False)[:, None] == np.arange(len(self.values))
        absent = ~hot.any(axis=1, keepdims=True)
        return np.hstack([hot, absent] if self.missing else [hot]).astype(np.float64)

    def decode(self, matrix: Values) -> pa.Array:
        """Return the column: in each row the text with the largest number, missing if none > 0."""
        texts = [*self.values, *([None] if self.missing else [])]
        if not texts:  # all values were missing, and none is remembered to have been
            return pa.nulls(len(matrix), arrow_type(self.type))
        best = matrix.argmax(axis=1)
        none = matrix.max(axis=1) <= 0
        places = pa.array(best, mask=none)
        return pa.array(texts, arrow_type(self.type)).take(places)


Column = Quantity | Category


def learn(name: str, array: pa.Array, max_categories: int) -> Column:
    """Return the column of a name and its values.

    Raises
    ------
    InputError
        If its values are of a kind that has no place in a matrix of numbers.
    """
    if is_text(array.type) or pa.types.is_null(array.type):
        return Category.of(name, array, max_categories)
    require_plain(pa.table({name: array}))
    return Quantity.of(name, array)


def with_decimal_commas(table: pa.Table) -> list[str]:
    """Return the columns of texts that look like numbers with a decimal comma, such as 82,5.

    Examples
    --------
    >>> table = pa.table({"area": ["82,5", None, "1.077,4"], "place": ["7,b", "1", "2"]})
    >>> with_decimal_commas(table)
    ['area']
    """
    columns = {name: table[name] for name in table.column_names if is_text(table[name].type)}
    texts = {name: pc.unique(column.drop_null()).to_pylist() for name, column in columns.items()}
    return [name for name, found in texts.items() if _have_decimal_commas(found)]


def _have_decimal_commas(texts: Sequence[str]) -> bool:
    number = r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?"
    return any("," in text for text in texts) and all(re.fullmatch(number, one) for one in texts)


def as_json(column: Column) -> dict[str, Any]:
    """Return a column as plain JSON."""
    values = {"values": list(column.values)} if isinstance(column, Category) else {}
    return {"kind": column.kind} | asdict(column) | values


def from_json(record: dict[str, Any]) -> Column:
    """Return the column that `as_json` gave.

    Raises
    ------
    InputError
        If it is malformed.
    """
    values = {key: value for key, value in record.items() if key != "kind"}
    try:
        if record["kind"] == Category.kind:
            texts = tuple(str(text) for text in values.pop("values"))
            column: Column = Category(**values, values=texts)
            if not column.names:
                raise ValueError("it has neither values nor missing ones")
        else:
            numbers: dict[str, Any] = {key: float(values.pop(key)) for key in ("mean", "scale")}
            column = Quantity(**values, **numbers)
            if not (np.isfinite(column.mean) and 0 < column.scale < np.inf and column.unit >= 1):
                raise ValueError("its numbers")
        arrow_type(column.type)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the column {record.get('name')!r} of the folder is not sound") from error
    return column


def _cast(column: Column, array: pa.Array) -> pa.Array:
    """Return values as the column's type where that loses nothing; whole numbers may be floats."""
    wanted = arrow_type(column.type)
    if array.type == wanted or (is_number(array.type) and is_number(wanted)):
        return array
    try:
        return array.cast(wanted)
    except pa.ArrowException as error:
        raise InputError(
            f"column {column.name!r} was learned as {wanted} and is {array.type} now; "
            "give it as it was"
        ) from error


def _moments(values: Values) -> tuple[float, float]:
    """Return mean and deviation; the deviation is 1 where it is only rounding."""
    largest = float(np.abs(values).max(initial=0.0))
    if not largest:
        return 0.0, 1.0
    shares = values / largest  # squares of huge values would overflow
    mean, deviation = float(shares.mean()), float(shares.std())
    varies = deviation > 4 * ulp(1.0) and deviation * largest > 0
    return mean * largest, deviation * largest if varies else 1.0


def _decimals(values: Values) -> int | None:
    """Return the decimal places that all values have, None if there are more than a few."""
    if np.abs(values).max(initial=0.0) >= 2**53 / 10**MOST_DECIMALS:
        return None
    few = values[:100]
    for places in range(MOST_DECIMALS + 1):
        if (np.round(few, places) == few).all() and (np.round(values, places) == values).all():
            return places
    return None


def _places(type_: pa.DataType) -> int:
    return int(type_.scale) if pa.types.is_decimal128(type_) else 0
