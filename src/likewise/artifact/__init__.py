"""The model folder: read, write, verify. No pickle, ever.

::

    model/
    ├── config.json           versions, type, parameters, dtype and shape of each tensor
    ├── weights.safetensors   the tensors
    ├── items.parquet         item, title, count (where the model has items)
    ├── metrics.json          how good the model is, and how that was measured
    ├── README.md             the model card
    └── manifest.json         format version; sha256 and size of each of the others

A crash at any instant of :func:`write_folder` leaves the old folder or the new one, whole, and
:func:`read_folder` trusts nothing: what it returns is what the manifest vouches for, byte for byte.
"""

from likewise.artifact.contents import FORMAT_VERSION, JSON, Contents
from likewise.artifact.reading import read_folder
from likewise.artifact.swap import require_replaceable, require_room
from likewise.artifact.writing import write_folder

__all__ = [
    "FORMAT_VERSION",
    "JSON",
    "Contents",
    "read_folder",
    "require_replaceable",
    "require_room",
    "write_folder",
]
