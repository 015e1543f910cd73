"""Refuse a Parquet file that is not plain, before a Parquet reader touches it.

A Parquet file of a few kilobytes can ask for gigabytes (compression, dictionaries, shared
prefixes), and a damaged footer can end the process inside the reader. So the footer and the page
headers, which are Thrift structs in the compact protocol, are read here first: one row group, no
dictionary, no compression, every page plain. Plain values take their own size, which bounds what
reading takes by the size of the file.
"""

from collections.abc import Iterator
from typing import Any

MAX_FOOTER = 4096
_MAX_PAGE_HEADER = 64
_MAX_DEPTH = 8
_MAGIC = b"PAR1"
_NUMBERS, _BINARY, _LIST, _STRUCT = (4, 5, 6), 8, 9, 12  # Thrift's types
_UNCOMPRESSED, _DATA_PAGE, _PLAIN = 0, 0, 0  # Parquet's enumerations


def require_plain(data: bytearray, rows: int, columns: int) -> None:
    """Refuse all but plain pages of `rows` values in each of `columns` columns.

    Raises
    ------
    ValueError
        If the file is anything else.
    """
    footer = _footer(data)
    groups = _field(footer, 4, list)
    if len(groups) != 1 or _field(footer, 3) != rows or _field(groups[0], 3) != rows:
        raise ValueError(f"it is not one row group of {rows} rows")
    chunks = [_field(chunk, 3, dict) for chunk in _field(groups[0], 1, list)]
    if len(chunks) != columns:
        raise ValueError(f"it has {len(chunks)} columns and not {columns}")
    for chunk in chunks:
        _require_plain_chunk(data, chunk, rows)


def _footer(data: bytearray) -> dict[int, Any]:
    length = int.from_bytes(data[-8:-4], "little")
    if len(data) < 12 or data[:4] != _MAGIC or data[-4:] != _MAGIC:
        raise ValueError("it is not a Parquet file")
    if length > min(MAX_FOOTER, len(data) - 12):
        raise ValueError(f"its footer has {length} bytes; at most {MAX_FOOTER} are allowed")
    fields, end = _metadata(data[-8 - length : -8])
    if end != length:
        raise ValueError("its footer is malformed")
    return fields


def _require_plain_chunk(data: bytearray, chunk: dict[int, Any], rows: int) -> None:
    if _field(chunk, 4) != _UNCOMPRESSED or 11 in chunk:
        raise ValueError("a column is compressed or has a dictionary")
    start, length = _field(chunk, 9), _field(chunk, 7)
    if rows == 0 and length == 0:
        return  # no pages, so they begin nowhere
    if start < len(_MAGIC) or length < 0 or start + length > len(data):
        raise ValueError("a column lies outside the file")
    if not rows == _field(chunk, 5) == sum(_pages(data, start, start + length)):
        raise ValueError(f"a column does not hold {rows} values")


def _pages(data: bytearray, at: int, end: int) -> Iterator[int]:
    """Walk the pages from `at` to `end`; yield how many values each holds."""
    while at < end:
        page, taken = _metadata(data[at : at + _MAX_PAGE_HEADER])
        values, size = _field(page, 5, dict), _field(page, 3)
        if _field(page, 1) != _DATA_PAGE or _field(values, 2) != _PLAIN:
            raise ValueError("a page is not a plain data page")
        if _field(page, 2) != size or not 1 <= _field(values, 1) <= size:
            raise ValueError("a page has an impossible size")
        at += taken + size
        yield _field(values, 1)
    if at != end:
        raise ValueError("a page is longer than its column")


def _field(struct: dict[int, Any], number: int, kind: type = int) -> Any:
    value = struct.get(number)
    if type(value) is not kind:
        raise ValueError("its metadata lack a field")
    return value


def _metadata(data: bytearray) -> tuple[dict[int, Any], int]:
    try:
        return _struct(data, 0)
    except IndexError as error:
        raise ValueError("its metadata are cut short") from error


def _struct(data: bytearray, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """Read fields up to the stop byte; return them by number, and where the struct ends."""
    if depth > _MAX_DEPTH:
        raise ValueError("its metadata are nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        if head < 16:  # numbers that go up by more than 15 at a time do not occur
            raise ValueError("its metadata are malformed")
        number += head >> 4
        fields[number], at = _value(data, at + 1, head & 15, depth)
    return fields, at + 1


def _value(data: bytearray, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (1, 2):
        return kind == 1, at
    if kind in _NUMBERS:
        number, at = _varint(data, at)
        return (number >> 1) ^ -(number & 1), at
    if kind == _BINARY:
        length, at = _varint(data, at)
        return bytes(data[at : at + length]), at + length
    if kind == _LIST:
        return _list(data, at, depth + 1)
    if kind == _STRUCT:
        return _struct(data, at, depth + 1)
    raise ValueError("its metadata hold a field of an unexpected type")


def _list(data: bytearray, at: int, depth: int) -> tuple[list[Any], int]:
    head, at = data[at], at + 1
    length, kind = head >> 4, head & 15
    if length == 15:
        length, at = _varint(data, at)
    if kind in (1, 2):  # would take no bytes here, so its length would bound nothing
        raise ValueError("its metadata hold a field of an unexpected type")
    values = []
    for _ in range(length):
        value, at = _value(data, at, kind, depth)
        values.append(value)
    return values, at


def _varint(data: bytearray, at: int) -> tuple[int, int]:
    """Read a number of at most 64 bits, seven bits a byte, the lowest first."""
    value = 0
    for shift in range(0, 64, 7):
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("its metadata hold a number of more than 64 bits")
