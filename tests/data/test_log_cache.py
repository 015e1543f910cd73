"""A log that is kept is the log that was read, and only that."""

import os
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from likewise.data import log as reading
from likewise.data.log import read_log
from likewise.errors import InputError, LogError, MachineError

LOG = (
    "user,item,qty,time,title\nann,tea,2,2024-01-01,Tee\n"
    "bøb,007,1,2024-01-02,\nann,tea,1,2024-01-03,Tee\n"
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(LOG, encoding="utf-8")
    return path


@pytest.fixture
def no_reading(monkeypatch):
    """Make reading fail, so that only what was kept can answer."""
    return lambda: monkeypatch.setattr(reading, "engine", None)


@pytest.mark.parametrize("options", [{}, {"time": "", "title": ""}, {"weight": ""}])
def test_what_was_kept_is_what_was_read(path, tmp_path, no_reading, options):
    first = read_log(path, cache=tmp_path / "kept", **options)
    no_reading()
    again = read_log(str(path), cache=tmp_path / "kept", **options)
    for name in ("user", "item", "weight", "time"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
        assert getattr(first, name) is None or (
            getattr(again, name).dtype == getattr(first, name).dtype
        )
    assert (again.users, again.items) == (first.users, first.items)
    assert again.report == first.report
    assert again.report.lines() == first.report.lines()  # columns in the same order too
    assert (again.titles is None) == (first.titles is None)
    assert first.titles is None or again.titles.tolist() == first.titles.tolist()


def test_ids_stay_integers(tmp_path, no_reading):
    path = tmp_path / "log.parquet"
    pa.parquet.write_table(pa.table({"user": [5, 3], "item": [10, 20]}), path)
    read_log(path, cache=tmp_path / "kept")
    no_reading()
    assert read_log(path, cache=tmp_path / "kept").users.ids.tolist() == [3, 5]


def test_another_content_time_or_option_is_read_anew(path, tmp_path):
    kept = tmp_path / "kept"
    assert len(read_log(path, cache=kept)) == 3
    assert len(read_log(path, cache=kept, min_weight=2)) == 1
    assert len(read_log(path, cache=kept, drop={"tea": "item = 'tea'"})) == 1
    assert len(list(kept.iterdir())) == 3
    path.write_text(LOG + "eve,cup,1,2024-01-01,\n", encoding="utf-8")
    assert len(read_log(path, cache=kept)) == 4
    os.utime(path, ns=(1, 1))
    read_log(path, cache=kept)
    assert len(list(kept.iterdir())) == 5


def test_a_refused_log_is_not_kept(path, tmp_path):
    path.write_text("user,item,qty\nann,tea,-1\n")
    with pytest.raises(LogError, match="negative weight"):
        read_log(path, cache=tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    "damage", [lambda kept: kept[:-1] + b"x", lambda kept: kept[: len(kept) // 2]]
)
def test_what_is_damaged_is_made_anew(path, tmp_path, damage, no_reading):
    first = read_log(path, cache=tmp_path / "kept")
    (entry,) = (tmp_path / "kept").iterdir()
    weights = entry / "weights.safetensors"
    weights.write_bytes(damage(weights.read_bytes()))
    again = read_log(path, cache=tmp_path / "kept")
    assert again.report == first.report
    np.testing.assert_array_equal(again.weight, first.weight)
    no_reading()
    assert len(read_log(path, cache=tmp_path / "kept")) == len(first)


def test_only_files_are_kept(tmp_path):
    with pytest.raises(InputError, match="cache is for files"):
        read_log(pa.table({"user": [1], "item": [2]}), cache=tmp_path)


def test_a_cache_that_is_a_file_is_refused_before_the_log_is_read(path, tmp_path, no_reading):
    no_reading()
    for place in (path, path / "kept"):
        said = f"cache is '{place}', and '{path}' is no folder; name a folder"
        with pytest.raises(InputError, match=re.escape(said)):
            read_log(path, cache=place)
    assert path.read_text(encoding="utf-8") == LOG


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs Linux's /proc")
def test_a_cache_that_takes_no_file_is_refused_before_the_log_is_read(path, no_reading):
    no_reading()
    with pytest.raises(MachineError, match="the cache /proc/kept cannot be written"):
        read_log(path, cache="/proc/kept")
