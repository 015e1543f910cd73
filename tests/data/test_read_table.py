"""Tables read from files get the types that their values have."""

import datetime as dt

import pyarrow as pa
import pyarrow.parquet as papq
import pytest

from likewise import LogError
from likewise.data.read_table import read_table


def read(tmp_path, text, name="table.csv"):
    (tmp_path / name).write_text(text)
    return read_table(tmp_path / name)


def column(tmp_path, *values):
    return read(tmp_path, "\n".join(["a,b", *(f"{value},1" for value in values)]))["a"]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        (["1", "-20", "+3"], [1, -20, 3]),
        (["1", "2.5", "1e3"], [1.0, 2.5, 1000.0]),
        (["007", "12"], ["007", "12"]),
        (["0.5", "0"], [0.5, 0.0]),
        (["true", "False"], [True, False]),
        (["2020-01-31", "1999-12-01"], [dt.date(2020, 1, 31), dt.date(1999, 12, 1)]),
        (["2020-01-31 10:30:00"], [dt.datetime(2020, 1, 31, 10, 30)]),  # noqa: DTZ001
        (["tea", "1"], ["tea", "1"]),
        (["", "NA", "5"], [None, None, 5]),
        (["null", "x", "?"], [None, "x", None]),
        (["", ""], [None, None]),
        (["12345678901234567890", "1"], [12345678901234567890.0, 1.0]),
    ],
)
def test_a_column_gets_the_type_that_all_its_values_have(tmp_path, written, read_as):
    assert column(tmp_path, *written).to_pylist() == read_as


def test_json_lines_and_parquet(tmp_path):
    lines = '{"a": 1, "b": "x", "c": true}\n{"a": 2.5, "c": null}\n'
    table = read(tmp_path, lines, "t.jsonl")
    assert table.to_pydict() == {"a": [1.0, 2.5], "b": ["x", None], "c": [True, None]}
    papq.write_table(table, tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").equals(table)
    assert isinstance(table, pa.Table)


@pytest.mark.parametrize(
    ("text", "said"), [("a,b\n1,2\n1\n", "line 3: malformed line"), ("a,b\n", "no rows")]
)
def test_a_bad_file_is_refused(tmp_path, text, said):
    with pytest.raises(LogError, match=said):
        read(tmp_path, text)


def test_a_column_without_a_name_is_called_by_its_place(tmp_path):
    table = read(tmp_path, ",a,\n0,x,7\n1,y,8\n")
    assert table.to_pydict() == {"column1": [0, 1], "a": ["x", "y"], "column3": [7, 8]}
    with pytest.raises(LogError, match="two columns named 'column2'"):
        read(tmp_path, "column2,\n0,1\n")


def test_a_header_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "latin.csv").write_bytes("größe,a\n1,2\n".encode("latin-1"))
    with pytest.raises(LogError, match="line 1 holds text that is not UTF-8"):
        read_table(tmp_path / "latin.csv")
