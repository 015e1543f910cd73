"""Result tables in files: whole or not there."""

import gc
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as papq
import pytest

from likewise.data.table_file import TableFile
from likewise.errors import InputError, MachineError

TABLE = pa.table({"user": ["ann", "bob"], "score": pa.array([0.5, 0.25], pa.float32())})


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".csv", '"user","score"\n"ann",0.5\n"bob",0.25\n"ann",0.5\n"bob",0.25\n'),
        (".tsv", '"user"\t"score"\n"ann"\t0.5\n"bob"\t0.25\n"ann"\t0.5\n"bob"\t0.25\n'),
        (".jsonl", '{"user": "ann", "score": 0.5}\n{"user": "bob", "score": 0.25}\n' * 2),
    ],
)
def test_tables_follow_each_other_in_texts(tmp_path, ending, text):
    path = tmp_path / f"out{ending}"
    with TableFile(path) as file:
        file.write(TABLE)
        file.write(TABLE)
    assert path.read_text(encoding="utf-8") == text


def test_tables_follow_each_other_in_parquet(tmp_path):
    path = tmp_path / "out.parquet"
    with TableFile(path) as file:
        file.write(TABLE)
        file.write(TABLE)
    assert papq.read_table(path).equals(pa.concat_tables([TABLE, TABLE]))
    assert [found.name for found in tmp_path.iterdir()] == ["out.parquet"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_is_not_whole_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(error):
        _stopped_by(error, path)
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_writer_that_is_left_prints_nothing_when_it_is_collected(tmp_path, monkeypatch, error):
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    with pytest.raises(error):
        _stopped_by(error, tmp_path / "out.parquet")
    gc.collect()
    assert said == []
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path):
    path = tmp_path / "out.csv"
    killed = f"""
import os, pyarrow as pa
from pathlib import Path
from likewise.data.table_file import TableFile
with TableFile(Path({str(path)!r})) as file:
    file.write(pa.table({{"user": ["ann"]}}))
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", killed], check=False)
    assert [found.suffix for found in tmp_path.iterdir()] == [".part"]
    path.with_name(f".out.csv.{os.getpid()}.part").touch()  # numbers of processes come again
    others = {".out.csv.part", ".out.csv.old.part", ".other.csv.1.part", "out.csv.1.part"}
    for name in others:
        path.with_name(name).touch()
    with TableFile(path) as file:
        file.write(TABLE)
    assert {found.name for found in tmp_path.iterdir()} == others | {"out.csv"}


def test_what_another_writer_is_writing_stays(tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    with TableFile(path) as first:
        first.write(TABLE)
        with monkeypatch.context() as other:
            other.setattr(os, "getpid", lambda: 1)
            with TableFile(path) as second:
                second.write(TABLE.slice(0, 0))
        assert path.read_text() == '"user","score"\n'
    assert path.read_text().endswith('"bob",0.25\n')


def test_an_unknown_ending_and_a_place_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"it is one of \.parquet, \.csv"):
        TableFile(tmp_path / "out.xlsx")
    with (
        pytest.raises(MachineError, match="cannot be written: No such file"),
        TableFile(tmp_path / "nowhere" / "out.csv"),
    ):
        pass


def test_a_full_disk_is_the_machines_failure(tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    monkeypatch.setattr(TableFile, "_opened", _full)
    with pytest.raises(MachineError, match="No space left"), TableFile(path) as file:
        file.write(TABLE)
    assert list(tmp_path.iterdir()) == []


def _stopped_by(error, path):
    with TableFile(path) as file:
        file.write(TABLE)
        raise error


def _full(file, schema):
    raise OSError(28, "No space left on device")
