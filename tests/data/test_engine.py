"""The engine: cut off when told, errors of one line, names and texts quoted for any content."""

from pathlib import Path
from types import SimpleNamespace

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.data.engine import (
    LEAST_MEMORY,
    Engine,
    engine,
    name_sql,
    own_errors,
    text_sql,
    useful_line,
)
from likewise.data.relation import Place, called, listed
from likewise.errors import LogError, MachineError, NotEnoughMemoryError

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
CONNECTION = duckdb.connect()


def test_a_locked_engine_reaches_no_file_and_keeps_what_it_has(write):
    path = write("log.csv", "user,item\nann,tea\n")
    with engine() as duck:
        duck.run(f"CREATE TEMP TABLE kept AS FROM read_csv({text_sql(path)})")
        duck.lock()
        assert duck.rows("FROM kept") == [("ann", "tea")]
        with pytest.raises(duckdb.PermissionException):
            duck.rows(f"FROM read_csv({text_sql(path)})")
        with pytest.raises(duckdb.Error):
            duck.run("SET enable_external_access = true")
        with pytest.raises(duckdb.Error):
            duck.run(f"COPY kept TO {text_sql(path + '.copy')}")


def test_a_locked_engine_still_spills():
    with engine(30 * 2**20) as duck:
        duck.lock()
        duck.run(
            "CREATE TEMP TABLE big AS SELECT range AS n, repeat('x', 30) || range AS text "
            "FROM range(1000000)"
        )
        assert list(duck.folder.iterdir()) != []
        assert duck.rows("SELECT count(*), sum(n) FROM big") == [(10**6, 499_999_500_000)]


def test_the_engine_counts_time_in_utc_wherever_it_runs(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    with engine() as duck:
        sql = "SELECT epoch_us(CAST('1970-01-01 00:00:01' AS TIMESTAMPTZ))"
        assert duck.rows(sql) == [(1_000_000,)]


@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        ("Invalid Input Error: ids are whole", LogError),
        ("Out of Memory Error: could not allocate", NotEnoughMemoryError),
    ],
)
def test_an_error_between_two_batches_is_told_as_any_other(fault, refusal):
    def broken(_):
        yield from pa.table({"x": [1, 2]}).to_batches(max_chunksize=1)
        raise OSError(fault)

    reader = SimpleNamespace(sql=lambda _: SimpleNamespace(to_arrow_reader=broken))
    with pytest.raises(refusal, match="the log"), own_errors("the log"):
        list(Engine(reader, Path()).batches("FROM log"))


def test_an_error_far_into_a_log_is_told(monkeypatch):
    monkeypatch.setattr("likewise.data.engine.BATCH_ROWS", 2048)
    sql = "SELECT CASE WHEN range = 9000 THEN error('no') ELSE range END FROM range(10000)"
    with pytest.raises(LogError, match="the log cannot be read: no"), engine() as duck:
        list(duck.batches(sql))


@pytest.mark.parametrize("least", [1, 2, 5])
def test_what_cannot_go_to_disk_is_kept_and_the_rest_goes(monkeypatch, least):
    limits = []

    def execute(sql):
        limits.append(int(sql.split("'")[1].rstrip("B")))
        if limits[-1] < least * LEAST_MEMORY:
            raise duckdb.OutOfMemoryException("could not free up enough memory")

    monkeypatch.setattr("likewise.data.engine.available_memory", lambda: 1_000)
    Engine(SimpleNamespace(execute=execute), Path()).make_room(1_001)
    assert limits == [LEAST_MEMORY * 2**n for n in range(len(limits))]
    assert limits[-1] >= least * LEAST_MEMORY > limits[-1] // 2
    limits.clear()
    Engine(SimpleNamespace(execute=execute), Path()).make_room(1_000)
    assert not limits


