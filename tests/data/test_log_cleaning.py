"""What a log's rows become: baskets for unknown users, sums for duplicates, drops with a count."""

import csv
import io
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.data.log import Log, read_log
from likewise.errors import LogError

SALES = pa.table(
    {
        "invoice": ["1", "1", "C2", "3", "4", "4"],
        "user": [7, 7, 7, None, 8, 8],
        "item": ["tea", "cup", "tea", "tea", "tea", "POST"],
        "quantity": [2, 1, -2, 1, 5, 1],
        "unit_price": [1.0, 2.5, 1.0, 1.0, 0.4, 9.0],
    }
)


# baskets


def test_rows_without_a_user_are_kept_as_baskets():
    log = read_log(SALES, drop={"returns": "quantity < 0"})
    assert log.users.ids.tolist() == ["7", "8", "basket:3"]
    assert log.users.decode(log.user).tolist() == ["7", "7", "basket:3", "8", "8"]
    assert log.report.baskets == 1
    assert "1 row without a user kept as baskets by invoice" in log.report.lines()


def test_users_stay_integers_where_none_is_missing():
    log = read_log(SALES.filter(SALES["user"].is_valid()), drop={"returns": "quantity < 0"})
    assert log.users.ids.tolist() == [7, 8]
    assert log.report.baskets == 0


def test_a_user_who_is_called_like_a_basket_is_one_with_it():
    table = pa.table({"user": ["b", None, "basket:1"], "item": [1, 2, 3], "order": ["3", "1", "1"]})
    log = read_log(table)
    assert log.users.ids.tolist() == ["b", "basket:1"]
    assert log.user.tolist() == [0, 1, 1]


def test_a_basket_that_is_dropped_is_not_counted():
    log = read_log(SALES, drop={"returns": "quantity < 0", "anonymous": '"user" IS NULL'})
    assert log.report.baskets == 0
    assert log.users.ids.tolist() == [7, 8]


def test_without_a_basket_column_a_row_without_a_user_is_bad():
    with pytest.raises(LogError, match="row 2: no user in column 'user'; 1 of 2 rows are bad"):
        read_log(pa.table({"user": ["a", None], "item": [1, 2]}))


def test_a_row_with_neither_user_nor_basket_is_bad():
    table = pa.table({"user": ["a", ""], "item": [1, 2], "order": ["1", None]})
    with pytest.raises(LogError, match="row 2: no user and no basket"):
        read_log(table)


def test_where_there_are_only_baskets_they_are_the_users():
    log = read_log(pa.table({"order_id": [12, 12, 9], "sku": ["a", "b", "a"]}))
    assert log.users.ids.tolist() == [9, 12]
    assert log.report.columns == {"item": "sku", "basket": "order_id"}
    assert "each basket of 'order_id' counts as a user" in log.report.notes[0]
    assert "kept 3 events of 2 baskets and 2 items" in log.report.lines()


# duplicates


def test_events_of_the_same_user_item_and_time_are_summed_into_the_first():
    log = Log.of(
        user=["b", "a", "b", "b", "a"],
        item=["x", "x", "x", "x", "y"],
        time=[3, 1, 3, 4, 1],
        weight=[1, 2, 4, 8, 16],
    )
    assert log.users.decode(log.user).tolist() == ["b", "a", "b", "a"]
    assert log.weight.tolist() == [5, 2, 8, 16]
    assert log.time.tolist() == [3, 1, 4, 1]
    assert log.report.duplicates == 1
    assert "summed 1 row into an earlier one of the same user, item and time" in log.report.lines()


def test_what_is_summed_does_not_depend_on_the_parts_it_is_read_and_summed_in(monkeypatch):
    random = np.random.default_rng(0)
    user, item, time = (random.integers(0, n, 500) for n in (20, 6, 3))
    columns = {"user": user, "item": item, "time": time, "weight": random.random(500)}
    whole = Log.of(**columns)
    for name, size in (("events.PART_ROWS", 60), ("engine.BATCH_ROWS", 100)):
        monkeypatch.setattr(f"likewise.data.{name}", size)
    parts = Log.of(**columns)
    assert 0 < whole.report.duplicates == parts.report.duplicates
    for name in ("user", "item", "time", "weight"):
        assert getattr(parts, name).tolist() == getattr(whole, name).tolist()


