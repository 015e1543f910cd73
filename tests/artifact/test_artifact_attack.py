"""An attacker who keeps the manifest right gets no further than a clear refusal."""

import json
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likewise.artifact import items, strict_json, write_folder
from likewise.artifact.contents import MAX_TEXT
from likewise.artifact.strict_json import MAX_DEPTH
from likewise.errors import ModelFolderError


@pytest.fixture
def rewrite(model, reseal):
    """Change a file and make the manifest agree."""

    def rewritten(name, data):
        (model / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        reseal(model)
        return model

    return rewritten


@pytest.fixture
def reconfigure(model, rewrite):
    """Change entries of the configuration and make the manifest agree."""

    def reconfigured(**changes):
        config = json.loads((model / "config.json").read_text())
        return rewrite("config.json", json.dumps(config | changes))

    return reconfigured


@pytest.fixture
def remanifest(model):
    """Change the manifest itself."""

    def remanifested(change):
        manifest = json.loads((model / "manifest.json").read_text())
        change(manifest)
        (model / "manifest.json").write_text(json.dumps(manifest))
        return model

    return remanifested


# The configuration


@pytest.mark.parametrize(
    "name",
    ["unknown", "os.system", "likewise.autoencoders.Linear", "../linear", "", None, 1, ["linear"]],
)
def test_a_type_that_is_not_in_the_table(name, reconfigure, refusal):
    assert "known are linear, variational" in refusal(reconfigure(type=name))


@pytest.mark.parametrize("version", [2, 0, -1, 1.0, True, "1", None, 10**30])
def test_another_version(version, reconfigure, refusal):
    message = refusal(reconfigure(format_version=version))
    assert "config.json is of format version" in message
    assert "reads version 1; load it with the likewise that wrote it" in message


def test_another_version_is_the_first_thing_said(reconfigure, refusal):
    assert "format version 2" in refusal(reconfigure(format_version=2, type="future", new_key=1))


def test_another_version_in_the_manifest_is_said_before_its_files_are_looked_at(model, refusal):
    (model / "index.bin").touch()
    (model / "manifest.json").write_text('{"format_version": 2, "tree": {}}')
    assert "manifest.json is of format version 2" in refusal(model)


def test_a_config_that_is_no_object(rewrite, refusal):
    assert "config.json holds [1]; it must hold one JSON object" in refusal(
        rewrite("config.json", "[1]")
    )


def test_unknown_keys(reconfigure, refusal):
    assert "config.json has the unknown key 'hook'" in refusal(reconfigure(hook="os.system"))


def test_missing_keys(model, rewrite, refusal):
    config = json.loads((model / "config.json").read_text())
    for key in config:
        rest = {name: value for name, value in config.items() if name != key}
        message = refusal(rewrite("config.json", json.dumps(rest)))
        assert "format version None" in message or f"config.json lacks {key!r}" in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("parameters", [1]),
        ("extra", "x"),
        ("tensors", None),
        ("tensors", {"B": [3, 4]}),
        ("tensors", {"B": {"dtype": "float32"}}),
        ("tensors", {"B": {"dtype": "float32", "shape": [3, 4], "file": "/etc/passwd"}}),
        ("tensors", {"B": {"dtype": "object", "shape": [3, 4]}}),
        ("tensors", {"B": {"dtype": ["float32"], "shape": [3, 4]}}),
        ("tensors", {"B": {"dtype": "float32", "shape": {"0": 3}}}),
        ("tensors", {"B": {"dtype": "float32", "shape": [3, -4]}}),
        ("tensors", {"B": {"dtype": "float32", "shape": [3.0, 4]}}),
        ("tensors", {"B": {"dtype": "float32", "shape": [True, 12]}}),
        ("tensors", {"B": {"dtype": "float32", "shape": [1] * 9}}),
        ("tensors", {"B": {"dtype": "float32", "shape": [0, 2**40, 2**40]}}),
        ("tensors", {"B": {"dtype": "float32", "shape": [10**4000]}}),
        ("tensors", {"../B": {"dtype": "float32", "shape": [3, 4]}}),
        ("tensors", {"__metadata__": {"dtype": "float32", "shape": [3, 4]}}),
        ("likewise_version", 1),
        ("items", []),
        ("items", {"item": "string"}),
        ("items", {"item": "binary", "rows": 3}),
        ("items", {"item": ["string"], "rows": 3}),
        ("items", {"item": "string", "rows": 3.0}),
        ("items", {"item": "string", "rows": True}),
        ("items", {"item": "string", "rows": 3, "url": "http"}),
        ("items", None),
    ],
)
def test_malformed_entries(key, value, reconfigure, refusal):
    assert "config.json" in refusal(reconfigure(**{key: value}))


