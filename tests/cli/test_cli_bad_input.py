"""Bad input ends in one line and exit code 2, a failing machine in one line and 1.

Nothing is written then: the model that was there is the same to the byte.
"""

import errno
import json
import os
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as papq
import pytest

import likewise

needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")

HEADER = "user,item,qty\n"
LOGS = {
    "empty file": ("log.csv", "", "is empty; give a file with a header and rows"),
    "header only": ("log.csv", HEADER, "has columns but no rows"),
    "NaN": ("log.csv", f"{HEADER}a,x,1\nb,y,nan\n", "log.csv line 3: weight is NaN or infinite"),
    "inf": ("log.csv", f"{HEADER}a,x,-inf\nb,y,1\n", "log.csv line 2: weight is NaN or infinite"),
    "negative": ("log.csv", f"{HEADER}a,x,1\nb,y,-2\n", "log.csv line 3: negative weight"),
    "no number": ("log.csv", f"{HEADER}a,x,1\nb,y,two\n", "weight is not a number"),
    "too many values": ("log.csv", f"{HEADER}a,x,1\nb,y,1,9\n", "log.csv line 3: malformed line"),
    "no columns found": ("log.csv", "who,what\na,x\n", "no item column found"),
    "no buyer found": ("log.csv", "who,item\na,x\n", "name one with --user or --basket"),
    "mixed ids": ("log.jsonl", '{"user": 1, "item": "x"}\n{"user": "b", "item": "y"}\n', "mix"),
    "mixed ids by line": (
        "log.jsonl",
        '{"user": "a", "item": 1}\n\n{"user": "b", "item": "y"}\n',
        "log.jsonl line 3: 'y' is of another kind than before: ids in column 'item' mix texts",
    ),
    "returns": (
        "log.csv",
        f"{HEADER}a,x,-1\n",
        "with --skip-bad-rows; leave returns out with --drop",
    ),
    "another ending": ("log.xlsx", "a,x\n", "has an unknown extension"),
    "text as parquet": ("log.parquet", HEADER, "log.parquet"),
}