def test_without_times_the_same_user_and_item_are_duplicates():
    log = Log.of(user=["a", "b", "a"], item=["x", "x", "x"])
    assert log.weight.tolist() == [2, 1]
    assert (len(log), log.report.rows_kept, log.report.duplicates) == (2, 3, 1)


def test_interactions_sum_over_all_times():
    matrix = Log.of(user=[1, 1, 2], item=[5, 5, 6], time=[0, 1, 2], weight=[1, 2, 4]).interactions()
    assert matrix.matrix.toarray().tolist() == [[3, 0], [0, 4]]
    assert (matrix.users.ids.tolist(), matrix.items.ids.tolist()) == ([1, 2], [5, 6])


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["x", "y", "é"]),
        st.integers(0, 2),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=30, deadline=None)
@given(EVENTS)
def test_reading_agrees_with_a_dictionary(events):
    user, item, time, weight = (list(column) for column in zip(*events, strict=True))
    log = Log.of(user=user, item=item, time=time, weight=weight)
    expected: dict[tuple, int] = {}
    for who, what, when, how_many in events:
        expected[who, what, when] = expected.get((who, what, when), 0) + how_many
    keys = zip(
        log.users.decode(log.user).tolist(),
        log.items.decode(log.item).tolist(),
        log.time.tolist(),
        strict=True,
    )
    assert dict(zip(keys, log.weight.tolist(), strict=True)) == expected
    assert list(expected) == list(
        zip(log.users.ids[log.user], log.items.ids[log.item], log.time.tolist(), strict=True)
    )
    assert log.interactions().matrix.sum() == sum(weight)


def slow(text, least):
    """What a log of a csv file is, row by row: events, what was left out and why, repeats."""
    events, dropped, repeats = {}, Counter(), 0
    for row in csv.DictReader(io.StringIO(text)):
        weight, key = float(row["weight"]), (row["user"], row["item"], int(row["time"]) * 10**6)
        reason = (
            "no item" if not row["item"] else "no user" if not row["user"]
            else "negative weight" if weight < 0 else "weight 0" if weight == 0
            else f"weight below {least:g}" if least is not None and weight < least else None
        )  # fmt: skip
        if reason:
            dropped[reason] += 1
        else:
            repeats += key in events
            events[key] = events.get(key, 0) + weight
    return events, dropped, repeats


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "zoë", ""]),
        st.sampled_from(["tea", "007", 'a "cup", blue', ""]),
        st.integers(10, 12),
        st.sampled_from([-1, 0, 0.25, 1, 2.5]),
    ),
    max_size=40,
)


@settings(max_examples=20)
@given(ROWS, st.sampled_from([None, 1, 1.5]), st.integers(1, 50))
def test_a_file_is_grouped_summed_and_judged_as_row_by_row(tmp_path_factory, rows, least, part):
    """The last row is kept always."""
    text = io.StringIO()
    csv.writer(text).writerows([("user", "item", "time", "weight"), *rows, ("eve", "pen", 9, 4)])
    path = tmp_path_factory.mktemp("log") / "log.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("events.PART_ROWS", "engine.BATCH_ROWS"):
            patch.setattr(f"likewise.data.{name}", part)
        log = read_log(path, min_weight=least, bad_rows="skip")
    events, dropped, repeats = slow(text.getvalue(), least)
    users, items = log.users.decode(log.user).tolist(), log.items.decode(log.item).tolist()
    assert list(zip(users, items, log.time.tolist(), strict=True)) == list(events)
    assert log.weight.tolist() == list(events.values())
    assert log.report.dropped == dropped
    assert (log.report.rows_read, log.report.duplicates) == (len(rows) + 1, repeats)
    ids = [sorted({key[n] for key in events}) for n in (0, 1)]
    assert [log.users.ids.tolist(), log.items.ids.tolist()] == ids