def test_declared_items_without_their_file(model, reseal, refusal):
    (model / "items.parquet").unlink()
    reseal(model)
    assert "items.parquet contradict each other" in refusal(model)


# The weights

GOOD = {
    "B": {"dtype": "float32", "shape": [3, 4]},
    "bias": {"dtype": "float64", "shape": [3]},
    "steps": {"dtype": "int64", "shape": []},
}


@pytest.mark.parametrize(
    "change",
    [
        {"B": {"dtype": "float32", "shape": [4, 3]}},
        {"B": {"dtype": "int32", "shape": [3, 4]}},
        {"B": {"dtype": "float64", "shape": [3, 2]}},
        {"bias": {"dtype": "int64", "shape": [3]}},
        {"bias": {"dtype": "float64", "shape": [3, 1]}},
        {"more": {"dtype": "float32", "shape": [0]}},
    ],
)
def test_a_declared_dtype_shape_or_name_that_the_file_does_not_have(change, reconfigure, refusal):
    assert "weights.safetensors" in refusal(reconfigure(tensors=GOOD | change))


@pytest.mark.parametrize("shape", [[2**40], [2**30, 2**17], [3, 5], [0]])
def test_huge_and_wrong_declared_shapes_take_no_memory(shape, reconfigure, refusal):
    message = refusal(reconfigure(tensors=GOOD | {"B": {"dtype": "float32", "shape": shape}}))
    assert "weights.safetensors has 264 bytes; the tensors of config.json take" in message


