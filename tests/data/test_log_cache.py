"""A log that is kept is the log that was read, and only that."""

import gzip
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from likewise.data import log as reading
from likewise.data import log_cache
from likewise.data.content import digests
from likewise.data.log import read_log
from likewise.errors import InputError, LogError, MachineError, NotEnoughMemoryError
from likewise.memory import limit_memory

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
    assert len(list(kept.iterdir())) == 4


def change_unseen(path, old, new):
    """Replace bytes by as many, and leave size and time as they were."""
    before = path.stat()
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_a_change_in_the_middle_that_keeps_size_and_time_is_seen(path, tmp_path):
    note = "x" * 100_000  # two mebibytes before the row and two behind it
    rows = [f"{user},tea,1,{note}\n" for user in range(43)]
    rows[21] = f"eve,tea,2,{note}\n"
    path.write_text("user,item,qty,note\n" + "".join(rows))
    assert read_log(path, cache=tmp_path / "kept").weight.sum() == 44
    change_unseen(path, b"eve,tea,2", b"eve,tea,7")
    assert read_log(path, cache=tmp_path / "kept").weight.sum() == 49


def test_a_change_of_the_titles_that_keeps_size_and_time_is_seen(path, tmp_path, write):
    options = {"titles": write("titles.csv", "item,title\n007,Cup\ntea,Tea\n")}
    assert read_log(path, cache=tmp_path / "kept", **options).titles.tolist() == ["Cup", "Tea"]
    change_unseen(Path(options["titles"]), b"Cup", b"Mug")
    assert read_log(path, cache=tmp_path / "kept", **options).titles.tolist() == ["Mug", "Tea"]


def touch(path):
    os.utime(path, ns=(1, 1))
    return path


def rewrite(path):
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data)
    return path


def move(path):
    (path.parent / "moved").mkdir()
    return path.rename(path.parent / "moved" / "other.2024.csv")


def copy(path):
    other = path.with_name("copy.csv")
    shutil.copyfile(path, other)
    path.unlink()
    return other


def link(path):
    (path.parent / "link.csv").symlink_to(path)
    return path.parent / "link.csv"


@pytest.mark.parametrize("how", [touch, rewrite, move, copy, link])
def test_the_same_content_is_not_read_again(path, tmp_path, no_reading, how):
    first = read_log(path, cache=tmp_path / "kept")
    path = how(path)
    no_reading()
    again = read_log(path, cache=tmp_path / "kept")
    np.testing.assert_array_equal(again.weight, first.weight)
    assert again.report.source == str(path)  # as it was asked for


def test_files_are_known_one_by_one_or_by_a_pattern_or_as_neighbours(
    write, tmp_path, no_reading, monkeypatch
):
    files = [write("may.csv", LOG), write("new.csv", LOG.replace("ann", "eve"))]
    first = read_log(files, cache=tmp_path / "kept")
    no_reading()
    assert read_log(f"{tmp_path}/*.csv", cache=tmp_path / "kept").report == first.report
    monkeypatch.chdir(tmp_path)
    again = read_log([Path("may.csv"), "new.csv"], cache="kept", threads=2)
    assert again.report.source == "may.csv and 1 more file"


@pytest.mark.parametrize("threads", [1, 2, None])
def test_files_are_hashed_with_the_threads_that_reading_was_given(
    path, tmp_path, monkeypatch, threads
):
    def hashed(files, n_threads):
        given.append(n_threads)
        return digests(files, n_threads)

    given = []
    monkeypatch.setattr(log_cache, "digests", hashed)
    read_log(path, cache=tmp_path / "kept", threads=threads, titles=path)
    assert given == [threads, threads]


def test_files_in_another_order_are_read_anew(write, tmp_path):
    files = [write(f"{user}.csv", f"user,item\n{user},tea\n") for user in ("b", "a")]
    for order in (files, files[::-1], files[:1]):
        log = read_log(order, cache=tmp_path / "kept")
        assert log.users.decode(log.user).tolist() == [Path(file).stem for file in order]
    assert len(list((tmp_path / "kept").iterdir())) == 3