# drops


def test_rows_that_meet_a_condition_are_dropped_and_counted_for_the_first():
    drop = {
        "cancelled": "invoice LIKE 'C%'",
        "returns": "quantity < 0",
        "no product": "item = 'POST'",
        "cheap": "unit_price < 0.5",
    }
    log = read_log(SALES, drop=drop)
    assert log.report.dropped == {"cancelled": 1, "no product": 1, "cheap": 1}
    assert (log.report.rows_read, log.report.rows_kept) == (6, 3)
    assert "dropped 1 row: cancelled" in log.report.lines()


def test_in_csv_a_column_of_numbers_is_compared_as_numbers_and_others_as_texts(write):
    text = "user,item,price,size,code\na,x,0.3,9,007\na,y,10,1O,7\na,z,9,3,8\n"
    path = write("log.csv", text)
    kept = read_log(path, drop={"small": "price < 9.5"})
    assert kept.items.ids.tolist() == ["y"]
    assert read_log(path, drop={"odd": "size = '1O'"}).items.ids.tolist() == ["x", "z"]
    assert read_log(path, drop={"seven": "code = 7"}).items.ids.tolist() == ["z"]


def test_conditions_may_speak_of_weight_and_time(write):
    text = "user,item,qty,day\na,x,10,2024-01-01\na,y,9,2024-01-02\na,z,2.5,2024-01-03\n"
    path = write("log.csv", text)
    assert read_log(path, drop={"many": "qty > 9.5"}).items.ids.tolist() == ["y", "z"]
    early = {"early": "day < '2024-01-02 12:00'"}
    assert read_log(path, time="day", drop=early).items.ids.tolist() == ["z"]


def test_conditions_may_speak_of_users_and_items(write):
    path = write("log.csv", 'user,"a ""b"" c"\nann,tea\nbob,cup\nann,ink\n')
    drop = {"hot": '"a ""b"" c" = \'tea\'', "bob": "upper(\"user\") = 'BOB'"}
    assert read_log(path, item='a "b" c', drop=drop).report.dropped == {"hot": 1, "bob": 1}
    table = pa.table({"user": [9, 10, 11], "item": ["x", "x", "y"]})
    assert read_log(table, drop={"late": '"user" % 2 = 1 AND user > 9'}).users.ids.tolist() == [
        9,
        10,
    ]


def test_a_row_that_is_dropped_is_not_bad():
    assert read_log(SALES, drop={"returns": "quantity < 0"}).report.rows_kept == 5


def test_a_condition_that_is_null_keeps_the_row():
    assert len(read_log(SALES, drop={"r": "quantity < 0", "sevens": '"user" = 7'})) == 3


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("prize < 1", 'column "prize" not found'),
        ("quantity <", "syntax error"),
        ("CAST(item AS INT) = 2", "Could not convert string"),
        ("sum(quantity) > 1", "aggregates"),
        ("1 = 1); SELECT (1", "is not one SQL condition"),
        ("true) --", "syntax error"),
        ("EXISTS (FROM read_csv('/etc/hosts'))", "file system operations are disabled"),
        ("EXISTS (FROM glob('/*'))", "file system operations are disabled"),
    ],
)
def test_a_condition_that_fails_is_refused_by_its_name(condition, why):
    with pytest.raises(LogError, match="mine") as refusal:
        read_log(SALES, drop={"mine": condition})
    assert why in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_python_objects_cannot_be_reached_from_a_condition():
    secret = pa.table({"x": [1]})
    assert len(secret) == 1
    with pytest.raises(LogError, match="secret"):
        read_log(SALES, drop={"mine": "EXISTS (FROM secret)"})