def with_header(model, change):
    data = (model / "weights.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    text = json.dumps(change(header), separators=(",", ":")).encode()
    assert len(text) <= length
    return data[:8] + text.ljust(length) + data[8 + length :]


@pytest.mark.parametrize(
    ("what", "offsets"),
    [
        ("overlap", [0, 48]),
        ("out of range", [99, 147]),
        ("reversed", [80, 32]),
        ("gap", [33, 81]),
    ],
)
def test_hostile_offsets(what, offsets, model, rewrite, refusal):
    def change(header):
        return header | {"B": header["B"] | {"data_offsets": offsets}}

    message = refusal(rewrite("weights.safetensors", with_header(model, change)))
    assert "its header does not list" in message


@pytest.mark.parametrize("length", [0, 1, 2**31, 2**63 - 1, 2**64 - 1])
def test_a_header_of_hostile_length(length, model, rewrite, refusal):
    data = (model / "weights.safetensors").read_bytes()
    data = length.to_bytes(8, "little") + data[8:]
    assert "its header does not list" in refusal(rewrite("weights.safetensors", data))


def test_a_header_bomb(rewrite, refusal):
    header = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    bomb = len(header).to_bytes(8, "little") + header
    assert "weights.safetensors has 600009 bytes" in refusal(rewrite("weights.safetensors", bomb))


def test_the_same_tensors_under_other_metadata(contents, rewrite, refusal):
    data = safetensors.numpy.save(contents().tensors, metadata={"__class__": "os.system"})
    assert "weights.safetensors has" in refusal(rewrite("weights.safetensors", data))


PICKLE = b"cos\nsystem\n(S'touch exploited'\ntR."


def test_a_pickle_in_place_of_the_weights_is_never_run(
    model, rewrite, refusal, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    size = (model / "weights.safetensors").stat().st_size
    assert "weights.safetensors has" in refusal(rewrite("weights.safetensors", PICKLE))
    message = refusal(rewrite("weights.safetensors", PICKLE.ljust(size, b"\0")))
    assert "its header does not list" in message
    assert not (tmp_path / "exploited").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("place", range(3))
def test_tensors_with_nan(value, place, model, rewrite, refusal):
    """The bytes of `bias` come first: eight bytes a number."""
    data = bytearray((model / "weights.safetensors").read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    struct.pack_into("<d", data, start + 8 * place, value)
    message = refusal(rewrite("weights.safetensors", bytes(data)))
    assert "tensor 'bias' holds NaN or infinite values" in message


def test_a_nan_at_the_end_of_a_large_tensor(contents, tmp_path, reseal, refusal):
    folder = tmp_path / "large.model"
    write_folder(folder, contents(tensors={"B": np.zeros(2**20 + 1, np.float32)}))
    data = bytearray((folder / "weights.safetensors").read_bytes())
    struct.pack_into("<f", data, len(data) - 4, float("nan"))
    (folder / "weights.safetensors").write_bytes(data)
    reseal(folder)
    assert "tensor 'B' holds NaN" in refusal(folder)


# The items

SCHEMA = pa.schema(
    [
        pa.field("item", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
    ]
)
PLAIN = {"compression": "none", "use_dictionary": False, "store_schema": False}


def parquet(columns=None, schema=SCHEMA, **options):
    given = {"item": ["a", "b", "c"], "title": ["", "", ""], "count": [1, 2, 3]}
    table = pa.Table.from_pydict(given | (columns or {}), schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **({**PLAIN, "write_statistics": False} | options))
    return sink.getvalue().to_pybytes()


def changed(number, **changes):
    field = SCHEMA.field(number)
    name, kind = changes.get("name", field.name), changes.get("type", field.type)
    return SCHEMA.set(number, pa.field(name, kind, changes.get("nullable", False)))


def test_what_the_attacks_start_from_is_accepted(load, rewrite):
    got = load(rewrite("items.parquet", parquet()))
    assert got.items["item"].to_pylist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("what", "data", "reason"),
    [
        ("duplicate ids", lambda: parquet({"item": ["a", "b", "a"]}), "an id twice"),
        ("negative counts", lambda: parquet({"count": [1, 2, -3]}), "negative count"),
        ("nullable", lambda: parquet(schema=changed(0, nullable=True)), "its columns are not"),
        (
            "nulls",
            lambda: parquet({"item": ["a", None, "c"]}, changed(0, nullable=True)),
            "its columns are not",
        ),
        ("binary ids", lambda: parquet(schema=changed(0, type=pa.binary())), "its columns are not"),
        (
            "integer ids",
            lambda: parquet({"item": [1, 2, 3]}, changed(0, type=pa.int64())),
            "its columns are not item (string)",
        ),
        (
            "int32 counts",
            lambda: parquet(schema=changed(2, type=pa.int32())),
            "its columns are not",
        ),
        (
            "fourth column",
            lambda: parquet({"x": [1] * 3}, SCHEMA.append(pa.field("x", pa.int64()))),
            "4 columns and not 3",
        ),
        ("third missing", lambda: parquet(schema=SCHEMA.remove(2)), "2 columns and not 3"),
        (
            "order",
            lambda: parquet(schema=pa.schema([*reversed(list(SCHEMA))])),
            "its columns are not",
        ),
        ("two groups", lambda: parquet(row_group_size=2), "not one row group of 3 rows"),
        ("compressed", lambda: parquet(compression="zstd"), "compressed or has a dictionary"),
        ("dictionary", lambda: parquet(use_dictionary=True), "compressed or has a dictionary"),
        (
            "big footer",
            lambda: parquet(schema=SCHEMA.with_metadata({"a": "b" * 5000}), store_schema=True),
            "footer",
        ),
        ("no Parquet", lambda: b"PK\3\4" + b"x" * 50, "not a Parquet file"),
        ("too short", lambda: b"PAR1PAR1", "not a Parquet file"),
        ("encrypted", lambda: parquet()[:-4] + b"PARE", "not a Parquet file"),
        ("empty footer", lambda: b"PAR1\0\0\0\0PAR1", "cut short"),
        ("cut footer", lambda: b"PAR1\x15\1\0\0\0PAR1", "cut short"),
        ("long footer", lambda: parquet()[:-8] + b"\xff\xff\xff\xffPAR1", "its footer has"),
        ("nested footer", lambda: b"PAR1" + b"\x1c" * 99 + b"\x63\0\0\0PAR1", "too deeply"),
        (
            "endless number",
            lambda: b"PAR1\x15" + b"\xff" * 19 + b"\x14\0\0\0PAR1",
            "more than 64 bits",
        ),
        ("long list", lambda: b"PAR1\x19\xf1\xff\xff\xff\x0f\0\x07\0\0\0PAR1", "unexpected type"),
        ("odd type", lambda: b"PAR1\x1b\0\x02\0\0\0PAR1", "unexpected type"),
        ("backwards", lambda: b"PAR1\x05\0\x02\0\0\0PAR1", "malformed"),
    ],
)
def test_hostile_items(what, data, reason, rewrite, refusal):
    message = refusal(rewrite("items.parquet", data()))
    assert "items.parquet" in message
    assert reason in message


def test_titles_that_unfold_to_gigabytes_take_no_memory(rewrite, refusal):
    """Titles that share a prefix: 100 kB on the disk, 40 MB in memory (it could be any number)."""
    encoding = {"item": "PLAIN", "title": "DELTA_BYTE_ARRAY", "count": "PLAIN"}
    columns = {"item": map(str, range(2000)), "title": ["x" * 20_000] * 2000, "count": [0] * 2000}
    data = parquet({key: list(value) for key, value in columns.items()}, column_encoding=encoding)
    assert len(data) < 100_000
    before = pa.total_allocated_bytes()
    with pytest.raises(ModelFolderError, match="a page is not a plain data page"):
        items.decode(bytearray(data), {"item": "string", "rows": 2000})
    assert pa.total_allocated_bytes() == before


@pytest.mark.parametrize("rows", [0, 2, 4, -3, 10**12])
def test_another_number_of_rows_than_declared(rows, reconfigure, refusal):
    message = refusal(reconfigure(items={"item": "string", "rows": rows}))
    assert f"not one row group of {rows} rows" in message


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"\x15\0\x15\x20\x15\x20\x2c\x15\x06", "a page is longer than its column"),
        (b"\x15\0\x15\x20\x15\x1e\x2c\x15\x06", "a page has an impossible size"),
        (b"\x15\0\x15\x1e\x15\x1e\x2c\x15\x05", "a page has an impossible size"),
        (b"\x15\0\x15\x1e\x15\x1e\x2c\x15\x08", "a column does not hold 3 values"),
        (b"\x15\2\x15\x1e\x15\x1e\x2c\x15\x06", "not a plain data page"),
        (b"\x15\0\x15\x1e\x15\x1e\x2c\x18\x06", "lack a field"),
    ],
)
def test_hostile_page_headers(header, reason, rewrite, refusal):
    """The first page: 15 bytes (0x1e, sign bit last) and 3 values (0x06)."""
    data = parquet()
    original = b"\x15\0\x15\x1e\x15\x1e\x2c\x15\x06"
    assert data[4:].startswith(original)
    assert reason in refusal(rewrite("items.parquet", data[:4] + header + data[4 + len(header) :]))


