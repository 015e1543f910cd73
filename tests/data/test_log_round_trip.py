"""Any ids that are written can be read: nothing in them is an escape, a null or a number."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from likewise.data.log import Log, read_log

IDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
LISTS = st.lists(IDS, min_size=1, max_size=8)
HARD = ["NULL", "nan", "1e5", "007", " x ", "a,b", 'a"b', "a\\nb", "é", "#", "--", "'"]


def _check(log: Log, ids: list[str]) -> None:
    assert log.items.decode(log.item).tolist() == ids
    assert log.items.ids.tolist() == sorted(set(ids))
    assert log.users.ids.tolist() == list(range(len(ids)))


@settings(max_examples=40)
@example(HARD)
@given(LISTS)
def test_through_arrow(ids):
    _check(read_log(pa.table({"user": range(len(ids)), "item": ids})), ids)


@settings(max_examples=40)
@example(HARD)
@given(LISTS)
def test_through_sequences(ids):
    _check(Log.of(user=range(len(ids)), item=ids), ids)


@settings(max_examples=40)
@example(HARD)
@given(LISTS)
def test_through_pandas(ids):
    _check(read_log(pd.DataFrame({"user": range(len(ids)), "item": ids})), ids)


@settings(max_examples=40)
@example(HARD)
@given(LISTS)
def test_through_parquet(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("ids") / "log.parquet"
    pq.write_table(pa.table({"user": range(len(ids)), "item": ids}), path)
    _check(read_log(path), ids)


@settings(max_examples=40)
@example(HARD)
@given(LISTS)
def test_through_json_lines(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("ids") / "log.jsonl"
    lines = [json.dumps({"user": user, "item": item}) for user, item in enumerate(ids)]
    path.write_text("\n".join(lines), encoding="utf-8")
    _check(read_log(path), ids)


@settings(max_examples=40)
@example(HARD)
@given(LISTS.filter(lambda ids: not any("\0" in id_ for id_ in ids)))
def test_through_csv(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("ids") / "log.csv"
    lines = [f'{user},"{item.replace(chr(34), chr(34) * 2)}"' for user, item in enumerate(ids)]
    path.write_bytes("\n".join(["user,item", *lines, ""]).encode())
    log = read_log(path)
    assert log.items.decode(log.item).tolist() == ids


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, -(2**63)])
def test_the_ends_of_the_integers(tmp_path, number):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"user": "ann", "item": number}))
    for source in (path, pa.table({"user": ["ann"], "item": [number]})):
        assert read_log(source).items.ids.tolist() == [number]
