"""A row that cannot be read is refused with its place, or skipped and counted."""

import gzip

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.data.log import read_log
from likewise.errors import InputError, LogError

HEADER = "user,item,qty,time\n"
GOOD = "ann,tea,1,2024-01-01\n"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("ann,tea,abc,2024-01-01", "weight is not a number in column 'qty': 'abc'"),
        ("ann,tea,,2024-01-01", "weight is not a number in column 'qty'"),
        ("ann,tea,nan,2024-01-01", "weight is NaN or infinite in column 'qty': 'nan'"),
        ("ann,tea,-inf,2024-01-01", "weight is NaN or infinite in column 'qty': '-inf'"),
        ("ann,tea,1e39,2024-01-01", "weight is NaN or infinite in column 'qty': '1e39'"),
        ("ann,tea,-2,2024-01-01", "negative weight in column 'qty': '-2'"),
        ("ann,,1,2024-01-01", "no item in column 'item'"),
        (",tea,1,2024-01-01", "no user in column 'user'"),
        ("ann,tea,1,31.12.2024", "time cannot be read in column 'time': '31.12.2024'"),
        ("ann,tea,1,", "time cannot be read in column 'time'"),
        ("ann,tea,1,infinity", "time cannot be read in column 'time': 'infinity'"),
        ("ann,tea", "malformed line: 'Expected Number of Columns: 4 Found: 2'"),
        ("ann,tea,1,2024-01-01,more", "malformed line: 'Expected Number of Columns: 4 Found: 5'"),
        ('"ann"x,tea,1,2024-01-01', "malformed line: 'Value with unterminated quote found.'"),
    ],
)
def test_a_bad_line_of_a_csv_is_named_and_can_be_skipped(refused, write, line, fault):
    path = write("log.csv", HEADER + GOOD + line + "\n" + GOOD.replace("tea", "cup"))
    message = refused(path)
    assert message.startswith(f"{path} line 3: {fault}; 1 of 3 rows are bad (1 ")
    assert "bad_rows='skip' (--skip-bad-rows)" in message
    log = read_log(path, bad_rows="skip")
    reason = fault.split(" in column")[0].split(":")[0]
    assert log.report.dropped == {reason: 1}
    assert (log.report.rows_read, len(log)) == (3, 2)


def test_a_negative_weight_suggests_to_drop_returns(refused, write):
    message = refused(write("log.csv", HEADER + "ann,tea,-1,2024-01-01\n"))
    hint = "; leave returns out with drop={'returns': 'qty < 0'} (--drop \"returns=qty < 0\")"
    assert message.endswith(hint)


def test_a_log_whose_times_are_empty_can_be_read_without(write):
    log = write("a.csv", "user,item,time\nann,tea,\nbob,cup,\n")
    with pytest.raises(LogError, match=r"or read the log without times: time='' \(--time ''\)"):
        read_log(log)
    assert read_log(log, time="").time is None


def test_a_time_that_cannot_be_read_suggests_a_format(refused, write):
    assert "time_format=" in refused(write("log.csv", HEADER + "ann,tea,1,31/12/2024\n"))


def test_bad_rows_are_counted_by_reason_and_the_first_is_named(refused, write):
    lines = [GOOD, "ann,tea,x,2024-01-01\n", "ann\n", "ann,tea,y,2024-01-01\n", "ann,tea,-1,z\n"]
    message = refused(write("log.csv", HEADER + "".join(lines)))
    assert "line 3: weight is not a number" in message
    counts = "(1 malformed line, 2 weight is not a number, 1 negative weight)"
    assert f"4 of 5 rows are bad {counts}" in message


def test_a_malformed_line_before_a_bad_value_is_the_first(refused, write):
    message = refused(write("log.csv", HEADER + GOOD + "ann\nann,tea,x,2024-01-01\n"))
    assert "line 3: malformed line" in message


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("n_blank", [1, 2, 3])
def test_the_line_is_right_after_blank_ones(refused, tmp_path, n_blank, end):
    lines = ["user,item,qty", "ann,tea,1", *[""] * n_blank, "ann", ""]
    (tmp_path / "log.csv").write_bytes(end.join(lines).encode())
    assert f"log.csv line {3 + n_blank}: malformed line" in refused(tmp_path / "log.csv")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(["good", "blank", "quoted", "short", "text"]), max_size=12))
