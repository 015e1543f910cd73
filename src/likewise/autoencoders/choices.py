"""What a parameter becomes that is "auto": as the papers have it on purchases, modern on tables.

Tables (dense rows) get two hidden layers of SiLU, and Muon with a learning rate that rises and
falls: a single sigmoid layer under Adam stands still for many epochs at what the mean explains.
Where batches are small beside the layers it is AdamW, as Muon's steps would be most of the work.
"""

from typing import Any

import numpy as np
import torch
from scipy import sparse

from likewise.errors import InputError
from likewise.nn.layers import Net
from likewise.nn.optimizers import RATES

PURCHASES: dict[str, Any] = {
    "hidden": (),
    "activation": "tanh",
    "optimizer": "adam",
    "learning_rate": RATES["adam"],
    "batch_size": 500,
    "max_epochs": 100,
    "patience": 10,
}
"""For sparse rows, as the papers on recommending have it; a type may state its own."""

TABLE_STEPS = 2_000
"""Steps that a table is trained for, unless it is so long that ten epochs take more."""


def for_table(n_rows: int, n_features: int) -> dict[str, Any]:
    """Return the settings for dense rows.

    Examples
    --------
    >>> chosen = for_table(60_000, 784)
    >>> chosen["hidden"], chosen["batch_size"], chosen["max_epochs"]
    ((512, 256), 1000, 33)
    """
    width = min(512, max(64, n_features))
    batch_size = min(1024, max(32, n_rows // 60))
    optimizer = "muon" if 2 * batch_size >= width else "adamw"  # its step costs by the width alone
    return {
        "hidden": (width, width // 2),
        "activation": "silu",
        "optimizer": optimizer,
        "learning_rate": RATES[optimizer],
        "batch_size": batch_size,
        "max_epochs": min(200, max(10, TABLE_STEPS * batch_size // n_rows)),
        "patience": 20,
    }


def choose(given: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Return what each parameter that is "auto" becomes.

    Parameters
    ----------
    given : dict
        The parameters.
    defaults : dict
        What suits the rows and the type.

    Examples
    --------
    >>> choose({"optimizer": "adam", "learning_rate": "auto"}, for_table(60_000, 784))
    {'learning_rate': 0.001}
    """
    chosen = {k: v for k, v in defaults.items() if is_auto(given.get(k))}
    optimizer = chosen.get("optimizer", given["optimizer"])
    if "learning_rate" in chosen and optimizer != defaults["optimizer"]:
        chosen["learning_rate"] = RATES[optimizer]
    return chosen


def is_auto(value: Any) -> bool:
    """Say whether a parameter is left to be chosen."""
    return isinstance(value, str) and value == "auto"


def loss_for(X: Any, sparse_loss: str = "multinomial") -> str:
    """Return the loss that fits the data's range.

    Negative values: squared. Sparse rows: the type's own loss for purchases. A table within [0, 1]:
    bernoulli. Anything else: squared.

    Examples
    --------
    >>> loss_for(np.array([[0.5, 1.0]])), loss_for(np.array([[-1.0, 3.0]]))
    ('bernoulli', 'squared')
    """
    low, high = _range(X)
    fits = low >= 0 and (high <= 1 or sparse_loss == "multinomial")
    if sparse.issparse(X):
        return sparse_loss if fits else "squared"
    return "bernoulli" if low >= 0 and high <= 1 else "squared"


def require_learnable(model: Any, X: Any) -> None:
    """Refuse rows that the loss, a sampled output or augmentation cannot take.

    Raises
    ------
    InputError
        If they are such.
    """
    require_range(X, model.loss_)
    require_images(model, X)
    if model.output == "sampled":
        require_sampled(model, X)


def require_range(X: Any, loss: str) -> None:
    """Refuse values that a loss cannot explain.

    Raises
    ------
    InputError
        If they are negative, or above 1 for the Bernoulli loss.
    """
    low, high = _range(X)
    if loss != "squared" and low < 0:
        raise InputError(
            f"loss={loss!r} needs values >= 0, and {low:g} is among them; use 'squared'"
        )
    if loss == "bernoulli" and high > 1:
        raise InputError(f"loss='bernoulli' needs values in [0, 1], and {high:g} is among them")


def require_images(model: Any, X: Any) -> None:
    """Refuse to move a little, as `augment` says, rows that are no images.

    Raises
    ------
    InputError
        If they are such.
    """
    if model.setting("augment") and (sparse.issparse(X) or model._shape_of_images() is None):
        raise InputError(
            f"augment={model.augment!r} needs images: give X of shape (n, height, width)"
        )


def require_sampled(model: Any, X: Any) -> None:
    """Refuse to train on a sample of the items what looks at all of them.

    Raises
    ------
    InputError
        If the type, its rows, its loss or its optimiser is such.
    """
    fits = model.samples and model.loss_ == "multinomial" and sparse.issparse(X)
    if not fits or model.setting("optimizer") != "adam" or model.weight_decay:
        raise InputError(
            "output='sampled' is for purchases (sparse rows) under the multinomial loss, learned "
            "by the denoising or variational autoencoder or RecVAE, with Adam and no weight_decay; "
            "use output='blocked'"
        )


def precision_for(precision: str, loss: str) -> str:
    """Return what "auto" asks for: float32 on tables, whose errors can be finer than bfloat16.

    Examples
    --------
    >>> precision_for("auto", "squared"), precision_for("auto", "multinomial")
    ('float32', 'auto')
    """
    return "float32" if precision == "auto" and loss != "multinomial" else precision


def start_at_the_mean(net: Net, X: Any, loss: str, *, centred: bool) -> None:
    """Set the output bias so that the untrained net answers with the mean row (popularity).

    That is 0 where the net sees rows that are `centred`. A net without a bias is left alone.
    """
    bias = net.output_bias
    if bias is None:
        return
    if centred:
        torch.nn.init.zeros_(bias)
        return
    mean = np.asarray(X.mean(axis=0), dtype=np.float64).ravel()
    if loss == "bernoulli":
        share = np.clip(mean, 1e-4, 1 - 1e-4)
        mean = np.log(share / (1 - share))
    elif loss == "multinomial":
        mean = np.log(mean + 1 / X.shape[0])
        mean -= mean.mean()
    with torch.no_grad():
        bias.copy_(torch.from_numpy(mean))


def _range(X: Any) -> tuple[float, float]:
    values = X.data if sparse.issparse(X) else X
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
