"""Each source that cannot be a log is refused with one clear line, before any work."""

import os
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from likewise.data import engine as engine_module
from likewise.data.engine import engine, own_errors
from likewise.data.log import read_log
from likewise.errors import InputError, MachineError, NotEnoughMemoryError


def test_an_empty_file(refused, write):
    path = write("log.csv", "")
    assert refused(path) == f"{path} is empty; give a file with a header and rows"


@pytest.mark.parametrize("text", ["\n", "  \n", ",,\n1,2,3\n"])
def test_a_file_without_a_header(refused, write, text):
    assert "has no header in its first line" in refused(write("log.csv", text))


def test_a_header_only(refused, write):
    path = write("log.csv", "user,item\n")
    assert refused(path) == f"{path} has columns but no rows; give a log with rows"


def test_a_parquet_file_without_rows(refused, tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"user": pa.array([], "string"), "item": pa.array([], "string")}), path)
    assert "has columns but no rows" in refused(path)


@pytest.mark.parametrize("text", ["\n\n", "[1]\n", "not json\n", "{}\n"])
def test_json_lines_without_objects(refused, write, text):
    assert "holds no JSON objects; write one object a line" in refused(write("log.jsonl", text))


def test_an_unknown_column(refused, write):
    message = refused(write("log.csv", "user,item\na,b\n"), weight="qty")
    assert message == "no column 'qty' for weight; the columns are 'user', 'item'"


def test_no_user_and_no_item_column(refused, write):
    assert "no user or basket column found" in refused(write("log.csv", "who,item\na,b\n"))
    message = refused(write("log.csv", "user,what\na,b\n"))
    assert "no item column found; the columns are 'user', 'what'" in message
    assert "item= (--item)" in message


@pytest.mark.parametrize("kind", ["csv", "pandas", "arrow"])
def test_two_columns_of_one_name(refused, write, kind):
    source = write("log.csv", "user,item,item\na,b,c\n")
    if kind == "pandas":
        source = pd.DataFrame([["a", "b", "c"]], columns=["user", "item", "item"])
    if kind == "arrow":
        source = pa.table([["a"], ["b"], ["c"]], names=["user", "item", "item"])
    assert "has two columns named 'item'; give each its own name" in refused(source)


def test_json_keys_that_differ_in_capitals_only(refused, write):
    path = write("log.jsonl", '{"user": 1, "item": 2}\n{"user": 1, "Item": 3}\n')
    message = refused(path)
    assert message.startswith(f"{path} has the keys 'item' and 'Item', which differ in capitals")


def test_json_lines_with_a_byte_order_mark(refused, write):
    path = write("log.jsonl", '\ufeff{"user": 1, "item": 2}\n')
    assert refused(path).startswith(f"{path} begins with a byte order mark, which JSON lines")


def test_a_directory(refused, tmp_path):
    message = refused(tmp_path)
    assert message == (
        f"{tmp_path} is a directory; give a file, or a pattern such as {tmp_path}/*.csv"
    )


def test_a_binary_file_named_csv(refused, tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(bytes(range(256)) * 100)
    assert "is a binary file" in refused(path)


def test_utf16(refused, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user,item\na,b\n", encoding="utf-16")
    assert "UTF-16" in refused(path)


@pytest.mark.parametrize("keep", [4, 100, 0.5, 0.99])
def test_a_truncated_parquet_file(refused, tmp_path, keep):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"user": range(1000), "item": range(1000)}), path)
    content = path.read_bytes()
    path.write_bytes(content[: keep if keep > 1 else int(len(content) * keep)])
    assert f"{path} is cut off: its end is missing" in refused(path)


def test_a_parquet_file_damaged_inside(refused, tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"user": range(10_000), "item": range(10_000)}), path)
    content = bytearray(path.read_bytes())
    content[1000:9000] = bytes(8000)
    path.write_bytes(content)
    assert str(path) in refused(path)


def test_a_packed_file_that_is_not_packed(refused, write):
    path = write("log.csv.gz", "user,item\na,b\n")
    assert f"{path} cannot be read" in refused(path)


def test_a_packed_file_cut_short(refused, tmp_path):
    path = tmp_path / "log.csv.gz"
    with pa.output_stream(path, compression="gzip") as file:
        file.write(b"user,item\n" + os.urandom(100_000).hex().encode())
    path.write_bytes(path.read_bytes()[:50_000])
    assert str(path) in refused(path, bad_rows="skip")


