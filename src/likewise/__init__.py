"""likewise: autoencoders that turn a purchase log into recommendations, and explain themselves.

>>> import likewise
>>> baskets = [["tea", "cup"], ["tea", "cup", "milk"], ["ink", "pen"]]
>>> recommender = likewise.Recommender(likewise.LinearAutoencoder(l2=1.0)).fit(baskets)
>>> recommender.recommend([["tea"]], k=1)[0][0].item
'cup'

The names below are imported when they are first used, so that ``import likewise`` is quick.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from likewise.autoencoders import (
        ALSAutoencoder,
        ContractiveAutoencoder,
        ConvolutionalAutoencoder,
        CosineAutoencoder,
        DeepAutoencoder,
        DenoisingAutoencoder,
        HVamp,
        KernelAutoencoder,
        LinearAutoencoder,
        LocallyLinearAutoencoder,
        NeighbourhoodAutoencoder,
        RecVAE,
        SparseAutoencoder,
        SpectralAutoencoder,
        StackedAutoencoder,
        UndercompleteAutoencoder,
        VariationalAutoencoder,
    )
    from likewise.autoencoders.classifier import AutoencoderClassifier
    from likewise.data.datasets import load_sample
    from likewise.data.fold import FoldIn
    from likewise.data.image_sets import load_images
    from likewise.data.images import Images, read_images
    from likewise.data.interactions import Interactions
    from likewise.data.liang import strong_generalisation
    from likewise.data.log import Log, read_log
    from likewise.data.read_table import read_table
    from likewise.data.recency import decayed
    from likewise.data.split import Split, fixed_lists, global_time, leave_last_out
    from likewise.data.table_encoder import TableEncoder
    from likewise.data.vocabulary import Vocabulary
    from likewise.errors import (
        InputError,
        LikewiseError,
        LogError,
        MachineError,
        ModelFolderError,
        NotEnoughMemoryError,
    )
    from likewise.evaluate.comparison import compare
    from likewise.recommend.auto import auto
    from likewise.recommend.baselines import ItemNeighbours, PersonalFrequency, Popularity, RP3Beta
    from likewise.recommend.blend import Blend
    from likewise.recommend.bulk import recommend_file
    from likewise.recommend.folder import load
    from likewise.recommend.recommender import Recommender
    from likewise.tables.anomalies import AnomalyDetector
    from likewise.tables.autoencoder import TableAutoencoder

_HOMES = {
    "likewise.autoencoders": (
        "ALSAutoencoder",
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
    ),
    "likewise.autoencoders.classifier": ("AutoencoderClassifier",),
    "likewise.data.datasets": ("load_sample",),
    "likewise.data.image_sets": ("load_images",),
    "likewise.data.images": ("Images", "read_images"),
    "likewise.data.interactions": ("Interactions",),
    "likewise.data.log": ("Log", "read_log"),
    "likewise.data.recency": ("decayed",),
    "likewise.data.fold": ("FoldIn",),
    "likewise.data.liang": ("strong_generalisation",),
    "likewise.data.split": ("Split", "fixed_lists", "global_time", "leave_last_out"),
    "likewise.data.read_table": ("read_table",),
    "likewise.data.table_encoder": ("TableEncoder",),
    "likewise.data.vocabulary": ("Vocabulary",),
    "likewise.errors": (
        "InputError",
        "LikewiseError",
        "LogError",
        "MachineError",
        "ModelFolderError",
        "NotEnoughMemoryError",
    ),
    "likewise.evaluate.comparison": ("compare",),
    "likewise.recommend.auto": ("auto",),
    "likewise.recommend.baselines": (
        "ItemNeighbours",
        "PersonalFrequency",
        "Popularity",
        "RP3Beta",
    ),
    "likewise.recommend.blend": ("Blend",),
    "likewise.recommend.bulk": ("recommend_file",),
    "likewise.recommend.folder": ("load",),
    "likewise.recommend.recommender": ("Recommender",),
    "likewise.tables.anomalies": ("AnomalyDetector",),
    "likewise.tables.autoencoder": ("TableAutoencoder",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__version__ = version("likewise")
__all__ = [
    "ALSAutoencoder",
    "AnomalyDetector",
    "AutoencoderClassifier",
    "Blend",
    "ContractiveAutoencoder",
    "ConvolutionalAutoencoder",
    "CosineAutoencoder",
    "DeepAutoencoder",
    "DenoisingAutoencoder",
    "FoldIn",
    "HVamp",
    "Images",
    "InputError",
    "Interactions",
    "ItemNeighbours",
    "KernelAutoencoder",
    "LikewiseError",
    "LinearAutoencoder",
    "LocallyLinearAutoencoder",
    "Log",
    "LogError",
    "MachineError",
    "ModelFolderError",
    "NeighbourhoodAutoencoder",
    "NotEnoughMemoryError",
    "PersonalFrequency",
    "Popularity",
    "RP3Beta",
    "RecVAE",
    "Recommender",
    "SparseAutoencoder",
    "SpectralAutoencoder",
    "Split",
    "StackedAutoencoder",
    "TableAutoencoder",
    "TableEncoder",
    "UndercompleteAutoencoder",
    "VariationalAutoencoder",
    "Vocabulary",
    "__version__",
    "auto",
    "compare",
    "decayed",
    "fixed_lists",
    "global_time",
    "leave_last_out",
    "load",
    "load_images",
    "load_sample",
    "read_images",
    "read_log",
    "read_table",
    "recommend_file",
    "strong_generalisation",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'likewise' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
