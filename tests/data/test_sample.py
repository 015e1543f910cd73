"""The log that ships is the whole Online Retail log, read as its page says."""

import os
import runpy
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from likewise.data import datasets
from likewise.data.datasets import load_sample

SAMPLE = Path(datasets.__file__).parent / "sample"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def log():
    return load_sample()


def test_all_lines_are_read_and_what_is_dropped_is_said(log):
    assert log.report.rows_read == 541_909
    assert log.report.dropped == {
        "cancelled invoice": 9_288,
        "no product": 2_446,
        "stock adjustment": 2_496,
    }
    assert log.report.rows_kept == 541_909 - 9_288 - 2_446 - 2_496
    assert log.report.baskets == 131_421
    assert (log.report.first_time, log.report.last_time) == (
        "2010-12-01T08:26:00Z",
        "2011-12-09T12:50:00Z",
    )
    assert log.report.notes == ()


def test_the_counts_hold_together(log):
    assert len(log) == log.report.rows_kept - log.report.duplicates
    assert (len(log.users), len(log.items)) == (log.report.n_users, log.report.n_items)
    assert np.unique(log.user).size == len(log.users)
    assert np.unique(log.item).size == len(log.items)
    assert log.weight.min() > 0


def test_users_without_a_number_are_baskets(log):
    ids = log.users.ids.tolist()
    assert ids == sorted(ids)
    baskets = [id_ for id_ in ids if id_.startswith("basket:")]
    assert 1_000 < len(baskets) < len(ids)
    assert {len(id_) for id_ in baskets} == {len("basket:536414")}


def test_every_item_is_a_product_with_a_title(log):
    assert (log.titles != "").all()
    assert log.interactions().title(int(log.items.encode(["85123A"])[0])) == (
        "WHITE HANGING HEART T-LIGHT HOLDER"
    )
    assert {"POST", "M", "BANK CHARGES", "23444"}.isdisjoint(log.items.ids.tolist())
    assert "DCGSSGIRL" in log.items.ids.tolist()


def test_no_item_is_there_in_two_spellings(log):
    ids = log.items.ids.tolist()
    assert [id_ for id_ in ids if id_ != id_.upper()] == []


def test_it_is_small_enough_to_ship():
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) < 3_000_000


def test_the_owner_is_named():
    notice = (ROOT / "NOTICE").read_text()
    for text in ("Daqing Chen", "10.24432/C5BW33", "CC BY 4.0", "Changes:"):
        assert text in notice


@pytest.mark.skipif("LIKEWISE_DATA" not in os.environ, reason="LIKEWISE_DATA names no folder")
def test_the_sample_is_what_the_script_makes_of_the_owner_s_table(tmp_path, capsys):
    data = Path(os.environ["LIKEWISE_DATA"])
    script = runpy.run_path(str(ROOT / "bench" / "make_sample.py"))
    script["make_sample"](data, tmp_path)
    assert "541,909 rows" in capsys.readouterr().out
    for made in tmp_path.iterdir():
        assert pq.read_table(made).equals(pq.read_table(SAMPLE / made.name))
    theirs = pq.read_table(data / "online-retail" / "transactions.parquet")
    ours = pq.read_table(SAMPLE / "online-retail.parquet")
    for column in set(ours.column_names) - {"item"}:
        assert ours[column].equals(theirs[column])
    assert ours["item"].equals(pc.utf8_upper(theirs["item"]))
