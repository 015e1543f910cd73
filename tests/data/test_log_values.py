"""Ids keep their form, times become microseconds in UTC, weights become numbers."""

import datetime as dt
import decimal
import sqlite3
import uuid
from contextlib import closing

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from likewise.data.log import Log, read_log
from likewise.errors import InputError, LogError

NEW_YEAR = 1704067200000000  # 2024-01-01 00:00 UTC


def _of(*, min_weight=None, **columns) -> Log:
    n = len(next(iter(columns.values())))
    table = pa.table({"user": ["u"] * n, "item": list(range(n)), **columns})
    return read_log(table, min_weight=min_weight)


# ids


def test_text_ids_are_sorted_by_code_point_and_integers_by_size():
    log = Log.of(user=["b", "é", "a", "B", "𝛑"], item=[10, 9, -1, 2**40, 9])
    assert log.users.ids.tolist() == sorted(["b", "é", "a", "B", "𝛑"])
    assert log.items.ids.tolist() == [-1, 9, 10, 2**40]
    assert log.items.ids.dtype == np.int64


def test_ids_in_csv_are_texts(write):
    log = read_log(write("log.csv", "user,item\n1,01\n10,1\n2,1.0\n"))
    assert log.users.ids.tolist() == ["1", "10", "2"]
    assert log.items.ids.tolist() == ["01", "1", "1.0"]


def test_whole_numbers_in_json_lines_are_integers_and_texts_are_texts(write):
    text = '{"user": "007", "item": 7}\n{"user": "7", "item": 10}\n'
    log = read_log(write("log.jsonl", text))
    assert log.users.ids.tolist() == ["007", "7"]
    assert log.items.ids.tolist() == [7, 10]


@pytest.mark.parametrize(
    "type_", [pa.int8(), pa.uint64(), pa.float32(), pa.float64(), pa.decimal128(20, 0)]
)
def test_whole_numbers_of_any_type_are_integers(type_):
    log = _of(user=pa.array([3, 1, 3]).cast(type_))
    assert log.users.ids.tolist() == [1, 3]
    assert log.users.ids.dtype == np.int64


def test_integers_with_gaps_come_as_floats_from_pandas():
    frame = pd.DataFrame(
        {"user": [17850, None, 12583], "item": ["a", "b", "c"], "invoice": [1, 2, 3]}
    )
    assert frame["user"].dtype == float
    log = read_log(frame)
    assert log.users.ids.tolist() == ["12583", "17850", "basket:2"]


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["x", "y", "x"]).dictionary_encode(),
        pa.array(["x", "y", "x"], pa.string_view()),
        pa.array(["x", "y", "x"], pa.large_string()),
    ],
)
def test_texts_of_any_type_are_texts(values):
    assert _of(user=values).users.ids.tolist() == ["x", "y"]


def test_categories_and_uuids_are_texts():
    one = uuid.UUID(int=1)
    frame = pl.DataFrame({"user": pl.Series(["x"], dtype=pl.Categorical), "item": [str(one)]})
    assert read_log(frame).users.ids.tolist() == ["x"]
    assert read_log(
        pd.DataFrame({"user": pd.Categorical(["x"]), "item": [1]})
    ).users.ids.tolist() == ["x"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([1.5, 2.0], r"holds 1\.5; ids are texts or whole numbers"),
        ([True, False], "column 'user' is BOOLEAN; ids are texts or whole numbers"),
        ([dt.date(2024, 1, 1)] * 2, "column 'user' is DATE"),
        ([b"a", b"b"], "column 'user' is BLOB"),
        ([[1], [2]], r"column 'user' is BIGINT\[\]"),
        (pa.array([1, 2**64 - 1], pa.uint64()), "out of range"),
    ],
)
def test_what_is_no_id_is_refused(values, why):
    with pytest.raises(LogError, match=why):
        _of(user=values)


def test_ids_of_mixed_type_are_refused_in_frames():
    with pytest.raises(LogError, match="ids in column 'item' mix texts and numbers; make them all"):
        read_log(pd.DataFrame({"user": ["ann", "bob"], "item": [7, "7"]}))


