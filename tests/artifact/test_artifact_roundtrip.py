"""What goes into a model folder comes out, to the byte."""

import hashlib
import json
import stat
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from likewise.artifact import (
    FORMAT_VERSION,
    Contents,
    read_folder,
    write_folder,
)
from likewise.artifact import contents as module
from likewise.artifact.tensors import CODES, MAX_DIMENSIONS

NAMES = {
    "config.json",
    "weights.safetensors",
    "items.parquet",
    "metrics.json",
    "README.md",
    "manifest.json",
}


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_contents_come_back(contents, plain, model, load):
    wanted, got = plain(contents()), plain(load(model))
    assert got.pop("items")[1] == wanted.pop("items")[1]
    assert got == wanted


def test_the_folder_holds_six_files_and_nothing_is_left_beside_it(model):
    assert files_of(model).keys() == NAMES
    assert list(model.parent.iterdir()) == [model]


def test_a_model_without_items_has_no_items_file(contents, load, tmp_path):
    write_folder(tmp_path / "m", contents(items=None))
    assert files_of(tmp_path / "m").keys() == NAMES - {"items.parquet"}
    assert load(tmp_path / "m").items is None


def test_items_may_come_and_go_when_a_model_is_replaced(contents, load, model):
    write_folder(model, contents(items=None))
    assert load(model).items is None
    write_folder(model, contents())
    assert load(model).items.num_rows == 3


def test_empty_contents_come_back(load, tmp_path):
    table = pa.table({"item": pa.array([], pa.int64()), "title": pa.array([], pa.string())})
    table = table.append_column("count", pa.array([], pa.int64()))
    write_folder(tmp_path / "m", Contents("linear", {}, {}, {}, table, {}, ""))
    got = load(tmp_path / "m")
    assert (got.tensors, got.items.num_rows, got.card) == ({}, 0, "")


def test_the_same_contents_give_the_same_bytes(contents, tmp_path):
    first = contents()
    turned = contents(
        tensors=dict(reversed(first.tensors.items())),
        parameters=dict(reversed(first.parameters.items())),
        items=pa.concat_tables([first.items.slice(0, 1), first.items.slice(1)]),
    )
    write_folder(tmp_path / "one", first)
    write_folder(tmp_path / "two", turned)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.string()])
def test_string_ids_of_any_arrow_kind_are_taken(contents, load, tmp_path, kind):
    table = contents().items
    write_folder(
        tmp_path / "m", contents(items=table.set_column(0, "item", table["item"].cast(kind)))
    )
    assert load(tmp_path / "m").items.schema.field("item").type == pa.string()


def test_integer_ids_stay_integers(contents, load, tmp_path):
    ids = pa.array([7, -1, 2**62])
    write_folder(tmp_path / "m", contents(items=contents().items.set_column(0, "item", ids)))
    column = load(tmp_path / "m").items["item"]
    assert (column.type, column.to_pylist()) == (pa.int64(), [7, -1, 2**62])


def test_columns_may_come_in_any_order(contents, load, tmp_path):
    table = contents().items.select(["count", "item", "title"])
    write_folder(tmp_path / "m", contents(items=table))
    assert load(tmp_path / "m").items.column_names == ["item", "title", "count"]


def test_many_items_take_many_pages(contents, load, tmp_path):
    n = 60_000
    table = pa.table(
        {"item": range(n), "title": [f"title {i} " * 5 for i in range(n)], "count": range(n)}
    )
    write_folder(tmp_path / "m", contents(items=table))
    assert load(tmp_path / "m").items.to_pydict() == table.to_pydict()


def test_turned_and_big_endian_tensors_come_back_row_major(contents, load, tmp_path):
    matrix = np.arange(6.0).reshape(2, 3)
    tensors = {"turned": matrix.T, "every_other": matrix[:, ::2], "big": matrix.astype(">f8")}
    write_folder(tmp_path / "m", contents(tensors=tensors))
    got = load(tmp_path / "m").tensors
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(got[name], tensor)
        assert got[name].flags.c_contiguous
        assert got[name].dtype == np.float64


def test_tensors_are_aligned_read_only_views_of_one_block(contents, load, tmp_path):
    tensors = {f"t{code}": np.arange(3, dtype=code) for code in CODES}
    write_folder(tmp_path / "m", contents(tensors=tensors))
    got = load(tmp_path / "m").tensors
    for tensor in got.values():
        assert tensor.flags.aligned
        assert not tensor.flags.writeable
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            tensor.flags.writeable = True  # the memory itself is
    assert len({id(tensor.base) for tensor in got.values()}) == 1


def test_weights_stay_as_they_were_verified_whatever_becomes_of_the_file(contents, load, tmp_path):
    """A file cut short in place would end a process that had it mapped."""
    write_folder(tmp_path / "m", contents(tensors={"B": np.arange(100_000.0)}))
    got = load(tmp_path / "m").tensors["B"]
    (tmp_path / "m" / "weights.safetensors").write_bytes(b"")
    np.testing.assert_array_equal(got, np.arange(100_000.0))


def test_any_safetensors_library_reads_the_weights(contents, model):
    got = safetensors.numpy.load((model / "weights.safetensors").read_bytes())
    wanted = contents().tensors
    assert got.keys() == wanted.keys()
    for name, tensor in wanted.items():
        np.testing.assert_array_equal(got[name], tensor, strict=True)


