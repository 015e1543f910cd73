"""The types of autoencoder, one file each, and the table of their names."""

from likewise.autoencoders.base import Autoencoder
from likewise.autoencoders.denoising import DenoisingAutoencoder
from likewise.autoencoders.linear import LinearAutoencoder
from likewise.autoencoders.undercomplete import UndercompleteAutoencoder
from likewise.autoencoders.variational import VariationalAutoencoder

__all__ = [
    "TYPES",
    "Autoencoder",
    "DenoisingAutoencoder",
    "LinearAutoencoder",
    "UndercompleteAutoencoder",
    "VariationalAutoencoder",
]

TYPES: dict[str, type[Autoencoder]] = {
    "undercomplete": UndercompleteAutoencoder,
    "denoising": DenoisingAutoencoder,
    "variational": VariationalAutoencoder,
    "linear": LinearAutoencoder,
}
"""Name to class. A model folder and the command line name types by this table, never by a path."""
