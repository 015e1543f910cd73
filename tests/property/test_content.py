"""A file's digest is that of its content alone, in little memory, however many threads hash it."""

import hashlib
import tempfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.data import content
from likewise.data.content import PIECE, digests
from likewise.errors import LogError


def slow(data, piece):
    """Say the same in one line."""
    pieces = [data[start : start + piece] for start in range(0, len(data), piece)]
    return hashlib.sha256(b"".join(hashlib.sha256(p).digest() for p in pieces)).hexdigest()


@given(
    st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 9), st.integers(1, 9), st.data()
)
def test_files_are_hashed_piece_by_piece(contents, piece, step, data):
    threads = data.draw(st.none() | st.integers(1, 4))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "PIECE", piece)
        patch.setattr(content, "STEP", step)
        files = [f"{folder}/{number}" for number in range(len(contents))]
        for file, written in zip(files, contents, strict=True):
            Path(file).write_bytes(written)
        assert digests(files, threads) == [slow(written, piece) for written in contents]


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1])
def test_sizes_about_a_piece(tmp_path, size):
    data = b"\1" * size
    (tmp_path / "log").write_bytes(data)
    assert digests([str(tmp_path / "log")], 2) == [slow(data, PIECE)]


def test_the_sums_of_pieces_are_another_content(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "PIECE", 32)
    whole = b"a" * 32 + b"b" * 32
    sums = b"".join(hashlib.sha256(whole[start : start + 32]).digest() for start in (0, 32))
    for name, data in {"whole": whole, "sums": sums}.items():
        (tmp_path / name).write_bytes(data)
    one, other = digests([str(tmp_path / "whole"), str(tmp_path / "sums")])
    assert one != other


@pytest.mark.parametrize(("threads", "taken"), [(1, 1), (2, 2), (9, 5), (None, 3), (0, 3), (-1, 1)])
def test_as_many_threads_as_are_given_and_have_work(tmp_path, monkeypatch, threads, taken):
    pools = []

    def pool(n_threads):
        pools.append(n_threads)
        return ThreadPoolExecutor(n_threads)

    monkeypatch.setattr(content, "ThreadPoolExecutor", pool)
    monkeypatch.setattr(content, "PIECE", 4)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    for name, size in {"one": 8, "other": 12}.items():
        (tmp_path / name).write_bytes(bytes(size))
    digests([str(tmp_path / "one"), str(tmp_path / "other")], threads)
    assert pools == [taken]


def test_no_more_memory_than_a_step(tmp_path):
    with (tmp_path / "log").open("wb") as stream:
        stream.truncate(3 * PIECE)
    tracemalloc.start()
    digests([str(tmp_path / "log")], 1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * content.STEP


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(LogError, match=f"{tmp_path} cannot be read: Is a directory"):
        digests([str(tmp_path)])