def test_ids_of_mixed_type_are_refused_in_json_lines(write):
    text = '{"user": "ann", "item": 7}\n{"user": "ann", "item": "7"}\n'
    with pytest.raises(LogError, match="ids in column 'item' mix texts and numbers; make them all"):
        read_log(write("log.jsonl", text))


def test_an_empty_text_among_json_numbers_is_a_missing_id_and_no_mix(write):
    text = '{"user": 1, "item": 7, "order": "x"}\n{"user": "", "item": 8, "order": "x"}\n'
    assert read_log(write("log.jsonl", text)).users.ids.tolist() == ["1", "basket:x"]


def test_ids_of_mixed_type_are_refused_in_sequences():
    with pytest.raises(InputError, match="ids mix"):
        Log.of(user=["ann", 1], item=[1, 2])


@pytest.mark.parametrize("large", [2**53, 2**53 + 1, 2**60, -(2**53)])
def test_integers_that_a_float_may_have_rounded_are_no_ids(tmp_path, write, large):
    texts = [f'{{"user": {user}, "item": 1}}\n' for user in (large, 1.0)]
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database, database:
        database.execute("CREATE TABLE orders (user, item)")
        database.executemany("INSERT INTO orders VALUES (?, 1)", [(large,), (1.0,)])
    for source, query in (
        (write("log.jsonl", "".join(texts)), None),
        (f"sqlite:///{tmp_path}/shop.db", "SELECT * FROM orders"),
        (pa.table({"user": [float(large), 1.0], "item": [1, 1]}), None),
        (pa.table({"user": pa.array([2**24, 1], pa.float32()), "item": [1, 1]}), None),
    ):
        with pytest.raises(
            LogError, match=r"column user holds .* may have been rounded .* as texts"
        ):
            read_log(source, query=query)


def test_large_integers_are_ids_where_all_are_integers(write):
    text = f'{{"user": {2**53 + 1}, "item": 1}}\n{{"user": {2**53}, "item": 1}}\n'
    assert read_log(write("log.jsonl", text)).users.ids.tolist() == [2**53, 2**53 + 1]


# weights


def test_a_log_without_weights_counts_one_each():
    log = Log.of(user=["a", "b"], item=["x", "y"])
    assert log.weight.tolist() == [1, 1]
    assert log.weight.dtype == np.float32


@pytest.mark.parametrize(
    "values",
    [
        pa.array([3, 1], pa.uint8()),
        pa.array([decimal.Decimal("3.00"), decimal.Decimal("1.00")]),
        pa.array(["3", " 1e0 "]),
        pa.array([3.0, 1.0], pa.float32()),
    ],
)
def test_weights_of_any_type_are_numbers(values):
    assert _of(quantity=values).weight.tolist() == [3, 1]


def test_weight_zero_is_dropped_and_counted_and_so_is_what_float32_rounds_to_zero():
    log = _of(quantity=[1.0, 0.0, 1e-60, -0.0])
    assert log.report.dropped == {"weight 0": 3}
    assert log.items.ids.tolist() == [0]


def test_a_weight_that_is_no_number_at_all_is_refused():
    with pytest.raises(LogError, match="column 'quantity' is DATE; a weight is a number"):
        _of(quantity=[dt.date(2024, 1, 1)])


def test_weights_that_sum_to_more_than_a_weight_may_be_are_refused():
    with pytest.raises(
        LogError, match=r"weights of user 'b' and item 8 sum to 6e\+38, and a weight"
    ):
        Log.of(user=["a", "b", "b"], item=[7, 8, 8], weight=[1, 3e38, 3e38])
    log = Log.of(user=[1, 1], item=[7, 7], time=[0, 5], weight=[3e38, 3e38])
    with pytest.raises(InputError, match=r"sum to more than 3\.4e38"):
        log.interactions()


def test_min_weight_keeps_the_high_ratings():
    table = pa.table({"user": [1, 1, 2], "item": [1, 2, 3], "rating": [4.0, 3.5, 5.0]})
    log = read_log(table, min_weight=4)
    assert log.weight.tolist() == [4, 5]
    assert log.report.dropped == {"weight below 4": 1}
    assert log.report.notes == ()


