"""What a model folder holds of every estimator alike: settings as JSON, the names of columns."""

from typing import Any

import numpy as np

from likewise.errors import InputError

_NAMES = "feature_names"


def plain(value: Any) -> Any:
    """Return a parameter as JSON has it; a RandomState, which has no end of numbers, as null.

    Examples
    --------
    >>> plain((np.int64(600), 0.5)), plain(np.random.RandomState(0))
    ([600, 0.5], None)
    """
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, np.random.RandomState):
        return None
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def names_of(model: Any) -> dict[str, Any]:
    """Return the names of the columns that were learned, if they had any."""
    names = getattr(model, "feature_names_in_", None)
    return {} if names is None else {_NAMES: [str(name) for name in names]}


def restore_names(model: Any, extra: dict[str, Any]) -> None:
    """Take back what `names_of` gave; folders of older versions have none.

    Raises
    ------
    InputError
        If they are not as many texts as there are columns.
    """
    names = extra.get(_NAMES)
    if names is None:
        return
    texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not texts or len(names) != model.n_features_in_:
        raise InputError(f"{_NAMES} are not the names of {model.n_features_in_} columns")
    model.feature_names_in_ = np.array(names, dtype=object)