@pytest.mark.parametrize("text", ["user,item\na,b\r\nc,d\n", "user,item\r\na,b\nc,d\r\n"])
def test_lines_that_end_in_different_ways(refused, tmp_path, text):
    path = tmp_path / "log.csv"
    path.write_bytes(text.encode())
    message = refused(path)
    assert f"{path} cannot be read: not all of its lines end alike" in message
    assert "sed -i" in message


def test_no_read_permission(refused, write, monkeypatch):
    path = write("log.csv", "user,item\na,b\n")
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read anything
    assert "may not be read by this user; change its permissions" in refused(path)


def test_a_missing_file(refused, tmp_path):
    path = tmp_path / "log.csv"
    assert refused(path) == f"{path} does not exist; check the path"


def test_a_pattern_that_matches_nothing(refused, tmp_path):
    assert "no file matches" in refused(tmp_path / "*.csv")


def test_an_empty_list(refused):
    assert "an empty list was given; give at least one file, or one basket" in refused([])


@pytest.mark.parametrize("name", ["log.xlsx", "log", "log.gz", "log.parquet.gz", "csv", ".csv"])
def test_an_unknown_extension(refused, write, name):
    assert "has an unknown extension; allowed are .csv" in refused(write(name, "user,item\n"))


def test_an_address_of_another_kind(refused):
    assert "is no file here" in refused("https://example.org/log.csv")
    assert "is no file here" in refused("mysql://host/shop")


def test_files_of_different_formats(refused, write):
    one, other = write("a.csv", "user,item\na,b\n"), write("b.tsv", "user\titem\na\tb\n")
    assert refused([one, other]) == (f"{one} is csv and {other} is tsv; give files of one format")


def test_csv_files_with_different_columns(refused, write):
    one, other = write("a.csv", "user,item\na,b\n"), write("b.csv", "item,user\nb,a\n")
    assert "have different columns (user, item and item, user)" in refused([one, other])


def test_parquet_files_with_different_columns(refused, tmp_path):
    one, other = tmp_path / "a.parquet", tmp_path / "b.parquet"
    pq.write_table(pa.table({"user": ["007"], "item": [1]}), one)
    pq.write_table(pa.table({"user": [7], "item": [1]}), other)
    message = refused([one, other])
    assert "'user' is VARCHAR in the one and BIGINT in the other" in message
    pq.write_table(pa.table({"user": ["007"], "sku": [1]}), other)
    assert "'item' is BIGINT in the one and missing in the other" in refused([one, other])


@pytest.mark.parametrize("source", [None, 7, {"user": [1]}, b"log.csv", [1, 2], object()])
def test_a_thing_of_another_kind(refused, source):
    assert "was given; give a path, a list of paths" in refused(source)


def test_a_query_for_a_file(refused, write):
    message = refused(write("log.csv", "user,item\na,b\n"), query="SELECT 1")
    assert message.startswith("query is for databases")


def test_an_arrow_table_of_a_type_that_cannot_be_read(refused):
    table = pa.table({"user": [1], "item": pa.array([1.0], pa.float16())})
    assert "item" in refused(table) or "Arrow" in refused(table)


@pytest.mark.parametrize("memory", [0, -1])
def test_memory_that_is_no_memory(memory):
    with pytest.raises(InputError, match=f"memory={memory} given; give bytes"):
        read_log(pa.table({"user": [1], "item": [1]}), memory=memory)


def test_too_little_memory_is_the_machine_s_fault_and_says_what_to_do():
    numbers = range(200_000)
    with pytest.raises(NotEnoughMemoryError, match="raise memory="):
        read_log(pa.table({"user": numbers, "item": numbers}), memory=2**20)


def test_a_full_disk_is_the_machine_s_fault():
    with pytest.raises(MachineError, match="free some disk space"), own_errors("the log"):
        raise duckdb.IOException("IO Error: could not write: No space left on device")


def test_where_the_free_memory_is_unknown_no_limit_is_set(monkeypatch):
    monkeypatch.setattr(engine_module, "available_memory", lambda: 1 << 62)
    with engine() as duck:
        limit = duck.rows("SELECT current_setting('memory_limit')")[0][0]
    assert "EiB" not in limit
    assert "PiB" not in limit


def test_nothing_is_left_on_the_disk(refused, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with engine() as duck:
        assert duck.folder.parent == tmp_path
    refused(Path("missing.csv"))
    assert list(tmp_path.iterdir()) == []