@pytest.mark.parametrize("type_", [pa.float32(), pa.float64()])
def test_min_weight_keeps_weights_that_are_equal_to_it_as_float32(type_):
    values = pa.array([3.3, 3.2, 3.4], type_)
    assert _of(rating=values, min_weight=3.3).report.dropped == {"weight below 3.3": 1}


def test_ratings_without_min_weight_get_a_note():
    assert "min_weight= (--min-weight)" in _of(Rating=[4, 1]).report.notes[0]
    assert _of(quantity=[4, 1]).report.notes == ()


def test_min_weight_needs_a_weight_column_and_a_finite_number():
    with pytest.raises(LogError, match=r"no weight column found; .* weight= \(--weight\)"):
        read_log(pa.table({"user": [1], "item": [1]}), min_weight=4)
    with pytest.raises(InputError, match=r"min_weight=nan .* given; give a finite number"):
        read_log(pa.table({"user": [1], "item": [1], "rating": [1]}), min_weight=float("nan"))


# times


@pytest.mark.parametrize(
    "written",
    [
        "2024-01-01",
        "2024-01-01 00:00",
        "2024-01-01 00:00:00",
        " 2024-01-01T00:00:00 ",
        "2024-1-1 2:00+02:00",
        "2024-01-01T00:00:00Z",
        "2024-01-01T02:00:00+02:00",
        "2023-12-31 19:00:00-05:00",
        "2024-01-01 00:00:00 UTC",
        "1704067200",
        "1704067200.0",
        "1704067200000",
        "1704067200000000",
        "1704067200000000000",
    ],
)
def test_written_times_are_read(write, written):
    log = read_log(write("log.csv", f"user,item,time\nann,tea,{written}\n"))
    assert log.time.tolist() == [NEW_YEAR]
    assert log.report.first_time == "2024-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "value",
    [
        1704067200,
        1704067200000,
        1704067200000000,
        1704067200.0,
        dt.date(2024, 1, 1),
        dt.datetime(2024, 1, 1),  # noqa: DTZ001 - a time without a zone counts as UTC
        dt.datetime(2024, 1, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    ],
)
def test_typed_times_are_read(value):
    assert _of(time=[value]).time.tolist() == [NEW_YEAR]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_timestamps_of_any_unit_are_read(unit):
    moment = np.array(["2024-01-01"], dtype=f"M8[{unit}]")
    assert _of(time=moment).time.tolist() == [NEW_YEAR]
    assert _of(time=pa.array(moment).cast(pa.timestamp(unit, "Europe/Paris"))).time.tolist() == [
        NEW_YEAR
    ]


def test_fractions_of_a_second_stay(write):
    times = ["2024-01-01T00:00:00.123456", "1704067200.5", "1969-12-31 23:59:59.5"]
    lines = [f"ann,{number},{time}\n" for number, time in enumerate(times)]
    log = read_log(write("log.csv", "user,item,time\n" + "".join(lines)))
    assert log.time.tolist() == [NEW_YEAR + 123456, NEW_YEAR + 500000, -500000]


def test_a_time_format_reads_other_ways_of_writing(write):
    path = write("log.csv", "user,item,time\nann,tea,1/1/2024 0:00\n")
    assert read_log(path, time_format="%d/%m/%Y %H:%M").time.tolist() == [NEW_YEAR]
    path = write("log.csv", "user,item,time\nann,tea,01.01.2024 +0100\n")
    assert read_log(path, time_format="%d.%m.%Y %z").time.tolist() == [NEW_YEAR - 3600 * 10**6]


@pytest.mark.parametrize("as_number", [True, False])
@pytest.mark.parametrize(
    ("written", "format_"),
    [
        (["20240131", "20241231"], "%Y%m%d"),
        (["202401310000", "202412312359"], "%Y%m%d%H%M"),
        (["20240131000000", "20241231235959", "20241299999999"], "%Y%m%d%H%M%S"),
    ],
)
def test_dates_written_as_numbers_are_refused_and_read_with_a_format(written, format_, as_number):
    column = [int(time) for time in written] if as_number else written
    with pytest.raises(
        LogError, match=rf"row 1: date written as a number in .*{format_}"
    ) as refusal:
        _of(time=column)
    assert f"{len(written)} of {len(written)} rows" in str(refusal.value)
    table = pa.table({"user": [1, 1], "item": [1, 2], "time": column[:2]})
    report = read_log(table, time_format=format_).report
    assert (report.first_time[:10], report.last_time[:10]) == ("2024-01-31", "2024-12-31")


