"""The space that `likewise tune` searches: from --set, and from a TOML file."""

import tomllib
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.utils._param_validation import Interval

from likewise.cli.models import NOT_SET, setting
from likewise.errors import InputError

if TYPE_CHECKING:
    from likewise.autoencoders import Autoencoder
    from likewise.recommend.tuning import OneOf, Span


def from_file(path: Path) -> list[str]:
    """Return what a file gives settings, texts, numbers or lists of them, as --set has it.

    Raises
    ------
    InputError
        If it is no such file.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"--space {path}: {error}") from error
    return [f"{name}={_text(value)}" for name, value in table.items()]


def read(
    texts: Sequence[str], model: "Autoencoder"
) -> tuple[dict[str, Any], dict[str, "Span | OneOf"]]:
    """Read NAME=VALUE (fixed), NAME=LOW..HIGH or LOW..HIGH:log, and NAME=A|B|C.

    Of what is given of one setting twice, the later counts.

    Returns
    -------
    fixed : dict
        Settings of one value.
    space : dict
        What may be tried of the others.

    Raises
    ------
    InputError
        If a text is none of these, or the type has no such setting.

    Examples
    --------
    >>> from likewise.autoencoders import LinearAutoencoder
    >>> read(["l2=1..100:log", "dropout=0|0.5", "item_power=0.2"], LinearAutoencoder())[0]
    {'item_power': 0.2}
    """
    from likewise.recommend.tuning import OneOf

    allowed = {
        name: model._parameter_constraints[name]
        for name in model.get_params(deep=False)
        if name not in NOT_SET
    }
    fixed: dict[str, Any] = {}
    space: dict[str, Span | OneOf] = {}
    for text in texts:
        name, _, value = text.partition("=")
        fixed.pop(name, None)
        space.pop(name, None)
        if ".." in value:
            space[name] = _span(text, allowed, model.type_name)
        elif "|" in value:
            parts = [part.strip() for part in value.split("|")]
            read_as = [setting(f"{name}={part}", allowed, model.type_name)[1] for part in parts]
            space[name] = OneOf(dict(zip(parts, read_as, strict=True)))
        else:
            fixed |= [setting(text, allowed, model.type_name)]
    return fixed, space


def _span(text: str, allowed: Mapping[str, Sequence[Any]], type_name: str) -> "Span":
    from likewise.recommend.tuning import Span

    name, _, value = text.partition("=")
    ends, separator, how = value.partition(":")
    low, high = (
        setting(f"{name}={end}", dict(allowed), type_name)[1] for end in ends.split("..", 1)
    )
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high))
    log = how == "log"
    if not numbers or not low < high or (separator and not log) or (log and low <= 0):
        raise InputError(
            f"--set {text}: give LOW..HIGH with LOW below HIGH, or LOW..HIGH:log with LOW above 0"
        )
    whole = any(isinstance(c, Interval) and c.type is Integral for c in allowed[name])
    return Span(low, high, log, whole)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "|".join(_text(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