def contents(folder):
    """Return every file below a folder, as bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path, fitted, monkeypatch):
    """A folder to work in that holds a model; it has to be the same afterwards."""
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "shop.model"
    model.mkdir()
    for path in fitted.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.fixture
def untouched(refused, folder):
    """Run what is to fail; return the one line, after a look that nothing was written."""

    def _untouched(*arguments, code=2):
        before = contents(folder)
        message = refused(*arguments, code=code)
        assert contents(folder) == before
        return message

    return _untouched


# Logs


@pytest.mark.parametrize("command", [["fit", "--out", "shop.model"], ["evaluate"]])
@pytest.mark.parametrize("fault", LOGS)
def test_a_log_that_is_none(untouched, folder, command, fault):
    name, text, why = LOGS[fault]
    (folder / name).write_text(text)
    assert why in untouched(command[0], name, *command[1:])


SMALL = {
    "one row": "a,x,1\n",
    "one user": "a,x,1\na,y,1\na,z,1\n",
    "one item": "a,x,1\nb,x,1\nc,x,1\n",
    "one purchase each": "a,x,1\nb,y,1\nc,z,1\n",
}


@pytest.mark.parametrize(
    ("log", "model", "why"),
    [
        ("one row", [], "the log has 1 item; recommending needs two or more"),
        ("one user", [], "the log has purchases of 1 user; recommending is learned from two or"),
        ("one item", [], "the log has 1 item; recommending needs two or more"),
        ("one purchase each", [], "each of the 3 users has one item only"),
        ("one row", ["linear", "item-knn", "denoising"], "the log has 1 item; recommending needs"),
        ("one item", ["linear", "item-knn", "denoising"], "the log has 1 item"),
        ("one purchase each", ["linear", "item-knn"], "each of the 3 users has one item only"),
        ("one user", ["linear", "popularity", "variational"], "the log has purchases of 1 user"),
    ],
)
def test_a_log_that_is_too_small(untouched, folder, log, model, why):
    (folder / "log.csv").write_text(HEADER + SMALL[log])
    for named in [["--model", name] for name in model] or [[]]:
        assert why in untouched("fit", "log.csv", "--out", "shop.model", *named)


@pytest.mark.parametrize("log", SMALL)
def test_a_log_that_is_too_small_to_be_split(untouched, folder, log):
    (folder / "log.csv").write_text(HEADER + SMALL[log])
    message = untouched("evaluate", "log.csv")
    assert message.startswith("0 users have 5 items or more, and 1 validation and 1 test users")
    assert message.endswith("; use a log with more")  # without times there is no other split


def test_of_too_few_users_the_split_by_last_purchases_is_named_where_there_are_times(
    refused, folder
):
    lines = [f"{u},i{n},1,2025-01-{n + 1:02d}\n" for u in "abc" for n in range(4)]
    (folder / "log.csv").write_text("user,item,qty,date\n" + "".join(lines))
    assert "--split last" in refused("evaluate", "log.csv", "--split", "users")


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1.0])
def test_weights_of_a_parquet_file(untouched, folder, weight):
    table = {"user": ["a", "a", "b"], "item": [1, 2, 1], "weight": [1.0, weight, 1.0]}
    papq.write_table(pa.table(table), folder / "log.parquet")
    assert "log.parquet row 2: " in untouched("fit", "log.parquet", "--out", "shop.model")


def test_ids_of_a_database_that_mix_texts_and_numbers(untouched, folder):
    with sqlite3.connect(folder / "shop.db") as database:
        database.execute("CREATE TABLE log (user, item)")
        database.executemany("INSERT INTO log VALUES (?, ?)", [("a", 1), ("b", "x")])
    database.close()
    log = ["sqlite:///shop.db", "--query", "SELECT * FROM log"]
    message = untouched("fit", *log, "--out", "shop.model")
    assert message == "ids in column 'item' mix texts and numbers; make them all one kind"


def test_a_database_without_a_query_or_with_a_wrong_one(untouched, folder):
    sqlite3.connect(folder / "shop.db").close()
    (folder / "shop.db").touch()
    given = ["fit", "sqlite:///shop.db", "--out", "shop.model"]
    assert "give --query with SQL" in untouched(*given)
    assert "no such table: log" in untouched(*given, "--query", "SELECT * FROM log")


def test_columns_that_are_not_there(untouched, orders):
    for role in ("user", "item", "time", "weight", "title", "basket"):
        message = untouched("fit", orders, "--out", "shop.model", f"--{role}", "colour")
        assert message.startswith(f"no column 'colour' for {role}; the columns are 'customer'")


def test_a_directory(untouched, folder):
    (folder / "logs").mkdir()
    message = untouched("fit", "logs", "--out", "shop.model")
    assert message == "logs is a directory; give a file, or a pattern such as logs/*.csv"


def test_no_such_file(untouched):
    assert "no.csv does not exist" in untouched("fit", "no.csv", "--out", "shop.model")
    assert "no file matches *.tsv" in untouched("fit", "*.tsv", "--out", "shop.model")


@pytest.mark.parametrize("name", ["log.csv", "log.parquet", "log.csv.gz"])
def test_a_binary_file(untouched, folder, name):
    (folder / name).write_bytes(bytes(range(256)) * 40)
    assert untouched("fit", name, "--out", "shop.model").startswith(name)


def test_a_truncated_parquet_file(untouched, folder, table):
    path = folder / "log.parquet"
    papq.write_table(table, path)
    path.write_bytes(path.read_bytes()[:-200])
    message = untouched("fit", "log.parquet", "--out", "shop.model")
    assert message == (
        "log.parquet is cut off: its end is missing; copy it, or write it, once more"
    )


def test_a_log_that_may_not_be_read(untouched, folder, orders, monkeypatch):
    (folder / "log.csv").write_bytes(orders.read_bytes())
    allowed = os.access  # root may read everything
    monkeypatch.setattr(os, "access", lambda path, mode: path != "log.csv" and allowed(path, mode))
    message = untouched("fit", "log.csv", "--out", "shop.model")
    assert message == "log.csv may not be read by this user; change its permissions"


# Model folders


def test_a_model_of_another_version(untouched, folder):
    manifest = folder / "shop.model" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format_version": 2}))
    message = untouched("recommend", "shop.model", "--basket", "85123A")
    assert "shop.model" in message
    assert "version 2" in message


@pytest.mark.parametrize(
    "name", ["config.json", "weights.safetensors", "items.parquet", "metrics.json", "README.md"]
)
def test_a_model_that_was_tampered_with(untouched, folder, name):
    path = folder / "shop.model" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for command in (["recommend", "--basket", "85123A"], ["also-bought", "85123A"]):
        message = untouched(command[0], "shop.model", *command[1:])
        assert name in message


@pytest.mark.parametrize("model", ["no.model", "orders.csv", "folder"])
def test_no_model_at_all(untouched, folder, model):
    (folder / "folder").mkdir()
    (folder / "orders.csv").write_text(HEADER)
    for command in (["recommend", "--basket", "a"], ["also-bought", "a"], ["steps", "--basket=a"]):
        assert model in untouched(command[0], model, *command[1:])


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("other", "'other' is there and is not a model folder, so it is not overwritten"),
        ("file", "'file' is a file or a link; name a new folder"),
        ("no/shop.model", "there is no folder 'no'; make it, or name another"),
    ],
)
def test_a_place_that_is_not_for_a_model(untouched, folder, orders, out, why):
    (folder / "other").mkdir()
    (folder / "other" / "diary.txt").write_text("mine")
    (folder / "file").write_text("mine")
    assert why in untouched("fit", orders, "--out", out, "--model", "linear")


def test_options_that_are_none(untouched, orders):
    fit = ["fit", orders, "--out", "shop.model"]
    assert "--model magic is none of auto, linear, neighbourhood" in untouched(
        *fit, "--model", "magic"
    )
    assert "--budget 0 given" in untouched(*fit, "--budget", 0)
    assert "--budget nan given" in untouched(*fit, "--budget", "nan")
    assert "long is no time; give one such as 90, 10m or 2h" in untouched(*fit, "--budget", "long")
    assert "No such option: --colour" in untouched(*fit, "--colour", "red")
    assert untouched("fit", "--out", "shop.model") == (
        "Missing argument 'LOG'. (see `likewise fit --help`)"
    )
    assert untouched("fit", orders).startswith("--out is missing: name the model")
    assert untouched("guess") == "No such command 'guess'. (see `likewise --help`)"


# The machine


def test_a_disk_that_is_full_while_the_model_is_saved(untouched, orders, monkeypatch):
    def full(descriptor, buffer):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("likewise.artifact.writing.os.write", full)
    message = untouched("fit", orders, "--out", "shop.model", "--model", "linear", code=1)
    assert "No space left on device" in message
    assert "(a model that was there is still whole)" in message


@needs_dev_full
@pytest.mark.parametrize("name", ["recs.csv", "recs.tsv", "recs.jsonl", "recs.parquet"])
def test_a_disk_that_is_full_while_a_table_is_written(refused, folder, name):
    (folder / "baskets.csv").write_text("user,item\nann,85123A\n")
    (folder / name).symlink_to("/dev/full")
    given = ["--baskets", "baskets.csv", "--out", name]
    message = refused("recommend", "shop.model", *given, code=1)
    assert message.startswith(f"{name} cannot be written: ")
    assert "No space left on device" in message


@needs_dev_full
def test_a_disk_that_is_full_while_a_page_is_written(refused, folder):
    (folder / "page.html").symlink_to("/dev/full")
    given = ["--basket", "85123A", "--out", "page.html"]
    message = refused("steps", "shop.model", *given, code=1)
    assert message == "page.html cannot be written: [Errno 28] No space left on device"


def test_memory_that_is_not_there(untouched, orders, monkeypatch):
    monkeypatch.setattr("likewise.memory.available_memory", lambda: 1000)
    for model in ("linear", "variational"):
        message = untouched("fit", orders, "--out", "shop.model", "--model", model, code=1)
        assert "MiB and 1 MiB are free; " in message


def test_the_model_still_answers(run, folder):
    """The look for changes compares with something that works."""
    assert likewise.load(folder / "shop.model").n_items == 18
    assert run("recommend", folder / "shop.model", "--basket", "85123A").code == 0


@pytest.mark.parametrize(
    "given",
    [
        ["fit", "a.csv", "--out", "a", "--out", "a"],
        ["fit", "a.csv", "--basket", "a", "--basket=b", "--drop", "a=b", "--drop", "c=d"],
        ["evaluate", "a.csv", "--seeds", "1", "--seeds", "2", "--json", "--json"],
        ["recommend", "a.model", "-k", "1", "-k", "2"],
    ],
)
def test_an_option_of_one_value_is_given_once(refused, given):
    option = next(name for name in given if name.startswith("-") and name not in {"--json"})
    assert refused(*given) == f"{option} is given 2 times, and it takes one value; give it once"


def test_a_reason_to_drop_that_is_given_twice_is_refused(refused, orders):
    message = refused("fit", orders, "--dry-run", "--drop", "odd=qty < 1", "--drop=odd=qty > 9")
    assert message == (
        "--drop gives the reason 'odd' twice; name each its own, or join them: "
        '--drop "odd=(qty < 1) OR (qty > 9)"'
    )


def test_options_that_may_be_given_several_times_still_may(run, orders):
    drops = ["--drop", "a=qty < 1", "--drop", "b=qty < 0"]
    assert run("fit", orders, "--dry-run", *drops, "--json", "--json").code == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["fit", "a.csv", "--seed", "many"], "'--seed': 'many' given; give a whole number"),
        (["fit", "a.csv", "--seed", "-1"], "'--seed': '-1' given; give 0 or more"),
        (["fit", "a.csv", "--min-weight", "4,5"], "'--min-weight': '4,5' given; give a number"),
        (["serve", "a", "--port", "99999"], "'--port': '99999' given; give 65535 or less"),
        (["evaluate", "a.csv", "--split", "odd"], "'--split': 'odd' is not one of 'time', "),
        (["fit", "a.csv", "--budget", "soon"], "'--budget': soon is no time; give one such as 90"),
        (["fit", "a.csv", "--out"], "Option '--out' requires an argument"),
    ],
)
def test_a_wrong_option_is_told_with_what_was_given_and_what_may_be(refused, arguments, why):
    assert why in refused(*arguments)
