"""The types of autoencoder, one file each, and the table of their names."""

from likewise.autoencoders.als import ALSAutoencoder
from likewise.autoencoders.base import Autoencoder
from likewise.autoencoders.contractive import ContractiveAutoencoder
from likewise.autoencoders.convolutional import ConvolutionalAutoencoder
from likewise.autoencoders.cosine import CosineAutoencoder
from likewise.autoencoders.deep import DeepAutoencoder
from likewise.autoencoders.denoising import DenoisingAutoencoder
from likewise.autoencoders.hvamp import HVamp
from likewise.autoencoders.kernel import KernelAutoencoder
from likewise.autoencoders.linear import LinearAutoencoder
from likewise.autoencoders.locally_linear import LocallyLinearAutoencoder
from likewise.autoencoders.neighbourhood import NeighbourhoodAutoencoder
from likewise.autoencoders.recvae import RecVAE
from likewise.autoencoders.sparse import SparseAutoencoder
from likewise.autoencoders.spectral import SpectralAutoencoder
from likewise.autoencoders.stacked import StackedAutoencoder
from likewise.autoencoders.undercomplete import UndercompleteAutoencoder
from likewise.autoencoders.variational import VariationalAutoencoder

__all__ = [
    "TYPES",
    "ALSAutoencoder",
    "Autoencoder",
    "ContractiveAutoencoder",
    "ConvolutionalAutoencoder",
    "CosineAutoencoder",
    "DeepAutoencoder",
    "DenoisingAutoencoder",
    "HVamp",
    "KernelAutoencoder",
    "LinearAutoencoder",
    "LocallyLinearAutoencoder",
    "NeighbourhoodAutoencoder",
    "RecVAE",
    "SparseAutoencoder",
    "SpectralAutoencoder",
    "StackedAutoencoder",
    "UndercompleteAutoencoder",
    "VariationalAutoencoder",
]

TYPES: dict[str, type[Autoencoder]] = {
    "undercomplete": UndercompleteAutoencoder,
    "sparse": SparseAutoencoder,
    "denoising": DenoisingAutoencoder,
    "contractive": ContractiveAutoencoder,
    "stacked": StackedAutoencoder,
    "deep": DeepAutoencoder,
    "variational": VariationalAutoencoder,
    "recvae": RecVAE,
    "hvamp": HVamp,
    "cosine": CosineAutoencoder,
    "convolutional": ConvolutionalAutoencoder,
    "linear": LinearAutoencoder,
    "neighbourhood": NeighbourhoodAutoencoder,
    "kernel": KernelAutoencoder,
    "spectral": SpectralAutoencoder,
    "lle": LocallyLinearAutoencoder,
    "als": ALSAutoencoder,
}
"""Name to class. A model folder and the command line name types by this table, never by a path."""
