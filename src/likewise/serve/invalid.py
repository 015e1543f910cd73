"""What is wrong with a request, in words for those who send it: where, what was given, what may be.

pydantic's own words are of Python and of schemas, which who asks need not know. Texts that were
given are not repeated, for a refusal may be kept where they must not be.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from likewise.errors import counted
from likewise.serve.requests import AN_ID

_LONGEST = 64
"""Letters shown of a key."""

_BITS = 63
"""Of a whole number that may be an id, beside its sign."""

_OF_KEYS = {
    "extra_forbidden": "there is no such key; leave it out, or see /docs for those there are",
    "missing": "missing; give it",
}
_OF_VALUES = {
    "bool_parsing": "give true or false",
    "bool_type": "give true or false",
    "dict_type": "give an object",
    "finite_number": "give a finite number",
    "float_parsing": "give a number",
    "float_type": "give a number",
    "greater_than": "give more than {gt:g}",
    "greater_than_equal": "give {ge:g} or more",
    "int_parsing": "give a whole number",
    "int_parsing_size": "give a whole number",
    "int_type": "give a whole number",
    "less_than": "give less than {lt:g}",
    "less_than_equal": "give {le:g} or less",
    "list_type": "give a list",
    "literal_error": "give true, or leave it out",  # of in_stock, the only one
    "model_attributes_type": "give an object",
    "string_too_long": "give at most {max_length} characters",
    "string_type": "give a text",
    "string_unicode": "give a text without lone surrogates",
    "too_long": "give at most {max_length}",
    "too_short": "give at least {min_length}",
    AN_ID: f"an id is a text of at most 256 characters, or a whole number of at most {_BITS} bits",
}


def in_words(fault: Mapping[str, Any]) -> str:
    """Return a fault that pydantic found as a sentence.

    Examples
    --------
    >>> in_words({"type": "less_than_equal", "loc": ("body", "k"), "input": 20, "ctx": {"le": 9}})
    'k: 20 is given; give 9 or less'
    """
    place, kind = fault["loc"][1:], fault["type"]
    if _is_of_an_id(place):
        place, kind = place[:-1], AN_ID
    elif _is_of_a_key(place):
        place = place[:-1]
    where = ".".join(str(part)[:_LONGEST] for part in place)
    return f"{where or 'the body'}: {_fault(kind, fault)}"


def amiss(given: Sequence[tuple[str, str]], known: Collection[str]) -> str | None:
    """Say what is wrong with the keys of an address's query, if anything is.

    Examples
    --------
    >>> amiss([("k", "3"), ("limit", "5")], {"k", "model"})
    'limit: there is no such key; leave it out, or see /docs for those there are'
    >>> amiss([("k", "3"), ("k", "5")], {"k", "model"})
    'k: it is given more than once; give it once'
    """
    seen: set[str] = set()
    for key, _ in given:
        if key not in known:
            return f"{key[:_LONGEST]}: {_OF_KEYS['extra_forbidden']}"
        if key in seen:
            return f"{key}: it is given more than once; give it once"
        seen.add(key)
    return None


def _is_of_an_id(place: tuple[str | int, ...]) -> bool:
    """Whether the last part is what marks an id, which may also be the name of one."""
    return place[-1:] == (AN_ID,) and (place[:-1] == ("item",) or isinstance(place[-2:][0], int))


def _is_of_a_key(place: tuple[str | int, ...]) -> bool:
    """Whether the last part is what marks the key before it, which may be of the same name."""
    return place[-1:] == ("[key]",) and place[-3:-2] == ("boost",)


def _fault(kind: str, fault: Mapping[str, Any]) -> str:
    limits = fault.get("ctx", {})
    if kind == "value_error":  # one of our own
        return str(limits["error"])
    if kind in _OF_KEYS:
        return _OF_KEYS[kind]
    allowed = _OF_VALUES.get(kind)
    if allowed is None:
        return str(fault["msg"])
    return f"{_given(fault['input'])} is given; {allowed.format(**limits)}"


def _given(value: Any) -> str:
    """Say what a value is; numbers are told as they are, also as the texts of an address.

    Examples
    --------
    >>> [_given(value) for value in (None, True, 1.5, 2**80)]
    ['null', 'true', '1.5', 'a whole number of 81 bits']
    >>> [_given(value) for value in ("-3", "secret", [], {})]
    ['the text "-3"', 'a text of 6 characters', 'a list of 0 values', 'an object']
    """
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int() if value.bit_length() > _BITS:
            return f"a whole number of {value.bit_length()} bits"
        case int() | float():
            return str(value)
        case str() if len(value) < 20 and value.removeprefix("-").isdecimal():
            return f'the text "{value}"'
        case str():
            return f"a text of {counted(len(value), 'character')}"
        case list():
            return f"a list of {counted(len(value), 'value')}"
    return "an object"
