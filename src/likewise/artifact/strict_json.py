"""Strict JSON: no NaN, no duplicate keys, no deep nesting, no surprises on the way back."""

import json
import math
import re
from collections.abc import Mapping

from likewise.artifact.contents import JSON, MAX_TEXT, shown
from likewise.errors import InputError, ModelFolderError

MAX_DEPTH = 32

# A string (closed or not, so that no start is tried twice) or a bracket outside strings.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{\]}]', re.DOTALL)


def encode(record: Mapping[str, JSON], what: str) -> bytes:
    r"""Return a record as JSON, the same bytes for the same record.

    Raises
    ------
    InputError
        If the record would not come back as it is: NaN, tuples, keys that are not strings, arrays.

    Examples
    --------
    >>> encode({"l2": 100.0}, "parameters")
    b'{\n  "l2": 100.0\n}\n'
    >>> encode({"l2": (1, 2)}, "parameters")
    Traceback (most recent call last):
        ...
    likewise.errors.InputError: parameters would not come back from JSON as given; use only ...
    """
    try:
        text = json.dumps(record, allow_nan=False, ensure_ascii=False, indent=2, sort_keys=True)
        data = f"{text}\n".encode()
        same = decode(data, what) == record
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{what} cannot be written as JSON: {error}") from error
    if not same:
        raise InputError(
            f"{what} would not come back from JSON as given; "
            "use only dicts with string keys, lists, strings, numbers, booleans and None"
        )
    return data


def decode(data: bytes | bytearray, what: str) -> dict[str, JSON]:
    """Return the JSON object in `data`, which nobody vouches for.

    Raises
    ------
    ModelFolderError
        If it is too large, not UTF-8, not JSON, nested deeper than :data:`MAX_DEPTH`, no object,
        or holds NaN, an infinite number or a key twice.

    Examples
    --------
    >>> decode(b'{"a": 1, "a": 2}', "config.json")
    Traceback (most recent call last):
        ...
    likewise.errors.ModelFolderError: config.json is not strict JSON: the key 'a' occurs twice
    """
    if len(data) > MAX_TEXT:
        raise ModelFolderError(f"{what} has {len(data)} bytes; at most {MAX_TEXT} are allowed")
    try:
        record = _parsed(data.decode())
    except ValueError as error:
        raise ModelFolderError(f"{what} is not strict JSON: {error}") from error
    if not isinstance(record, dict):
        raise ModelFolderError(f"{what} holds {shown(record)}; it must hold one JSON object")
    return record


def _parsed(text: str) -> JSON:
    _refuse_depth(text)
    parsed: JSON = json.loads(
        text, object_pairs_hook=_object, parse_float=_finite, parse_constant=_finite
    )
    json.dumps(parsed, ensure_ascii=False).encode()  # refuses half a surrogate pair
    return parsed


def _refuse_depth(text: str) -> None:
    """Count brackets before parsing: the parser itself would meet its end in the recursion."""
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > MAX_DEPTH:
            raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def _object(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    record: dict[str, JSON] = {}
    for key, value in pairs:
        if key in record:
            raise ValueError(f"the key {shown(key)} occurs twice")
        record[key] = value
    return record


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{shown(text)} is not a finite number")
    return number
