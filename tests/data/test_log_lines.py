"""No line is lost: one that may take others with it is refused, also where bad rows are skipped."""

import gzip

import pandas as pd
import pytest

from likewise.data import text_files
from likewise.data.log import read_log
from likewise.data.read_table import read_table
from likewise.errors import LogError


@pytest.mark.parametrize("bad_rows", ["refuse", "skip"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_line_that_the_reader_would_lose_is_refused(refused, write, quote, bad_rows):
    note = quote + "x" * 33_000_000 + quote
    path = write("log.csv", f"user,item,note\nu0,i0,a\nu1,i1,{note}\nu2,i2,b\n")
    message = refused(path, bad_rows=bad_rows)
    assert message.startswith(f"{path} line 3 has more than 2,000,000 bytes")


def test_a_line_that_is_too_long_is_refused_in_a_packed_file(refused, tmp_path):
    path = tmp_path / "log.csv.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write("user,item\n" + "u,i\n" * 900_000 + f"u,{'x' * 9_000_000}\n" + "u,i\n")
    assert f"{path} line 900002 has more than 2,000,000 bytes" in refused(path)


@pytest.mark.parametrize("length", [1_990_000, 2_100_000])
def test_a_line_may_have_two_million_bytes_and_no_more(refused, write, length):
    path = write("log.csv", f"user,item,note\nu0,i0,a\nu1,i1,{'x' * length}\nu2,i2,b\n")
    if length < text_files.LONGEST:
        assert len(read_log(path)) == 3
        return
    assert f"{path} line 3: " in refused(path, bad_rows="skip")
    with pytest.raises(LogError, match="line 3"):
        read_table(path)


@pytest.mark.parametrize("bad_rows", ["refuse", "skip"])
@pytest.mark.parametrize(
    "last", ["", 'u,"6 nail,more\n', 'u,6 nail,some "new" nail\n', 'u,6 nail"\nu,i,more\n']
)
def test_a_quote_that_is_not_closed_is_refused_as_it_takes_other_lines_with_it(
    refused, write, last, bad_rows
):
    text = "user,item,name\nu,i,more\n" + 'u,"5 nail,more\n' + "u,i,more\n" * 50 + last
    message = refused(write("log.csv", text), bad_rows=bad_rows)
    assert "log.csv line 3: a malformed row runs on over further lines, or is too long" in message
    assert message.endswith(
        "close its quote, write a quote inside a value twice, or take it out of the file"
    )


def test_a_quote_that_is_not_closed_in_a_long_file_is_refused(refused, write):
    lines = [f"u{number},i{number},some title here\n" for number in range(400_000)]
    lines[1000] = 'u1000,"5 nail,some title here\n'
    path = write("log.csv", "user,item,title\n" + "".join(lines))
    assert f"{path} line 1002: a malformed row runs on" in refused(path, bad_rows="skip")


# titles kept apart


LOG = "user,item\nann,tea\nbob,cup\n"
BROKEN = "item,title\ntea,Tea\ncup,Cup,more\njar,Jar\n"


@pytest.mark.parametrize("as_frame", [False, True])
def test_a_malformed_line_of_titles_is_refused_as_one_of_the_log_is(refused, write, as_frame):
    log, titles = write("log.csv", LOG), write("titles.csv", BROKEN)
    message = refused(pd.read_csv(log) if as_frame else log, titles=titles)
    assert message.startswith(f"{titles} line 3: malformed line: 'Expected Number of Columns: 2")
    assert "; 1 of 3 rows are bad (1 malformed line)" in message


def test_bad_rows_of_titles_can_be_skipped_and_are_noted(write):
    titles = write("titles.csv", BROKEN + ",Bowl\n")
    log = read_log(write("log.csv", LOG + "bob\n"), titles=titles, bad_rows="skip")
    assert log.titles.tolist() == ["", "Tea"]
    assert log.report.dropped == {"malformed line": 1}
    note = f"of {titles} rows were left out: 1 malformed line, 1 no item"
    assert log.report.notes == (note,)


def test_a_title_without_an_item_is_refused_with_its_line(refused, write):
    for name, text in (
        ("titles.csv", "item,title\ntea,Tea\n,Cup\n"),
        ("titles.jsonl", '{"item": "tea", "title": "Tea"}\nno object\n'),
    ):
        titles = write(name, text)
        message = refused(write("log.csv", LOG), titles=titles)
        assert message.startswith(f"{titles} {'line 3' if 'csv' in name else 'line 2'}: no item")


def test_a_file_may_be_the_log_and_its_table_of_titles(write):
    path = write("log.csv", "user,item,title\nann,tea,Tea\nbob\n")
    assert read_log(path, titles=path, bad_rows="skip").report.dropped == {"malformed line": 1}
