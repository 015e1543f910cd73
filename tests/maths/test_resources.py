"""Time and memory of a block: the peak is seen, is the block's own, and never breaks the work."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from likewise.evaluate import resources
from likewise.evaluate.resources import measured

MIB = 2**20
linux_only = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc"
)


@pytest.fixture
def three_seconds(monkeypatch):
    """Let the clock show three seconds more when it is looked at again."""
    looks = iter([10.0, 13.0])
    monkeypatch.setattr(resources, "time", SimpleNamespace(perf_counter=lambda: next(looks)))


def hold(mebibytes: int) -> int:
    return int(np.ones(mebibytes * MIB, dtype=np.uint8).sum())


@linux_only
def test_the_peak_is_seen_though_the_memory_was_given_back(three_seconds):
    with measured() as cost:
        hold(200)
    assert 195 * MIB < cost.added_bytes < 260 * MIB
    assert cost.peak_bytes > cost.added_bytes
    assert cost.seconds == 3


@linux_only
def test_an_earlier_higher_peak_does_not_count():
    hold(300)
    with measured() as cost:
        hold(50)
    assert 45 * MIB < cost.added_bytes < 150 * MIB


@linux_only
def test_what_was_held_before_counts_for_the_process_but_not_for_the_block():
    table = np.ones(200 * MIB, dtype=np.uint8)
    with measured() as cost:
        hold(20)
    assert cost.added_bytes < 100 * MIB
    assert cost.peak_bytes > table.nbytes


def test_without_the_right_to_set_the_mark_back_the_growth_of_the_mark_is_given(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(resources, "_CLEAR_REFS", tmp_path / "missing" / "clear_refs")
    monkeypatch.setattr(resources, "_peak", iter([700, 1000]).__next__)
    with measured() as cost:
        pass
    assert (cost.peak_bytes, cost.added_bytes) == (1000, 300)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")
def test_without_proc_the_lifetime_peak_is_given(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "_CLEAR_REFS", tmp_path / "missing" / "clear_refs")
    monkeypatch.setattr(resources, "_STATUS", tmp_path / "status")
    with measured() as cost:
        pass
    assert cost.peak_bytes > 10 * MIB
    assert cost.added_bytes >= 0


def test_where_the_system_tells_nothing_the_memory_is_none(monkeypatch, tmp_path, three_seconds):
    monkeypatch.setattr(resources, "_CLEAR_REFS", tmp_path / "missing" / "clear_refs")
    monkeypatch.setattr(resources, "_STATUS", tmp_path / "status")
    monkeypatch.setattr(resources, "_lifetime_peak", lambda: None)
    with measured() as cost:
        pass
    assert cost.seconds == 3
    assert cost.peak_bytes is None
    assert cost.added_bytes is None


def test_a_failing_block_is_measured_and_its_error_kept(three_seconds):
    with pytest.raises(KeyError, match="the work"), measured() as cost:
        raise KeyError("the work")
    assert cost.seconds == 3
