"""The space that `likewise tune` searches: from --set, and from a TOML file."""

import tomllib
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.utils._param_validation import Interval

from likewise.cli.models import NOT_SET, kinds, read_as, setting
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
        if ".." in value and name in allowed:
            space[name] = _span(text, allowed[name])
        elif "|" in value and name in allowed:
            space[name] = _choices(text, allowed[name])
        else:
            fixed |= [setting(text, allowed, model.type_name)]
    return fixed, space


def _choices(text: str, constraints: Sequence[Any]) -> "OneOf":
    from likewise.recommend.tuning import OneOf

    name, _, value = text.partition("=")
    how = f"A|B|C, each {kinds(constraints)}"
    parts = [part.strip() for part in value.split("|")]
    return OneOf({part: _part(text, name, part, constraints, how) for part in parts})


def _span(text: str, constraints: Sequence[Any]) -> "Span":
    from likewise.recommend.tuning import Span

    name, _, value = text.partition("=")
    numbers = [one for one in constraints if isinstance(one, Interval)]
    if not numbers:
        raise InputError(
            f"--set {text}: {name} is no number, and has no range; give {name}=A|B|C, each "
            f"{kinds(constraints)}"
        )
    ends, separator, scale = value.partition(":")
    how = f"LOW..HIGH or LOW..HIGH:log, each {kinds(numbers)}, such as l2=10..1000:log"
    low, high = (_part(text, name, end, numbers, how) for end in ends.split("..", 1))
    log = scale == "log"
    if not low < high or (separator and not log) or (log and low <= 0):
        raise InputError(
            f"--set {text}: give LOW..HIGH with LOW below HIGH, or LOW..HIGH:log with LOW above 0"
        )
    return Span(low, high, log, whole=any(one.type is Integral for one in numbers))


def _part(text: str, name: str, part: str, constraints: Sequence[Any], how: str) -> Any:
    """Read one of the values that a text lets a setting be."""
    try:
        return read_as(part, constraints)
    except ValueError:
        raise InputError(f"--set {text}: {name} cannot be {part!r}; give {how}") from None


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "|".join(_text(one) for one in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
