"""The configuration: what kind of model it is, and what the other files must look like."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from likewise.artifact import items, strict_json, tensors
from likewise.artifact.contents import (
    CONFIG,
    FORMAT_VERSION,
    JSON,
    Contents,
    likewise_version,
    require_keys,
    require_version,
    shown,
)
from likewise.artifact.tensors import Spec
from likewise.errors import InputError, ModelFolderError

KEYS = ("format_version", "likewise_version", "type", "parameters", "extra", "tensors", "items")
_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Config:
    """The checked configuration."""

    type: str
    parameters: dict[str, JSON]
    extra: dict[str, JSON]
    specs: dict[str, Spec]
    items: dict[str, Any] | None


def encode(contents: Contents) -> bytes:
    """Return ``config.json`` for contents whose tensors and items are ready.

    Raises
    ------
    InputError
        If the type is no plain name, or the parameters or the extra part are not plain JSON.
    """
    if not _TYPE.fullmatch(contents.type):
        raise InputError(f"the type is {shown(contents.type)}; give its name in the table of types")
    strict_json.encode(contents.parameters, "the parameters")
    strict_json.encode(contents.extra, "the extra part")
    specs = tensors.specs_of(contents.tensors)
    record: dict[str, JSON] = {
        "format_version": FORMAT_VERSION,
        "likewise_version": likewise_version(),
        "type": contents.type,
        "parameters": contents.parameters,
        "extra": contents.extra,
        "tensors": {name: spec.to_json() for name, spec in specs.items()},
        "items": items.describe(contents.items),
    }
    return strict_json.encode(record, CONFIG)


def decode(data: bytearray, known_types: Collection[str]) -> Config:
    """Return the checked configuration in `data`, which nobody vouches for.

    Raises
    ------
    ModelFolderError
        If the version is another, a key is missing or unknown, the type is not one of
        `known_types`, or an entry is malformed.
    """
    record = strict_json.decode(data, CONFIG)
    require_version(record, CONFIG)
    require_keys(record, KEYS, CONFIG)
    type_ = record["type"]
    if not isinstance(type_, str) or type_ not in known_types:
        raise ModelFolderError(
            f"{CONFIG}: the type is {shown(type_)}; known are {', '.join(sorted(known_types))}"
        )
    if not isinstance(record["likewise_version"], str):
        raise ModelFolderError(f"{CONFIG}: likewise_version must be a string")
    specs = _object(record, "tensors").items()
    return Config(
        type=type_,
        parameters=_object(record, "parameters"),
        extra=_object(record, "extra"),
        specs={name: Spec.from_json(name, entry) for name, entry in specs},
        items=items.checked_description(record["items"]),
    )


def _object(record: dict[str, JSON], key: str) -> dict[str, JSON]:
    value = record[key]
    if not isinstance(value, dict):
        raise ModelFolderError(f"{CONFIG}: {key} is {shown(value)}; it must be an object")
    return value
