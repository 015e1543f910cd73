"""The same log is read alike from every format, plain or packed, one file or several."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from likewise.data.log import read_log

ROWS = [
    ("ann", "007", 2.0, "2024-01-01 10:00:00"),
    ("bob", "7", 1.0, "2024-01-01 11:00:00"),
    ("ann", 'é,"x"', 0.5, "2024-01-02 00:00:00"),
]
MICROSECONDS = [1704103200000000, 1704106800000000, 1704153600000000]


def _frame() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=["user", "item", "qty", "time"])


def _write_as(folder: Path, name: str) -> Path:
    path, frame = folder / name, _frame()
    if name.endswith(".parquet"):
        frame.to_parquet(path, index=False)
        return path
    if "json" in name:
        text = frame.to_json(orient="records", lines=True, force_ascii=False)
    else:
        text = frame.to_csv(sep="\t" if ".tsv" in name else ",", index=False)
    packing = {".gz": "gzip", ".zst": "zstd"}.get(path.suffix)
    with pa.output_stream(path, compression=packing) as file:
        file.write(text.encode())
    return path


def _check(log) -> None:
    assert log.users.ids.tolist() == ["ann", "bob"]
    assert log.items.ids.tolist() == ["007", "7", 'é,"x"']
    assert log.users.decode(log.user).tolist() == [row[0] for row in ROWS]
    assert log.items.decode(log.item).tolist() == [row[1] for row in ROWS]
    assert log.weight.tolist() == [row[2] for row in ROWS]
    assert log.time.tolist() == MICROSECONDS
    kinds = [a.dtype for a in (log.user, log.item, log.weight, log.time)]
    assert kinds == [np.int32, np.int32, np.float32, np.int64]


@pytest.mark.parametrize(
    "name",
    [
        *("log.csv", "log.csv.gz", "log.csv.zst", "log.CSV", "log.tsv", "log.tsv.zst"),
        *("log.jsonl", "log.jsonl.gz", "log.ndjson", "log.parquet"),
    ],
)
def test_every_format_gives_the_same_log(tmp_path, name):
    _check(read_log(_write_as(tmp_path, name)))


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
@pytest.mark.parametrize("folder", ["c0=zzz", "user=zzz", "item=9", "month=5"])
def test_folders_named_like_a_column_are_folders(tmp_path, folder, name):
    (tmp_path / folder).mkdir()
    _check(read_log(_write_as(tmp_path / folder, name)))


@pytest.mark.parametrize(
    "make", [_frame, lambda: pl.from_pandas(_frame())], ids=["pandas", "polars"]
)
def test_frames_give_the_same_log(make):
    _check(read_log(make()))


def test_arrow_tables_and_one_pass_readers_give_the_same_log():
    table = pa.Table.from_pandas(_frame())
    _check(read_log(table))
    _check(read_log(table.to_reader()))


def test_times_that_are_timestamps_give_the_same_log():
    frame = _frame()
    frame["time"] = pd.to_datetime(frame["time"])
    _check(read_log(frame))
    frame["time"] = frame["time"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")
    _check(read_log(frame))


@pytest.mark.parametrize("delimiter", [";", "|", "\t"])
def test_the_delimiter_of_a_csv_is_found(write, delimiter):
    lines = [("user", "item", "qty"), ("ann", "a,b", "2")]
    log = read_log(write("log.csv", "\n".join(delimiter.join(line) for line in lines)))
    assert log.items.ids.tolist() == ["a,b"]


def test_a_byte_order_mark_blank_lines_and_windows_line_ends_are_no_matter(write):
    log = read_log(write("log.csv", "\ufeffuser,item\r\n\r\nann,tea\r\n\r\nbob,cup\r\n"))
    assert log.users.ids.tolist() == ["ann", "bob"]
    assert log.items.ids.tolist() == ["cup", "tea"]


def test_quoted_fields_may_hold_line_ends_and_delimiters(write):
    log = read_log(write("log.csv", 'user,item\nann,"two\nlines"\nbob,"a ""b"", c"\n'))
    assert log.items.ids.tolist() == ['a "b", c', "two\nlines"]


def test_spaces_around_header_names_are_no_matter_and_in_ids_they_stay(write):
    log = read_log(write("log.csv", "user, item\n ann,tea \n"))
    assert log.users.ids.tolist() == [" ann"]
    assert log.items.ids.tolist() == ["tea "]


def test_columns_that_are_not_needed_may_be_anything(write):
    log = read_log(write("log.csv", ",user,item,,x;y\n1,ann,tea,,\n2,bob,cup,,\n"))
    assert len(log) == 2


def test_a_pandas_column_that_mixes_everything_is_fine_while_not_needed():
    frame = pd.DataFrame({"user": ["ann"], "item": [7], "note": [object()]})
    frame.loc[1] = ["bob", 8, 1.5]
    assert read_log(frame).items.ids.tolist() == [7, 8]


def test_keys_missing_from_some_json_lines_are_missing_values(write):
    text = '{"user": "ann", "item": "tea"}\n{"item": "cup", "user": "bob", "qty": 3}\n'
    log = read_log(write("log.jsonl", text), weight="")
    assert log.report.rows_kept == 2


def test_a_json_key_that_comes_late_is_a_column(write):
    first, last = '{"user": 1, "item": 2}\n' * 1500, '{"user": 1, "item": 3, "qty": 5}\n'
    log = read_log(write("log.jsonl", first + "no object\n" + last), bad_rows="skip")
    assert log.weight.tolist() == [5]
    assert log.report.dropped == {"malformed line": 1, "weight is not a number": 1500}


def test_strange_json_keys_are_columns(write):
    text = '{"$.u": "ann", "a\\"b": 1, "user": "no"}\n'
    log = read_log(write("log.jsonl", text), user="$.u", item='a"b')
    assert log.users.ids.tolist() == ["ann"]
    assert log.items.ids.tolist() == [1]


def test_several_files_and_patterns_are_read_in_order(tmp_path, write):
    for name in "cab":
        write(f"{name}.csv", f"user,item\n{name},tea\n")
    paths = [str(tmp_path / f"{name}.csv") for name in "cab"]
    listed = read_log(paths)
    assert listed.users.decode(listed.user).tolist() == ["c", "a", "b"]
    matched = read_log(tmp_path / "*.csv")
    assert matched.users.decode(matched.user).tolist() == ["a", "b", "c"]
    assert matched.report.source.endswith("and 2 more files")


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(write):
    write("a1.csv", "user,item\nwrong,tea\n")
    log = read_log(write("a[1].csv", "user,item\nright,tea\n"))
    assert log.users.ids.tolist() == ["right"]


def test_a_packed_file_among_plain_ones(tmp_path, write):
    with gzip.open(tmp_path / "b.csv.gz", "wt") as file:
        file.write("user,item\nbob,cup\n")
    log = read_log([write("a.csv", "user,item\nann,tea\n"), tmp_path / "b.csv.gz"])
    assert log.users.ids.tolist() == ["ann", "bob"]


def test_many_rows_stay_in_their_order(tmp_path):
    n = 300_000  # several of DuckDB's row groups, read by several threads
    numbers = np.arange(n)
    table = pa.table({"user": numbers % 1000, "item": numbers[::-1], "time": numbers + 10**9})
    pq.write_table(table, tmp_path / "log.parquet", row_group_size=50_000)
    log = read_log(tmp_path / "log.parquet")
    np.testing.assert_array_equal(log.user, numbers % 1000)
    np.testing.assert_array_equal(log.item, numbers[::-1])
    np.testing.assert_array_equal(log.time, (numbers + 10**9) * 10**6)


def test_a_log_larger_than_its_memory_spills_and_is_whole(tmp_path):
    n = 400_000
    numbers = np.arange(n)
    users = pa.array([f"a-rather-long-customer-number-{k % 5000:06d}" for k in numbers])
    items = pa.array([f"an-even-longer-product-number-of-{k % 700:09d}" for k in numbers])
    table = pa.table({"user": users, "item": items, "time": numbers + 10**9})
    pq.write_table(table, tmp_path / "log.parquet", row_group_size=40_000)
    log = read_log(tmp_path / "log.parquet", memory=40 * 2**20)
    np.testing.assert_array_equal(log.user, numbers % 5000)
    np.testing.assert_array_equal(log.item, numbers % 700)
