"""Arrow arrays of numbers, truth values and times as floats, and back."""

import re
from datetime import date
from math import gcd

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from likewise.errors import InputError

Values = NDArray[np.float64]

UNITS = (86_400, 3_600, 60, 1)
"""Seconds in the units of time that whole columns may be counted in."""
_EPOCH = date(1970, 1, 1).toordinal()
TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def arrow_type(text: str) -> pa.DataType:
    """Return the Arrow type of what `str` made of one that a column may have.

    Examples
    --------
    >>> arrow_type("timestamp[us, tz=UTC]")
    TimestampType(timestamp[us, tz=UTC])
    """
    if match := re.fullmatch(r"timestamp\[(s|ms|us|ns), tz=([\w/+:-]{1,64})\]", text):
        return pa.timestamp(match[1], match[2])
    if match := re.fullmatch(r"decimal(?:128)?\((\d{1,2}), (\d{1,2})\)", text):
        return pa.decimal128(int(match[1]), int(match[2]))
    return pa.string_view() if text == "string_view" else pa.type_for_alias(text)


def is_text(type_: pa.DataType) -> bool:
    """Say whether a type holds texts."""
    types = pa.types
    return bool(types.is_string(type_) or types.is_large_string(type_) or type_ == pa.string_view())


def is_number(type_: pa.DataType) -> bool:
    """Say whether a type holds numbers."""
    types = pa.types
    return bool(types.is_integer(type_) or types.is_floating(type_) or types.is_decimal128(type_))


def is_time(type_: pa.DataType) -> bool:
    """Say whether a type holds dates, times of day, instants or durations."""
    return bool(pa.types.is_temporal(type_)) and not pa.types.is_interval(type_)


def require_plain(table: pa.Table) -> None:
    """Refuse a table with columns that are neither numbers, texts, truth values nor times.

    Raises
    ------
    InputError
        If there are such; every one is named.

    Examples
    --------
    >>> require_plain(pa.table({"price": [1.5], "tags": [["new", "red"]]}))
    Traceback (most recent call last):
        ...
    likewise.errors.InputError: column 'tags' is of type list<...>; a column holds numbers, ...
    """
    types = pa.types
    tests = (is_text, is_number, is_time, types.is_boolean, types.is_null)
    faults = [
        f"column {field.name!r} is of type {field.type}"
        for field in table.schema
        if not any(test(_values(field.type)) for test in tests)
    ]
    if faults:
        raise InputError(
            f"{'; '.join(faults)}; a column holds numbers, texts, truth values, dates or times: "
            "leave it out, or make such columns of its parts"
        )


def _values(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def floats(array: pa.Array, origin: int, unit: int) -> Values:
    """Return values as floats, NaN where they are missing."""
    if is_time(array.type):
        counts = _counts(array)
        there = array.is_valid().to_numpy(zero_copy_only=False)
        # Differences first: a float does not hold nanoseconds since 1970.
        return np.where(there, (counts - origin) / unit, np.nan)
    floats: Values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return floats.copy()


def unfloat(
    values: Values, absent: NDArray[np.bool_] | None, type_: pa.DataType, origin: int, unit: int
) -> pa.Array:
    """Return floats as an array of a type: what `floats` took apart, put together."""
    if pa.types.is_boolean(type_):
        return pa.array(values > 0.5, mask=absent)
    if is_time(type_):
        first, last = ((limit - origin) / unit for limit in _instants(type_))
        ticks = origin + np.clip(values, first, last).astype(np.int64) * unit
        days = pa.types.is_date32(type_) or pa.types.is_time32(type_)
        return pa.array(ticks.astype(np.int32) if days else ticks, mask=absent).cast(type_)
    if pa.types.is_integer(type_):
        kind = np.dtype(type_.to_pandas_dtype())
        limits = np.iinfo(kind)
        high = float(limits.max)
        high = high if int(high) <= limits.max else np.nextafter(high, 0)  # 2⁶³ is no int64
        return pa.array(np.clip(values, limits.min, high).astype(kind), mask=absent)
    return pa.array(values, mask=absent).cast(type_, safe=False)


def _instants(type_: pa.DataType) -> tuple[float, float]:
    """Return the ticks between which a time can be told: of dates, the years 1 to 9999."""
    first, last = (day - _EPOCH for day in (date.min.toordinal(), date.max.toordinal()))
    if pa.types.is_date32(type_):
        return first, last
    if pa.types.is_date64(type_) or pa.types.is_timestamp(type_):
        a_day = 86_400 * TICKS[getattr(type_, "unit", "ms")]
        return max(first * a_day, -(2.0**62)), min(last * a_day, 2.0**62)
    return -(2.0**61), 2.0**61


def _counts(array: pa.Array) -> NDArray[np.int64]:
    whole = array.cast(pa.int32()) if array.type.bit_width == 32 else array
    counts: NDArray[np.int64] = pc.fill_null(whole.cast(pa.int64()), 0).to_numpy()
    return counts


def clock(array: pa.Array) -> tuple[int, int]:
    """Return the first instant, and the longest unit that all are whole numbers of."""
    counts = _counts(array.drop_null())
    if not len(counts):
        return 0, 1
    origin = int(counts.min())
    step = gcd(*np.unique(counts - origin).tolist())
    per_second = TICKS.get(getattr(array.type, "unit", ""), 0)
    whole = [seconds * per_second for seconds in UNITS] + [per_second // 10**n for n in (3, 6)]
    return origin, next((unit for unit in whole if unit and step and step % unit == 0), 1)