def test_a_date_written_as_a_number_among_others_is_refused_with_its_line(write):
    path = write("log.csv", "user,item,time\nann,tea,2024-01-01\nann,cup,20240102\n")
    with pytest.raises(LogError, match=r"line 3: date written as a number .*: '20240102'; 1 of 2"):
        read_log(path)


@pytest.mark.parametrize("start", [20_240_001, 189_302_400, 202_401_010_000])
def test_numbers_of_which_few_would_be_dates_count_seconds_or_thousandths(start):
    counted = [start + 7919 * number for number in range(300)]
    scale = 10**6 if start < 10**11 else 10**3
    assert _of(time=counted).time.tolist() == [number * scale for number in counted]
    assert Log.of(user=[1], item=[1], time=[20_240_101_000_000]).time == 20_240_101_000_000


def test_times_in_1970_and_in_the_far_future_get_a_note():
    assert "time_format='%Y%m'" in _of(time=[202401]).report.notes[0]
    assert "more than a year ahead" in _of(time=[9_999_999_999]).report.notes[0]
    assert _of(time=[1_704_067_200]).report.notes == ()


def test_a_month_written_as_a_number_is_read_with_a_format():
    table = pa.table({"user": [1], "item": [1], "time": [202401]})
    assert read_log(table, time_format="%Y%m").time.tolist() == [NEW_YEAR]


def test_dates_that_became_floats_are_read_with_a_format(write):
    frame = pd.DataFrame({"user": [1, 2], "item": [1, 2], "time": [20240101, None]})
    assert frame["time"].dtype == float
    frame.to_csv(path := write("log.csv", ""), index=False)
    for source in (frame, path):
        log = read_log(source, time_format="%Y%m%d", bad_rows="skip")
        assert log.time.tolist() == [NEW_YEAR]
    narrow = frame.astype({"time": "float32"})  # it holds 20240100
    with pytest.raises(LogError, match="row 1: time cannot be read"):
        read_log(narrow, time_format="%Y%m%d")


def test_a_wrong_time_format_is_refused():
    table = pa.table({"user": [1], "item": [1], "time": ["2024"]})
    with pytest.raises(LogError, match=r"time_format='%Q' .*unrecognized format|time_format='%Q'"):
        read_log(table, time_format="%Q")


def test_a_time_that_is_no_time_at_all_is_refused():
    with pytest.raises(LogError, match="column 'time' is BOOLEAN; a time is a date"):
        _of(time=[True])


def test_the_span_of_a_log_is_reported():
    report = _of(time=["2024-03-01", "2023-05-06T07:08:09"]).report
    assert (report.first_time, report.last_time) == ("2023-05-06T07:08:09Z", "2024-03-01T00:00:00Z")


# sequences


def test_integers_in_log_of_are_microseconds():
    assert Log.of(user=[1, 1], item=[1, 2], time=[5, 7]).time.tolist() == [5, 7]
    moments = [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1)]  # noqa: DTZ001 - as above
    assert Log.of(user=[1, 1], item=[1, 2], time=moments).time.tolist() == [NEW_YEAR] * 2


def test_sequences_of_different_lengths_are_refused():
    with pytest.raises(LogError, match=r"sequences of \[1, 2\] events given; give one length"):
        Log.of(user=["a"], item=["x", "y"])


def test_empty_sequences_are_refused():
    with pytest.raises(LogError, match="has columns but no rows"):
        Log.of(user=[], item=[])


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_bad_weight_in_sequences_is_refused(weight):
    with pytest.raises(LogError, match=r"row 1: .*weight"):
        Log.of(user=["a"], item=["x"], weight=[weight])
