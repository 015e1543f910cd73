"""What a model folder holds, and the names and limits that its writer and its reader share."""

import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import NDArray

from likewise.errors import ModelFolderError

if TYPE_CHECKING:
    import pyarrow as pa

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

FORMAT_VERSION = 1
"""Raised whenever a folder is written that an older likewise would misread."""

CONFIG = "config.json"
WEIGHTS = "weights.safetensors"
ITEMS = "items.parquet"
METRICS = "metrics.json"
CARD = "README.md"
MANIFEST = "manifest.json"
NAMES = frozenset({CONFIG, WEIGHTS, ITEMS, METRICS, CARD, MANIFEST})
OPTIONAL = frozenset({ITEMS})

MAX_TEXT = 4 * 2**20
"""Bytes that each of the JSON files and the model card may have."""


@dataclass(frozen=True, eq=False)
class Contents:
    """The contents of a model folder.

    Parameters
    ----------
    type : str
        The type's name in the table of types, such as ``"linear"``.
    parameters : dict
        The constructor's keywords, as plain JSON.
    tensors : dict of ndarray
        The weights: floats (finite) or integers.
    extra : dict
        What else is small and needed to load, as plain JSON; the caller checks its keys.
    items : pyarrow.Table or None
        Columns ``item`` (int64 or string, distinct), ``title`` (string, empty where there is none)
        and ``count`` (int64); None where the model has no items.
    metrics : dict
        Protocol, values, intervals, as plain JSON.
    card : str
        The model card, Markdown.
    """

    type: str
    parameters: dict[str, JSON]
    tensors: dict[str, NDArray[Any]]
    extra: dict[str, JSON]
    items: "pa.Table | None"
    metrics: dict[str, JSON]
    card: str


def shown(value: object) -> str:
    r"""Return a value from an untrusted file fit for an error line: short, no control characters.

    Examples
    --------
    >>> shown("red" + chr(27) + "[31m")
    "'red\\x1b[31m'"
    """
    return reprlib.repr(value)


def require_keys(record: Mapping[str, Any], keys: Iterable[str], what: str) -> None:
    """Refuse a record that has other keys than these.

    Raises
    ------
    ModelFolderError
        If a key is missing or unknown.
    """
    wanted = set(keys)
    if missing := sorted(wanted - record.keys()):
        raise ModelFolderError(f"{what} lacks {shown(missing[0])}; it needs {sorted(wanted)}")
    if unknown := sorted(record.keys() - wanted):
        raise ModelFolderError(
            f"{what} has the unknown key {shown(unknown[0])}; allowed are {sorted(wanted)}"
        )


def likewise_version() -> str:
    """Return the version of likewise that runs."""
    try:
        return metadata.version("likewise")
    except metadata.PackageNotFoundError:  # run from a source tree
        return "unknown"


def require_version(record: Mapping[str, Any], what: str) -> None:
    """Refuse a record of another format version, before anything else in it is looked at.

    Raises
    ------
    ModelFolderError
        If ``format_version`` is missing or is not :data:`FORMAT_VERSION`.
    """
    version = record.get("format_version")
    if type(version) is int and version == FORMAT_VERSION:
        return
    raise ModelFolderError(
        f"{what} is of format version {shown(version)} and this likewise ({likewise_version()}) "
        f"reads version {FORMAT_VERSION}; load it with the likewise that wrote it, "
        "or train and save it again"
    )