def test_titles_that_are_not_text(model, rewrite, refusal):
    data = (model / "items.parquet").read_bytes()
    assert "items.parquet cannot be read" in refusal(
        rewrite("items.parquet", data.replace(b"Green", b"\xff\xfe\xfd\xfc\xfb"))
    )


def test_a_text_that_is_longer_than_its_page(model, rewrite, refusal):
    data = (model / "items.parquet").read_bytes()
    tea = (3).to_bytes(4, "little") + b"tea"
    for length in (4, 2**31 - 1, 2**32 - 1):
        hostile = data.replace(tea, length.to_bytes(4, "little") + b"tea")
        assert "items.parquet" in refusal(rewrite("items.parquet", hostile))


# The texts

DEEP = MAX_DEPTH + 1


@pytest.mark.parametrize("name", ["config.json", "metrics.json", "manifest.json"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": NaN}', "'NaN' is not a finite number"),
        ('{"a": -Infinity}', "'-Infinity' is not a finite number"),
        ('{"a": 1e999}', "'1e999' is not a finite number"),
        ('{"a": 1, "a": 1}', "the key 'a' occurs twice"),
        ('{"a": {"b": [{"c": 1, "c": 2}]}}', "the key 'c' occurs twice"),
        ('{"a": "\\ud800"}', "surrogates not allowed"),
        ('{"a": 1} {}', "Extra data"),
        ("", "Expecting value"),
        ("\ufeff{}", "BOM"),
        ("{'a': 1}", "Expecting property name"),
        ('{"a": 1,}', "strict JSON"),
        ('{"a": ' + "9" * 5000 + "}", "digits"),
        ('{"a": "\n"}', "Invalid control character"),
        ("null", "must hold one JSON object"),
        ("[" * DEEP + "]" * DEEP, f"nested deeper than {MAX_DEPTH} levels"),
        ("[" * 1_000_000, f"nested deeper than {MAX_DEPTH} levels"),
        ('{"a":' * 500_000, f"nested deeper than {MAX_DEPTH} levels"),
        ('"' + '\\"' * 1_000_000, "Unterminated string"),
        (" " * (MAX_TEXT + 1), f"at most {MAX_TEXT} are allowed"),
    ],
)
def test_hostile_json(name, text, reason, model, rewrite, refusal):
    if name == "manifest.json":
        (model / name).write_text(text)
    else:
        rewrite(name, text)
    message = refusal(model)
    assert name in message
    assert reason in message