def test_any_parquet_library_reads_the_items(contents, model):
    assert pq.read_table(model / "items.parquet").to_pydict() == contents().items.to_pydict()


def test_the_manifest_has_the_hash_and_the_size_of_each_other_file(model):
    files = files_of(model)
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["format_version"] == FORMAT_VERSION == 1
    assert manifest["files"] == {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in files.items()
    }


def test_files_and_folder_have_the_permissions_that_the_user_gives_by_default(model):
    ordinary = model.parent / "ordinary"
    ordinary.mkdir()
    (ordinary / "file").touch()
    assert model.stat().st_mode == ordinary.stat().st_mode
    modes = {stat.S_IMODE(path.stat().st_mode) for path in model.iterdir()}
    assert modes == {stat.S_IMODE((ordinary / "file").stat().st_mode)}


GOLDEN_CONFIG = """\
{
  "extra": {
    "popular": [
      1
    ]
  },
  "format_version": 1,
  "items": {
    "item": "string",
    "rows": 1
  },
  "likewise_version": "1.2.3",
  "parameters": {
    "l2": 0.5,
    "näme": "x"
  },
  "tensors": {
    "B": {
      "dtype": "float32",
      "shape": [
        2,
        2
      ]
    },
    "n": {
      "dtype": "int64",
      "shape": []
    }
  },
  "type": "linear"
}
"""
GOLDEN_HEADER = (
    b'{"n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},'
    b'"B":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]}}   '
)
GOLDEN_WEIGHTS = (
    len(GOLDEN_HEADER).to_bytes(8, "little")
    + GOLDEN_HEADER
    + b"\x07\x00\x00\x00\x00\x00\x00\x00"
    + b"\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x00\xc0\x00\x00\x00\x00"
)


def test_golden_bytes(tmp_path, monkeypatch):
    """The bytes of format version 1: a change here is a new format version."""
    monkeypatch.setattr("likewise.artifact.config.likewise_version", lambda: "1.2.3")
    golden = Contents(
        type="linear",
        parameters={"l2": 0.5, "näme": "x"},
        tensors={"B": np.array([[1, 2], [-2, 0]], dtype=np.float32), "n": np.array(7)},
        extra={"popular": [1]},
        items=pa.table({"item": ["a"], "title": [""], "count": [1]}),
        metrics={"recall": 0.25},
        card="# Card\n",
    )
    write_folder(tmp_path / "m", golden)
    files = files_of(tmp_path / "m")
    assert files["config.json"].decode() == GOLDEN_CONFIG
    assert files["weights.safetensors"] == GOLDEN_WEIGHTS
    assert files["metrics.json"] == b'{\n  "recall": 0.25\n}\n'
    assert files["README.md"] == b"# Card\n"


def test_the_version_is_unknown_in_a_source_tree(monkeypatch):
    def missing(name):
        raise module.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(module.metadata, "version", missing)
    assert module.likewise_version() == "unknown"


def test_a_relative_path_and_a_string_do(contents, load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folder("here.model", contents())
    assert read_folder("here.model", known_types={"linear"}).type == "linear"
    assert load(tmp_path / "here.model").type == "linear"


def test_a_parent_that_is_a_link_does(contents, load, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for seed in (1, 2):
        write_folder(tmp_path / "link" / "m", contents(seed))
        assert load(tmp_path / "link" / "m").parameters["l2"] == 100.0 + seed


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('aé"\\[{', max_size=4), inner)
    ),
    max_leaves=8,
)
arrays = st.sampled_from(sorted(CODES)).flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        hnp.array_shapes(min_dims=0, max_dims=MAX_DIMENSIONS, min_side=0, max_side=3),
        elements={"allow_nan": False, "allow_infinity": False} if "float" in dtype else None,
    )
)
ids = st.lists(st.integers(-(2**63), 2**63 - 1), unique=True, max_size=5) | st.lists(
    st.text(st.characters(exclude_categories=["Cs"])), unique=True, max_size=5
)


@settings(max_examples=60, deadline=None)
@given(
    parameters=st.dictionaries(st.text("abc_", min_size=1), json_values, max_size=3),
    tensors=st.dictionaries(
        st.from_regex(r"[A-Za-z0-9.-]{1,128}", fullmatch=True), arrays, max_size=4
    ),
    item=ids,
    card=st.text(st.characters(exclude_categories=["Cs"])),
)
def test_any_contents_come_back(parameters, tensors, item, card):
    kind = pa.int64() if item and isinstance(item[0], int) else pa.string()
    table = pa.table(
        {
            "item": pa.array(item, kind),
            "title": pa.array([str(i) for i in item], pa.string()),
            "count": pa.array(range(len(item)), pa.int64()),
        }
    )
    wanted = Contents("linear", parameters, tensors, parameters, table, parameters, card)
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder) / "m", wanted)
        got = read_folder(Path(folder) / "m", known_types=["linear"])
    assert got.parameters == got.extra == got.metrics == parameters
    assert got.items.to_pydict() == table.to_pydict()
    assert got.card == card
    assert got.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(got.tensors[name], tensor, strict=True)
