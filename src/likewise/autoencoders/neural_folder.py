"""What a model folder holds of the types trained by back-propagation, and how they come back."""

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likewise.autoencoders.base import copy_of
from likewise.autoencoders.choices import is_auto
from likewise.errors import InputError
from likewise.nn.device import resolve_device
from likewise.nn.losses import LOSSES
from likewise.nn.plan import History
from likewise.nn.scaling import Scaling

_SCALING = "scaling"
"""The tensor that holds the columns' means and, last, the scale."""


def as_array(tensor: Tensor) -> NDArray[Any]:
    """Return a tensor as a NumPy array, float32 where it was narrower."""
    array: NDArray[Any] = tensor.detach().float().cpu().numpy()
    return array


def tensors(model: Any) -> dict[str, NDArray[Any]]:
    """Return the learned arrays of a fitted autoencoder, by name.

    Raises
    ------
    InputError
        If its parameters were changed since, and are not those of its net.
    """
    model._require_as_fitted()
    found = {name: as_array(tensor) for name, tensor in model.net_.state_dict().items()}
    if model.scaling_ is not None:
        found[_SCALING] = np.append(model.scaling_.mean, model.scaling_.scale)
    return found


def record(model: Any) -> dict[str, Any]:
    """Return what else is needed, small and JSON."""
    return {
        "loss": model.loss_,
        "chosen": {k: list(v) if isinstance(v, tuple) else v for k, v in model.chosen_.items()},
        "scaled": model.scaling_ is not None,
        "n_epochs": model.n_epochs_,
        "seed": model._seed,
        "losses": [float(epoch["loss"]) for epoch in model.history_.epochs],
    }


def restore(model: Any, arrays: dict[str, NDArray[Any]], kept: dict[str, Any]) -> None:
    """Make a fitted autoencoder of an unfitted one, by what `tensors` and `record` gave.

    Raises
    ------
    InputError
        If they do not fit each other or the model's parameters.
    """
    if kept["loss"] not in LOSSES:
        raise InputError(f"the loss {kept['loss']!r} is none of {', '.join(LOSSES)}")
    model.loss_, model.n_epochs_ = str(kept["loss"]), int(kept["n_epochs"])
    model.chosen_ = _choices(model, kept["chosen"])
    model._made_by = model._of_net()
    model.scaling_ = _scaling(model, arrays) if kept["scaled"] else None
    epochs = [{"loss": float(loss), "validation": None} for loss in kept["losses"]]
    model.history_ = History(epochs, best_epoch=model.n_epochs_)
    model.device_, model._seed = resolve_device(model.device), int(kept.get("seed", 0))
    if model._seed < 0:
        raise InputError(f"the seed is {model._seed}; it is 0 or more")
    weights = {k: _tensor(v) for k, v in arrays.items() if k != _SCALING}
    if len(model.setting("hidden")) > len(weights) or (_SCALING in arrays) != kept["scaled"]:
        raise InputError(_unfit(model))
    try:
        with torch.device("meta"):  # nothing is allocated that the tensors do not bear out
            model.net_ = model._net(model.n_features_in_)
        model.net_.load_state_dict(weights, assign=True)
    except (RuntimeError, OverflowError) as error:
        raise InputError(_unfit(model)) from error
    model.net_.float().to(model.device_).eval()


def _tensor(array: NDArray[Any]) -> Tensor:
    """Return an array as a tensor: in the array's own memory, if that is no one else's to change.

    Read-only are the arrays of a model folder, in memory that forked processes share until one
    writes to it: :func:`likewise.artifact.sealed.sealed_copy`.
    """
    if array.flags.writeable:
        return torch.tensor(array)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(array)


def _choices(model: Any, chosen: dict[str, Any]) -> dict[str, Any]:
    autos = model._autos()
    missing = [name for name in autos if is_auto(chosen.get(name, "auto"))]
    if missing:
        raise InputError(f"chosen does not say what {missing[0]} is")
    chosen = {k: tuple(chosen[k]) if k == "hidden" else chosen[k] for k in autos}
    copy_of(model).set_params(**chosen)._validate_params()
    return chosen


def _scaling(model: Any, arrays: dict[str, NDArray[Any]]) -> Scaling:
    numbers = arrays[_SCALING].astype(np.float64)
    if numbers.shape != (model.n_features_in_ + 1,) or numbers[-1] <= 0:
        raise InputError(_unfit(model))
    return Scaling(numbers[:-1], float(numbers[-1]))


def _unfit(model: Any) -> str:
    return f"the weights do not fit a {type(model).__name__} of these parameters"
