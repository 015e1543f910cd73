"""Settings that suit tables, chosen by measurement, for every type."""

from typing import Any

from likewise.autoencoders import Autoencoder, DenoisingAutoencoder
from likewise.autoencoders.choices import is_auto


def for_tables(
    kind: type[Autoencoder], n_latent: int, n_rows: int, **parameters: Any
) -> Autoencoder:
    """Return an autoencoder of a type with settings that fit a table of `n_rows` rows.

    Two layers before the code, small batches where there are few rows, and patience: chosen on
    scikit-learn's digits, wine, breast cancer and diabetes, by the error on held-out rows.

    Parameters
    ----------
    kind : type of Autoencoder
        The type; settings that it does not have are left out. The deep one is trained directly.
    n_latent, n_rows : int
        The length of the code, and how many rows there are to learn from.
    **parameters
        Others, which go before those chosen here.

    Examples
    --------
    >>> from likewise.autoencoders import UndercompleteAutoencoder
    >>> for_tables(UndercompleteAutoencoder, 2, 1000).batch_size
    16
    """
    known = kind().get_params()
    chosen: dict[str, Any] = {
        "n_latent": n_latent,
        "loss": "squared",
        "optimizer": "adam",
        "batch_size": min(256, max(16, n_rows // 200)),
        "max_epochs": 300,
        "patience": 20,
        "learning_rate": 3e-3,
        "pretrain": False,  # Boltzmann machines want rows near 0 and 1, and gain nothing here
    }
    if is_auto(known.get("hidden")):  # others have layers of their own
        chosen["hidden"] = (256, 64)
        if "pretrain" not in known:  # whose activation follows from it
            chosen["activation"] = "silu"
    return kind(**{name: value for name, value in chosen.items() if name in known} | parameters)


def hider(
    n_rows: int, kind: type[Autoencoder] = DenoisingAutoencoder, **parameters: Any
) -> Autoencoder:
    """Return the autoencoder that finds anomalies: denoising, with a wide code, or of another type.

    Chosen on scikit-learn's breast cancer, wine, iris and digits, where it learns one class and is
    to tell it from the others: among masking and Gaussian corruption of several levels, and
    errors of whole and of hidden columns, squared and not. MNIST and Fashion-MNIST had no part in
    that; bench/anomalies.py keeps their mean apart.
    """
    if kind is not DenoisingAutoencoder:
        return for_tables(kind, 16, n_rows, **parameters)
    batch_size = min(256, max(32, n_rows // 100))
    chosen: dict[str, Any] = {
        "hidden": (256,),
        "corruption": "masking",
        "corruption_level": 0.3,
        "batch_size": batch_size,
        "max_epochs": min(500, max(20, 5_000 * batch_size // n_rows)),
        "patience": 50,
    }
    return for_tables(kind, 256, n_rows, **chosen | parameters)


def describer(
    n_latent: int,
    n_rows: int,
    kind: type[Autoencoder] = DenoisingAutoencoder,
    **parameters: Any,
) -> Autoencoder:
    """Return the autoencoder that makes features: denoising, or of another type.

    Chosen on scikit-learn's digits, wine and breast cancer, by a linear probe on unseen rows.
    """
    chosen: dict[str, Any] = {}
    if kind is DenoisingAutoencoder:
        chosen = {"hidden": (256,), "corruption": "gaussian", "corruption_level": 0.5}
    return for_tables(kind, n_latent, n_rows, **chosen | parameters)