def test_dropping_everything_is_refused_with_the_counts():
    with pytest.raises(LogError, match=r"no rows .* are left: of 6 read, .*5 mine"):
        read_log(SALES, drop={"returns": "quantity < 0", "mine": "quantity > 0"})


# titles


def test_the_most_frequent_title_is_taken_and_ties_go_by_the_alphabet():
    table = pa.table(
        {
            "user": range(9),
            "item": ["a", "a", "a", "b", "b", "c", "c", "d", "d"],
            "title": ["Tea", "tea", "tea", "Cup", "Bowl", None, " ", "", " Jar "],
        }
    )
    log = read_log(table)
    assert log.titles.tolist() == ["tea", "Bowl", "", "Jar"]
    assert log.interactions().title(2) == "c"


def test_titles_of_dropped_rows_do_not_count():
    table = pa.table(
        {"user": [1, 1, 1], "item": [1, 1, 1], "title": ["thrown away"] * 2 + ["Tea"]}
    ).append_column("quantity", pa.array([-1, -1, 1]))
    assert read_log(table, drop={"returns": "quantity < 0"}).titles.tolist() == ["Tea"]


def test_a_log_without_titles_has_none():
    log = Log.of(user=["a"], item=["x"])
    assert log.titles is None
    assert log.interactions().title(0) == "x"


def test_titles_kept_apart_are_joined_by_the_text_of_the_id(tmp_path, write):
    titles = write("films.csv", "movieId,title,genres\n1,Heat,x\n2,Ran,y\n9,Alien,z\n")
    table = pa.table({"user": [1, 1, 1], "movieId": [2, 1, 3]})
    assert read_log(table, titles=titles).titles.tolist() == ["Heat", "Ran", ""]
    frame = pd.DataFrame({"film": [1.0, 2.0], "called": ["Heat", "Ran"]})
    assert read_log(table, titles=frame, title="called").titles.tolist() == ["Heat", "Ran", ""]


def test_titles_kept_apart_replace_those_in_the_log():
    table = pa.table({"user": [1], "item": ["x"], "description": ["scribble"]})
    titles = pa.table({"item": ["x"], "description": ["Tea"]})
    log = read_log(table, titles=titles)
    assert log.titles.tolist() == ["Tea"]
    assert "title" not in log.report.columns


def test_a_table_of_titles_without_titles_is_refused():
    with pytest.raises(LogError, match=r"no title column found; the columns are 'item'"):
        read_log(SALES, titles=pa.table({"item": ["tea"]}))


# the report


def test_the_report_is_ready_for_json_and_for_people():
    log = read_log(SALES, drop={"returns": "quantity < 0"})
    assert log.report.as_dict() == {
        "source": "the pyarrow Table",
        "columns": {"user": "user", "item": "item", "weight": "quantity", "basket": "invoice"},
        "rows_read": 6,
        "rows_kept": 5,
        "dropped": {"returns": 1},
        "duplicates": 0,
        "baskets": 1,
        "n_users": 3,
        "n_items": 3,
        "first_time": None,
        "last_time": None,
        "notes": [],
    }
    assert log.report.lines()[0] == (
        "read 6 rows of the pyarrow Table "
        "(user: user, item: item, weight: quantity, basket: invoice)"
    )


def test_a_drop_named_as_a_built_in_reason_is_counted_with_it():
    table = pa.table({"user": [1, 2, 3], "item": [1, 2, 3], "quantity": [0, 9, 1]})
    log = read_log(table, drop={"weight 0": "quantity = 9"})
    assert log.report.dropped == {"weight 0": 2}


def test_reading_twice_gives_the_same():
    one, two = (read_log(SALES, drop={"returns": "quantity < 0"}) for _ in range(2))
    for name in ("user", "item", "weight"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.report == two.report


def test_a_thing_that_is_no_log_is_refused():
    with pytest.raises(LogError, match="a SimpleNamespace was given; give a path"):
        read_log(SimpleNamespace())