@pytest.mark.parametrize(
    ("name", "other", "said"),
    [
        ("log.csv", "log.tsv", "user"),
        ("log.csv.gz", "log.tsv.gz", "user"),
        ("log.csv.gz", "log.csv", "binary file"),
    ],
)
def test_the_same_bytes_under_a_name_that_is_read_otherwise(tmp_path, name, other, said):
    data = LOG.encode() if name == "log.csv" else gzip.compress(LOG.encode())
    (tmp_path / name).write_bytes(data)
    read_log(tmp_path / name, cache=tmp_path / "kept")
    (tmp_path / name).rename(tmp_path / other)
    with pytest.raises(LogError, match=said):
        read_log(tmp_path / other, cache=tmp_path / "kept")


def test_the_same_bytes_in_a_folder_that_is_a_column(tmp_path, no_reading):
    for weight in (2, 3):
        path = tmp_path / f"qty={weight}" / "log.parquet"
        path.parent.mkdir()
        pa.parquet.write_table(pa.table({"user": [5], "item": [10]}), path)
        assert read_log(path, cache=tmp_path / "kept").weight.tolist() == [weight]
    (tmp_path / "moved").mkdir()
    path.parent.rename(tmp_path / "moved" / "qty=3")
    no_reading()
    again = read_log(tmp_path / "moved" / "qty=3" / "log.parquet", cache=tmp_path / "kept")
    assert again.weight.tolist() == [3]


def replace(path):
    """Put another file in its place, of the same size and time."""
    before = path.stat()
    other = path.with_name("other")
    other.write_text(LOG.replace("ann", "eve"), encoding="utf-8")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def overwrite(path):
    """Write as many other bytes, at a time that is surely another."""
    path.write_text(LOG.replace("ann", "eve"), encoding="utf-8")
    os.utime(path, ns=(1, 1))


def overwrite_unseen(path):
    """Write as many other bytes into the same file, and put the time of writing back."""
    before = path.stat()
    path.write_text(LOG.replace("ann", "eve"), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def append(path):
    before = path.stat()
    path.write_text(LOG + "eve,cup,1,2024-01-01,\n", encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def add(path):
    """Add a file that the pattern matches."""
    shutil.copyfile(path, path.with_name("log2.csv"))


@pytest.mark.parametrize("change", [replace, overwrite, overwrite_unseen, append, add, Path.unlink])
def test_what_changes_while_it_is_read_is_not_kept(path, tmp_path, monkeypatch, change):
    def stage(*arguments):
        change(path)
        return staged(*arguments)

    staged = reading.stage
    monkeypatch.setattr(reading, "stage", stage)
    pattern = tmp_path / "log*.csv"
    try:
        read_log(str(pattern), cache=tmp_path / "kept")
    except LogError:
        assert change is Path.unlink
    assert not (tmp_path / "kept").exists()


def test_what_vanishes_once_it_was_read_is_not_kept(path, tmp_path, monkeypatch):
    def summed(*arguments):
        path.unlink()
        return sums(*arguments)

    sums = reading.summed
    monkeypatch.setattr(reading, "summed", summed)
    assert len(read_log(path, cache=tmp_path / "kept")) == 3
    assert not (tmp_path / "kept").exists()


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
    with pytest.raises(InputError, match="cache is for files"):
        read_log("sqlite:///shop.db", query="SELECT 1", cache=tmp_path)


@pytest.mark.parametrize("source", ["none.csv", "log.txt", "", "*.none", "empty.csv", []])
def test_no_log_is_refused_in_the_same_words(source, path, tmp_path, write):
    write("empty.csv", "")
    write("log.txt", LOG)
    source = f"{tmp_path}/{source}" if source != [] else source
    said = []
    for options in ({}, {"cache": tmp_path / "kept"}):
        with pytest.raises(LogError) as refusal:
            read_log(source, **options)
        said.append(str(refusal.value))
    assert said[0] == said[1]


def test_a_cache_that_is_a_file_is_refused_before_the_log_is_read(path, no_reading, monkeypatch):
    no_reading()
    monkeypatch.setattr(log_cache, "digests", None)  # which reads it too
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


def test_a_kept_log_that_does_not_fit_is_named_as_what_it_is(tmp_path, path):
    cache = tmp_path / "cache"
    read_log(path, cache=cache)
    limit_memory(1)
    try:
        with pytest.raises(NotEnoughMemoryError) as refusal:
            read_log(path, cache=cache)
    finally:
        limit_memory(None)
    assert str(refusal.value).startswith(f"loading {path} from the cache {cache} ")
