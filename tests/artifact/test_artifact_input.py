"""What could not be read back, or would destroy something, is refused; nothing is touched."""

import os

import numpy as np
import pyarrow as pa
import pytest

from likewise.artifact import require_replaceable, write_folder
from likewise.artifact.contents import MAX_TEXT
from likewise.errors import InputError, ModelFolderError


def items(**columns):
    table = {"item": ["a", "b"], "title": ["A", ""], "count": [1, 2]}
    return pa.table({**table, **columns})


loop: list = []
loop.append(loop)
deep: list = []
for _ in range(40):
    deep = [deep]
bottomless: list = []
for _ in range(100_000):
    bottomless = [bottomless]

BAD = {
    "dotted type": ({"type": "os.system"}, "name in the table"),
    "empty type": ({"type": ""}, "name in the table"),
    "type with a newline": ({"type": "linear\n"}, "name in the table"),
    "NaN parameter": ({"parameters": {"l2": float("nan")}}, "parameters cannot be written as JSON"),
    "infinite metric": ({"metrics": {"a": float("inf")}}, "metrics cannot be written as JSON"),
    "array in extra": ({"extra": {"a": np.ones(2)}}, "extra part cannot be written as JSON"),
    "tuple": ({"parameters": {"hidden": (600, 200)}}, "would not come back"),
    "integer key": ({"parameters": {"a": {1: 2}}}, "would not come back"),
    "mixed keys": ({"parameters": {"a": {1: 2, "b": 3}}}, "cannot be written"),
    "loop": ({"parameters": {"a": loop}}, "cannot be written"),
    "deep": ({"extra": {"a": deep}}, "nested deeper than 32"),
    "bottomless": ({"extra": {"a": bottomless}}, "cannot be written"),
    "half a pair": ({"parameters": {"a": "\ud800"}}, "cannot be written"),
    "huge number": ({"parameters": {"a": 10**5000}}, "cannot be written"),
    "huge text": ({"parameters": {"a": "x" * MAX_TEXT}}, f"at most {MAX_TEXT}"),
    "huge card": ({"card": "x" * (MAX_TEXT + 1)}, f"at most {MAX_TEXT}"),
    "card of half a pair": ({"card": "\ud800"}, "not valid text"),
    "NaN tensor": ({"tensors": {"a": np.array([1, np.nan])}}, "'a' holds NaN or infinite"),
    "infinite tensor": ({"tensors": {"a": np.array(-np.inf, np.float16)}}, "train the model again"),
    "object tensor": ({"tensors": {"a": np.array([None])}}, "dtype 'object'; allowed are float64"),
    "complex tensor": ({"tensors": {"a": np.ones(1, complex)}}, "dtype 'complex128'"),
    "text tensor": ({"tensors": {"a": np.array(["x"])}}, "dtype 'str"),
    "structured": ({"tensors": {"a": np.zeros(1, [("x", "f4")])}}, "dtype 'void"),
    "nine dimensions": ({"tensors": {"a": np.ones((1,) * 9)}}, "9 dimensions; at most 8"),
    "long axis": ({"tensors": {"a": np.empty((2**41, 0))}}, "lengths are integers"),
    "tensor name": ({"tensors": {"a/b": np.ones(1)}}, "'a/b' has a name"),
    "empty tensor name": ({"tensors": {"": np.ones(1)}}, "'' has a name"),
    "safetensors' own word": ({"tensors": {"__metadata__": np.ones(1)}}, "has a name"),
    "missing column": ({"items": items().drop(["title"])}, "give ['item', 'title', 'count']"),
    "extra column": ({"items": items(price=[1, 2])}, "price"),
    "float ids": ({"items": items(item=[1.0, 2.0])}, "ids are double"),
    "binary ids": ({"items": items(item=[b"a", b"b"])}, "ids are binary"),
    "null id": ({"items": items(item=["a", None])}, "null"),
    "null title": ({"items": items(title=["a", None])}, "null"),
    "null count": ({"items": items(count=[1, None])}, "null"),
    "fractional count": ({"items": items(count=[1.5, 1])}, "truncated"),
    "negative count": ({"items": items(count=[1, -1])}, "negative count"),
    "twice": ({"items": items(item=["a", "a"])}, "an id twice"),
    "beyond int64": (
        {"items": items(item=pa.array([1, 2**63], pa.uint64()))},
        "do not fit items.parquet",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_contents_are_refused_and_the_old_model_stays(name, contents, load, model):
    changes, reason = BAD[name]
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    with pytest.raises(InputError) as caught:
        write_folder(model, contents(1, **changes))
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()
    assert not isinstance(caught.value, ModelFolderError)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert list(model.parent.iterdir()) == [model]


def test_a_folder_that_is_no_model_is_never_overwritten(contents, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("cat")
    with pytest.raises(InputError, match="is there and is not a model folder"):
        write_folder(tmp_path / "photos", contents())
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "cat"
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_an_empty_folder_is_no_model(contents, tmp_path):
    with pytest.raises(InputError, match="name a new folder"):
        write_folder(tmp_path, contents())


def test_another_programs_manifest_does_not_make_a_model(contents, tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "index.html").write_text("page")
    with pytest.raises(InputError, match="not a model folder"):
        write_folder(tmp_path, contents())
    assert (tmp_path / "index.html").read_text() == "page"


def test_a_file_of_the_users_own_in_a_model_folder_is_not_lost(contents, load, model):
    (model / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not a model folder"):
        write_folder(model, contents(1))
    assert (model / "notes.txt").read_text() == "mine"


def test_a_damaged_model_may_be_overwritten(contents, load, model):
    (model / "weights.safetensors").unlink()
    write_folder(model, contents(1))
    assert load(model).parameters["l2"] == 101


@pytest.mark.parametrize("kind", ["file", "link", "dangling", "pipe"])
def test_a_file_or_a_link_is_not_overwritten(kind, contents, model):
    target = model.parent / "target"
    if kind == "file":
        target.write_text("text")
    elif kind == "pipe":
        os.mkfifo(target)
    else:
        target.symlink_to(model if kind == "link" else "nowhere")
    with pytest.raises(InputError, match="is a file or a link"):
        write_folder(target, contents(1))


def test_the_parent_must_be_there(contents, tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*missing.*; make it"):
        write_folder(tmp_path / "missing" / "m", contents())


def test_a_missing_folder_a_file_and_a_link_are_no_models(model, refusal):
    (model.parent / "file").write_text("text")
    (model.parent / "link").symlink_to(model)
    assert "No such file" in refusal(model.parent / "missing")
    assert "is a link or a file" in refusal(model.parent / "file")
    assert "is a link or a file" in refusal(model.parent / "link")
    assert "manifest.json cannot be read" in refusal(model.parent)


def test_a_place_can_be_checked_before_the_work_starts(model):
    require_replaceable(model)
    require_replaceable(model.parent / "new.model")
    assert list(model.parent.iterdir()) == [model]
    with pytest.raises(InputError, match="not a model folder"):
        require_replaceable(model.parent)
