"""A small model folder, and an attacker who keeps its manifest right."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from likewise.artifact import Contents, read_folder, write_folder
from likewise.errors import ModelFolderError


def make_contents(seed: int = 0, **changes: Any) -> Contents:
    rng = np.random.default_rng(seed)
    parts: dict[str, Any] = {
        "type": "linear",
        "parameters": {"l2": 100.0 + seed, "name": "naïve", "scales": [1, None, True]},
        "tensors": {
            "B": rng.standard_normal((3, 4)).astype(np.float32),
            "bias": rng.standard_normal(3),
            "steps": np.array(seed),
        },
        "extra": {"popular": [2, 1, 0]},
        "items": pa.table(
            {"item": ["tea", "cup", "007"], "title": ["Green tea", "", "Bond"], "count": [3, 2, 1]}
        ),
        "metrics": {"ndcg@10": {"value": 0.25, "low": 0.2, "high": 0.3}},
        "card": f"# Model {seed}\n\nWith ünïcode.\r\n",
    }
    return Contents(**(parts | changes))


def as_plain(contents: Contents) -> dict[str, Any]:
    """Return contents in a form that `==` compares exactly, dtypes included."""
    tensors = {
        name: (tensor.dtype.str, tensor.shape, tensor.tobytes())
        for name, tensor in contents.tensors.items()
    }
    table = contents.items
    items = None if table is None else (str(table.schema.types), table.to_pydict())
    return {**vars(contents), "tensors": tensors, "items": items}


def reseal_folder(folder: Path) -> None:
    """Write the manifest anew, as an attacker would."""
    files = {
        path.name: {
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "size": path.stat().st_size,
        }
        for path in folder.iterdir()
        if path.name != "manifest.json"
    }
    manifest = {"format_version": 1, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def contents() -> Callable[..., Contents]:
    return make_contents


@pytest.fixture
def plain() -> Callable[[Contents], dict[str, Any]]:
    return as_plain


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "shop.model"
    write_folder(folder, make_contents())
    return folder


@pytest.fixture
def load() -> Callable[[Path], Contents]:
    return lambda folder: read_folder(folder, known_types=["linear", "variational"])


@pytest.fixture
def reseal() -> Callable[[Path], None]:
    return reseal_folder


@pytest.fixture
def refusal(load: Callable[[Path], Contents]) -> Iterator[Callable[[Path], str]]:
    """Return the one line with which a folder is refused."""

    def refused(folder: Path) -> str:
        with pytest.raises(ModelFolderError) as caught:
            load(folder)
        message = str(caught.value)
        assert message.isprintable(), "one line, no control characters"
        assert folder.name in message
        return message

    return refused
