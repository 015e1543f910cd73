"""Loading whatever a model folder holds."""

from pathlib import Path
from typing import TypeAlias

from likewise.artifact import read_folder
from likewise.autoencoders import Autoencoder
from likewise.autoencoders.base import restoring
from likewise.autoencoders.classifier import AutoencoderClassifier
from likewise.recommend.blend import PARTS, Blend
from likewise.recommend.recommender import Recommender
from likewise.tables.anomalies import AnomalyDetector
from likewise.tables.autoencoder import TableAutoencoder

ALL_TYPES: dict[str, type[Autoencoder]] = {
    **PARTS,
    "blend": Blend,
}
"""Every type that a model folder or the command line can name."""


Loaded: TypeAlias = (
    Recommender | Autoencoder | TableAutoencoder | AnomalyDetector | AutoencoderClassifier
)


def load(folder: str | Path) -> Loaded:
    """Read a model folder: a recommender, what is for tables, a bare autoencoder, a classifier.

    Parameters
    ----------
    folder : path
        What `save` wrote.

    Raises
    ------
    ModelFolderError
        If the folder is damaged, foreign, or of another version.

    Examples
    --------
    >>> import tempfile
    >>> recommender = Recommender().fit([["tea", "cup"], ["tea", "cup"]])
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     recommender.save(f"{parent}/shop.model")
    ...     load(f"{parent}/shop.model").catalogue_.items.ids.tolist()
    ['cup', 'tea']
    """
    known = [*ALL_TYPES, AutoencoderClassifier.type_name]
    contents = read_folder(Path(folder), known_types=known)
    with restoring(folder):
        if contents.type == AutoencoderClassifier.type_name:
            return AutoencoderClassifier.from_contents(contents)
        model = ALL_TYPES[contents.type]
        if "recommender" in contents.extra:
            return Recommender.from_contents(model, contents)
        if "anomalies" in contents.extra:
            return AnomalyDetector.from_contents(model, contents)
        if "table" in contents.extra:
            return TableAutoencoder.from_contents(model, contents)
        return model.from_contents(contents)