@pytest.mark.parametrize("name", ["config.json", "metrics.json", "README.md"])
def test_text_that_is_not_utf_8(name, rewrite, refusal):
    assert f"{name} is not" in refusal(rewrite(name, b'{"a": "\xff"}'))


def test_a_card_of_hostile_size(rewrite, refusal):
    assert "README.md has" in refusal(rewrite("README.md", "x" * (MAX_TEXT + 1)))


def test_brackets_in_strings_do_not_count(rewrite, load):
    text = json.dumps({"a": "[{" * 1000 + '\\"' + "[" * 1000})
    assert len(load(rewrite("metrics.json", text)).metrics["a"]) > 3000


def test_json_as_deep_as_allowed_is_read():
    deep = b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH
    assert strict_json.decode(deep, "x")["a"]


# The manifest


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.update(signature="x"),
        lambda manifest: manifest.pop("files"),
        lambda manifest: manifest.pop("format_version"),
        lambda manifest: manifest.update(files=[]),
        lambda manifest: manifest["files"].pop("README.md"),
        lambda manifest: manifest["files"].update({"../../etc/passwd": {"sha256": "", "size": 0}}),
        lambda manifest: manifest["files"].update({"manifest.json": {"sha256": "", "size": 0}}),
        lambda manifest: manifest["files"].update({"README.md": "x"}),
        lambda manifest: manifest["files"]["README.md"].pop("sha256"),
        lambda manifest: manifest["files"]["README.md"].update(mode=0o777),
        lambda manifest: manifest["files"]["README.md"].update(size=-1),
        lambda manifest: manifest["files"]["README.md"].update(size=1.0),
        lambda manifest: manifest["files"]["README.md"].update(size=10**400),
        lambda manifest: manifest["files"]["weights.safetensors"].update(size=2**50),
        lambda manifest: manifest["files"]["README.md"].update(sha256=""),
        lambda manifest: manifest["files"]["README.md"].update(sha256=None),
        lambda manifest: manifest["files"]["README.md"].update(sha256="0" * 64),
        lambda manifest: manifest["files"]["README.md"].update(
            sha256=manifest["files"]["README.md"]["sha256"].upper()
        ),
    ],
)
def test_hostile_manifests(change, remanifest, refusal):
    message = refusal(remanifest(change))
    assert "manifest.json" in message or "README.md" in message


# Anything at all


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_resealed_mutation_is_refused_or_read_within_the_rules(data, model, reseal, load):
    name = data.draw(st.sampled_from(["config.json", "weights.safetensors", "items.parquet"]))
    original = (model / name).read_bytes()
    start = data.draw(st.integers(0, len(original)))
    stop = data.draw(st.integers(start, min(len(original), start + 8)))
    insert = data.draw(st.binary(max_size=8))
    try:
        (model / name).write_bytes(original[:start] + insert + original[stop:])
        reseal(model)
        require_rules(load(model))
    except ModelFolderError as error:
        message = str(error)
        assert message.isprintable()
    finally:
        (model / name).write_bytes(original)
        reseal(model)


def test_each_byte_of_the_items_resealed(model, rewrite, load):
    """A Parquet reader that is handed such files unchecked can end the process."""
    original, refused = (model / "items.parquet").read_bytes(), 0
    for place in range(len(original)):
        for bit in (1, 128):
            changed = bytearray(original)
            changed[place] ^= bit
            try:
                require_rules(load(rewrite("items.parquet", bytes(changed))))
            except ModelFolderError:
                refused += 1
    assert refused > len(original) / 2


def require_rules(contents):
    assert contents.type in ("linear", "variational")
    assert all(np.isfinite(tensor).all() for tensor in contents.tensors.values())
    table = contents.items
    if table is not None:
        assert table.column_names == ["item", "title", "count"]
        assert len(set(table["item"].to_pylist())) == table.num_rows
        assert all(isinstance(title, str) for title in table["title"].to_pylist())
        assert all(count >= 0 for count in table["count"].to_pylist())