def test_no_more_goes_to_disk_than_has_to(monkeypatch):
    free, tried = iter([0, 2_000]), []

    def execute(sql):
        tried.append(sql)
        raise duckdb.OutOfMemoryException("could not free up enough memory")

    monkeypatch.setattr("likewise.data.engine.available_memory", lambda: next(free))
    Engine(SimpleNamespace(execute=execute), Path()).make_room(1_000)
    assert len(tried) == 1


def test_small_batches_are_handed_on_together(monkeypatch):
    monkeypatch.setattr("likewise.data.engine.BATCH_ROWS", 10)
    small = pa.table({"x": range(23)}).to_batches(max_chunksize=2)
    reader = SimpleNamespace(sql=lambda _: SimpleNamespace(to_arrow_reader=lambda _: iter(small)))
    found = list(Engine(reader, Path()).batches("FROM log"))
    assert [len(batch) for batch in found] == [6, 6, 6, 5]
    assert [x for batch in found for x in batch["x"].to_pylist()] == list(range(23))


def test_variables_of_the_program_are_no_tables():
    frame = pa.table({"x": [1]})
    with engine() as duck, pytest.raises(duckdb.CatalogException):
        duck.rows("FROM frame")
    assert len(frame) == 1


def test_arrays_keep_their_types():
    with engine() as duck:
        arrays = duck.arrays("SELECT 1::INTEGER AS i, 2.5::FLOAT AS f, 'a' AS t")
    assert [arrays[name].dtype for name in "ift"] == [np.int32, np.float32, object]


def test_types_and_statements_are_told():
    with engine() as duck:
        found = duck.types("(SELECT 1::BIGINT AS n, 'x' AS t, [1] AS l)")
        assert found == {"n": "BIGINT", "t": "VARCHAR", "l": "INTEGER[]"}
        assert duck.statements("SELECT 1; SELECT 2") == 2


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (duckdb.OutOfMemoryException("Out of Memory Error: x"), NotEnoughMemoryError, "memory="),
        (duckdb.IOException("IO Error: No space left on device"), MachineError, "free some disk"),
        (duckdb.IOException("IO Error: could not read\n\nLINE 1:"), LogError, "could not read"),
        (duckdb.BinderException("Binder Error: no such thing."), LogError, "no such thing"),
    ],
)
def test_errors_of_duckdb_become_errors_of_likewise(error, kind, words):
    with pytest.raises(kind, match=words) as refusal, own_errors("this log"):
        raise error
    assert str(refusal.value).startswith("this log")
    assert "\n" not in str(refusal.value)
    assert refusal.value.__cause__ is error


def test_errors_of_the_block_leave_the_engine_as_they_are():
    with pytest.raises(KeyError), engine():
        raise KeyError("mine")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("Invalid Input Error: No magic bytes.\n\nLINE 1: x", "No magic bytes"),
        ("no prefix", "no prefix"),
        ("IO Error: Error: twice", "Error: twice"),
    ],
)
def test_the_useful_line_of_a_message(message, line):
    assert useful_line(message) == line


@given(TEXTS)
def test_any_text_can_be_quoted(text):
    assert CONNECTION.execute(f"SELECT {text_sql(text)}").fetchall() == [(text,)]


@given(TEXTS.filter(bool))
def test_any_name_can_be_quoted(name):
    cursor = CONNECTION.execute(f"SELECT 1 AS {name_sql(name)}")
    assert [column[0] for column in cursor.description] == [name]


def test_places_are_ordered_by_file_then_line():
    places = [Place(1, 2, "b 2"), Place(0, 30, "a 30"), Place(0, 4, "a 4", object())]
    assert [place.where for place in sorted(places, key=lambda p: p)] == ["a 4", "a 30", "b 2"]


def test_files_are_named_shortly_and_listed_as_they_stand():
    assert called(["a.csv"]) == "a.csv"
    assert called(["a.csv", "b.csv"]) == "a.csv and 1 more file"
    assert called(["a.csv", "b.csv", "c.csv"]) == "a.csv and 2 more files"
    assert listed(["o'neill.csv", "a*.csv"]) == "['o''neill.csv', 'a[*].csv']"
