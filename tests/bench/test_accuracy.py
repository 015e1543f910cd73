"""The accuracy table's own parts: runs that are kept, and the Pareto front."""

import importlib
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from likewise.evaluate.comparison import Run
from likewise.evaluate.protocol import Evaluation
from likewise.evaluate.resources import Cost

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch):
    for folder in (BENCH, BENCH / "accuracy"):
        monkeypatch.syspath_prepend(folder)
    return importlib.import_module


def test_files_that_are_not_there_are_named_in_one_line(bench, tmp_path, monkeypatch):
    monkeypatch.setenv("LIKEWISE_DATA", str(tmp_path))
    script = BENCH / "accuracy" / "run.py"
    monkeypatch.setattr(sys, "argv", [str(script), "--data", "ml-1m", "--quick"])
    with pytest.raises(SystemExit, match=r"^error: .*ml-1m"):
        runpy.run_path(str(script), run_name="__main__")


def test_a_run_comes_back_as_it_was_and_only_for_the_same_settings(bench, tmp_path):
    Kept = bench("kept").Kept
    per_user = {"ndcg@20": np.array([0.5, np.nan]), "recall@20": np.array([1.0, 0.0])}
    evaluations = {m: [Evaluation(per_user, 0.25, 1 + s) for s in range(2)] for m in (False, True)}
    runs = Kept(tmp_path, {"budget": 3})
    runs["item k-NN"] = Run("item k-NN", evaluations, Cost(1.5, 10, None))
    again = Kept(tmp_path, {"budget": 3})
    assert list(again) == ["item k-NN"]
    run = again["item k-NN"]
    assert (run.cost, list(run.evaluations)) == (Cost(1.5, 10, None), [False, True])
    for one, other in zip(run.evaluations[True], evaluations[True], strict=True):
        assert (one.coverage, one.n_users) == (other.coverage, other.n_users)
        for metric, values in per_user.items():
            np.testing.assert_array_equal(one.per_user[metric], values)
    assert "item k-NN" not in Kept(tmp_path, {"budget": 4})
    with pytest.raises(KeyError):
        again["linear"]


def test_the_front_holds_what_no_quicker_one_is_as_good_as(bench):
    points = [(1.0, 0.2, "a"), (2.0, 0.1, "b"), (3.0, 0.2, "c"), (4.0, 0.3, "d"), (1.0, 0.1, "e")]
    assert bench("run").pareto(points) == [(1.0, 0.2, "a"), (4.0, 0.3, "d")]


def test_labels_are_apart_and_moved_no_further_than_that_takes(bench):
    moved = np.array(bench("run").apart([0.0, 3.0, 3.0, 9.0], 1.0))
    np.testing.assert_allclose(moved, [0.0, 2.5, 3.5, 9.0])