def test_the_line_of_the_first_bad_row_is_right_whatever_stands_before(
    refused, tmp_path_factory, kinds
):
    path = tmp_path_factory.mktemp("lines") / "log.csv"
    texts = {
        "good": "ann,tea,1",
        "blank": "",
        "quoted": '"a ""b""\nc",tea,1',
        "short": "ann",
        "text": "ann,tea,x",
    }
    path.write_text("\n".join(["user,item,qty", *(texts[kind] for kind in kinds)]) + "\n")
    bad = [place for place, kind in enumerate(kinds) if kind in {"short", "text"}]
    if not bad:
        return
    line = 2 + bad[0] + sum(kind == "quoted" for kind in kinds[: bad[0]])
    assert f"log.csv line {line}: " in refused(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_line_is_right_for_any_line_end_and_with_a_byte_order_mark(
    refused, tmp_path, end, mark
):
    path = tmp_path / "log.csv"
    for bad in ("ann", "ann,tea,x"):
        lines = [mark + "user,item,qty", "ann,tea,1", "", '"a ""b"",c",tea,1', bad, "ann,cup,1"]
        path.write_bytes(end.join(lines).encode())
        assert "log.csv line 5: " in refused(path)


def test_the_line_is_counted_in_its_own_file(refused, write):
    first = write("a.csv", HEADER + GOOD * 3)
    second = write("b.csv", HEADER + GOOD + "ann,tea,x,2024-01-01\n")
    assert refused([first, second]).startswith(f"{second} line 3: weight is not a number")
    third = write("c.csv", HEADER + "ann\n")
    assert refused([first, third, second]).startswith(f"{third} line 2: malformed line")


def test_the_line_is_found_in_a_packed_file(refused, tmp_path):
    path = tmp_path / "log.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(HEADER + GOOD * 50 + "ann,tea,x,2024-01-01\n")
    assert f"{path} line 52: weight is not a number" in refused(path)


def test_the_line_is_found_far_into_a_long_file(refused, write):
    lines = [f"u{n},i{n % 7},1,2024-01-01\n" for n in range(120_000)]
    lines[100_000] = "u,i,many,2024-01-01\n"
    lines[110_000] = "u,i\n"
    path = write("log.csv", HEADER + "".join(lines))
    assert f"{path} line 100002: weight is not a number" in refused(path)
    log = read_log(path, bad_rows="skip")
    assert log.report.dropped == {"malformed line": 1, "weight is not a number": 1}
    assert len(log) == 119_998


def test_a_line_that_is_not_utf8_is_bad(refused, tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"user,item\nann,tea\nbob,caf\xe9\n")
    assert f"{path} line 3: text that is not UTF-8; 1 of" in refused(path)
    assert refused(path).endswith("as with: iconv -f LATIN1 -t UTF-8")
    assert read_log(path, bad_rows="skip").items.ids.tolist() == ["tea"]


def test_what_stands_there_is_shown_short(refused, write):
    message = refused(write("log.csv", HEADER + f"ann,tea,{'9' * 50}x{'9' * 200},2024-01-01\n"))
    assert len(message) < 400


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"user": "ann"', "malformed line in column 'item'"),
        ("[1, 2]", "malformed line in column 'item'"),
        ('{"user": "ann", "qty": 1, "time": 0}', "no item in column 'item'"),
        ('{"item": "tea", "qty": 1, "time": 0}', "no user in column 'user'"),
        (
            '{"user": "ann", "item": "tea", "qty": [1], "time": 0}',
            "weight is not a number in column 'qty': [1]",
        ),
        (
            '{"user": "ann", "item": "tea", "qty": -1, "time": 0}',
            "negative weight in column 'qty': -1",
        ),
        (
            '{"user": "ann", "item": "tea", "qty": 1, "time": "now"}',
            "time cannot be read in column 'time': 'now'",
        ),
    ],
)
def test_a_bad_json_line_is_named_and_can_be_skipped(refused, write, line, fault):
    good = '{"user": "ann", "item": "tea", "qty": 1, "time": 0}\n'
    path = write("log.jsonl", good + "\n" + line + "\n" + good)
    assert refused(path).startswith(f"{path} line 3: {fault}; 1 of 3 rows are bad")
    assert read_log(path, bad_rows="skip").report.rows_kept == 2


def test_the_row_of_a_parquet_file_is_named(refused, tmp_path):
    good = pa.table({"user": ["a"] * 6, "item": range(6), "qty": [1.0, 1, 1, 1, 1, 1]})
    bad = pa.table({"user": ["a"] * 6, "item": range(6), "qty": [1.0, 1, 1, 1, -4.5, 1]})
    pq.write_table(good, tmp_path / "a.parquet", row_group_size=2)
    pq.write_table(bad, tmp_path / "b.parquet", row_group_size=2)
    message = refused(tmp_path / "*.parquet")
    assert f"{tmp_path / 'b.parquet'} row 5: negative weight in column 'qty': -4.5" in message


def test_a_bad_value_in_the_name_of_a_parquet_file_s_folder_is_named(refused, tmp_path):
    folder = tmp_path / "date=the 1st"
    folder.mkdir()
    pq.write_table(pa.table({"user": ["a"], "item": [1]}), folder / "log.parquet")
    message = refused(folder / "log.parquet")
    assert "log.parquet row 1: time cannot be read in column 'date': 'the 1st'" in message


@pytest.mark.parametrize("make", [pd.DataFrame, pa.table], ids=["pandas", "arrow"])
def test_the_row_of_a_frame_is_named(refused, make):
    frame = make({"user": ["a", "b"], "item": [1, 2], "weight": [1.0, -0.5]})
    assert "row 2: negative weight in column 'weight': -0.5" in refused(frame)


def test_missing_weights_in_a_frame_are_bad(refused):
    frame = pd.DataFrame({"user": ["a", "b"], "item": [1, 2], "weight": [1.0, None]})
    assert "row 2: weight is not a number" in refused(frame)
    assert "row 2: weight is NaN or infinite" in refused(
        pa.table({"user": ["a", "b"], "item": [1, 2], "weight": [1.0, float("nan")]})
    )


def test_skipping_everything_is_refused_with_the_counts(refused, write):
    path = write("log.csv", HEADER + "ann,tea,x,2024-01-01\nann\n")
    message = refused(path, bad_rows="skip")
    assert f"no rows of {path} are left: of 2 read, " in message
    assert "1 malformed line, 1 weight is not a number" in message


def test_an_unknown_way_with_bad_rows_is_refused(refused):
    with pytest.raises(InputError, match="bad_rows='ignore' given; give 'refuse' or 'skip'"):
        read_log("log.csv", bad_rows="ignore")


def test_skipped_rows_do_not_shift_the_order(write):
    text = "user,item\n" + "".join(f"u{n % 3},i{n}\n" if n % 2 else "u\n" for n in range(40))
    log = read_log(write("log.csv", text), bad_rows="skip")
    assert log.items.decode(log.item).tolist() == [f"i{n}" for n in range(1, 40, 2)]
