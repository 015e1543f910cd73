"""The model that a command trains: made with what --set gives, shown while it learns."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sklearn.utils._param_validation import Interval, StrOptions

from likewise.autoencoders.allowed import in_words
from likewise.cli.output import Move
from likewise.errors import InputError

if TYPE_CHECKING:
    from likewise.autoencoders import Autoencoder
    from likewise.data.table_columns import Column
    from likewise.nn.plan import Progress

NOT_SET = frozenset({"checkpoint", "parts", "progress", "weights"})
"""Parameters that are no settings: they take what cannot be written in a word."""


def configured(model: "Autoencoder", texts: Sequence[str] | None, **run: Any) -> "Autoencoder":
    """Set what the command itself decides, as far as the type has it, then what --set gives.

    Raises
    ------
    InputError
        If a text is no NAME=VALUE, or names or gives what the type does not have.
    """
    own = model.get_params(deep=False)
    run = {name: value for name, value in run.items() if name in own}
    allowed = {
        name: model._parameter_constraints[name]
        for name in own
        if name not in run and name not in NOT_SET
    }
    given = dict(setting(text, allowed, model.type_name) for text in texts or ())
    model.set_params(**run | given)
    model._validate_params()
    return model


def setting(text: str, allowed: dict[str, Sequence[Any]], type_name: str) -> tuple[str, Any]:
    """Read NAME=VALUE as the parameter's constraints have it.

    Examples
    --------
    >>> allowed = {"pretrain": ["boolean"], "hidden": ["array-like", StrOptions({"auto"})]}
    >>> setting("pretrain=false", allowed, "deep"), setting("hidden=600,200", allowed, "deep")
    (('pretrain', False), ('hidden', (600, 200)))
    """
    name, separator, value = text.partition("=")
    require_settings(allowed, type_name, f"leave --set {text} out")
    if not separator or name not in allowed:
        raise InputError(
            f"--set {text}: {type_name} has the settings {', '.join(allowed)}; "
            "write --set NAME=VALUE"
        )
    try:
        return name, read_as(value, allowed[name])
    except ValueError:
        raise InputError(f"--set {text}: give {kinds(allowed[name])}") from None


def require_settings(allowed: Iterable[str], type_name: str, instead: str) -> None:
    """Refuse a type that has no settings where one is asked for."""
    if not list(allowed):
        raise InputError(f"{type_name} has no settings; {instead}")


def read_as(text: str, constraints: Sequence[Any]) -> Any:
    """Return the value that a text is under the first constraint that allows it.

    Raises
    ------
    ValueError
        If none does.
    """
    for constraint in constraints:
        try:
            return _read(text.strip(), constraint)
        except ValueError:
            continue
    raise ValueError(text)


def kinds(constraints: Sequence[Any]) -> str:
    """Return in words what a setting takes, as it is written.

    Examples
    --------
    >>> kinds([None, "array-like"])
    'none or whole numbers, such as 64,16'
    """
    return in_words(constraints, lambda value: str(value).lower(), "whole numbers, such as 64,16")


def show_progress(model: Any, move: Move, words: "Callable[[Progress], str] | None" = None) -> None:
    """Let a model tell a progress bar how far it is, if it is trained by epochs."""
    if "progress" in model.get_params(deep=False):
        told = words or _words
        model.set_params(progress=lambda at: move(share_done(at), _of_stage(at) + told(at)))


def how_learned(model: Any) -> str:
    """Say what was chosen by the data: how values were scaled, and the loss.

    Examples
    --------
    >>> import numpy as np
    >>> from likewise import UndercompleteAutoencoder
    >>> how_learned(UndercompleteAutoencoder(max_epochs=1).fit(np.eye(3)))
    'learned from values as they are, by the bernoulli loss'
    """
    inner = getattr(model, "model_", model)
    scaling = getattr(inner, "scaling_", None)
    if inner is not model:  # a table: its encoder scaled already
        values = _encoded(model.encoder_.columns_)
    elif scaling is not None:
        values = f"values less their mean, divided by {scaling.scale:.4g}"
    else:
        values = "values as they are"
    loss = getattr(inner, "loss_", None)
    return f"learned from {values}" + (f", by the {loss} loss" if loss else "")


def stopped(model: Any) -> str | None:
    """Return why training ended, as `History.stopped`; None of a type that has no epochs."""
    history = getattr(getattr(model, "model_", model), "history_", None)
    return None if history is None else str(history.stopped)


def cut_short(model: Any, then: str, *, share: str = "") -> list[str]:
    """Say that the time ended the training, if it did, and what more time would bring."""
    if stopped(model) != "max_seconds":
        return []
    epoch = len(getattr(model, "model_", model).history_.epochs)
    return [f"the time{share} ended the training in epoch {epoch}: give more --seconds, and {then}"]


def _encoded(columns: "Sequence[Column]") -> str:
    """Say how the columns of a table became numbers."""
    from likewise.data.table_columns import Category

    texts = [isinstance(column, Category) for column in columns]
    numbers = [] if all(texts) else ["each number in deviations from its column's mean"]
    return ", ".join([*numbers, *(["texts as 0 and 1"] if any(texts) else [])])


def share_done(at: "Progress") -> float:
    """Return how far training is, from 0 to 1."""
    return (at.epoch - 1 + at.rows_done / at.n_rows) / at.max_epochs


def _of_stage(at: "Progress") -> str:
    return f"{at.stage}: " if at.stage else ""


def _words(at: "Progress") -> str:
    held = "" if at.validation is None else f", held-out score {at.validation:.4f}"
    return f"epoch {at.epoch}/{at.max_epochs}, error {at.loss:.4f}{held}"


def _read(value: str, constraint: Any) -> Any:
    """Return the value that a text is under one constraint.

    Raises
    ------
    ValueError
        If it is none.
    """
    if constraint is None and value.lower() == "none":
        return None
    if constraint == "boolean":
        return {"true": True, "false": False}[_one_of(value.lower(), ("true", "false"))]
    if constraint == "array-like":
        return tuple(int(part) for part in value.split(",") if part.strip())
    if isinstance(constraint, StrOptions):
        return _one_of(value, constraint.options)
    if isinstance(constraint, Interval):
        number = float(value) if set(value) & set(".eE") else int(value)
        if not constraint.is_satisfied_by(number):
            raise ValueError(value)
        return number
    if constraint is str:
        return value
    raise ValueError(value)


def _one_of(value: str, options: Iterable[str]) -> str:
    if value not in options:
        raise ValueError(value)
    return value
