"""The accuracy table's own parts: runs that are kept, and the Pareto front."""

import importlib
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from likewise import Interactions
from likewise.data.split import fixed_lists
from likewise.evaluate.comparison import Run
from likewise.evaluate.protocol import Evaluation
from likewise.evaluate.resources import Cost

BENCH = Path(__file__).parents[2] / "bench"
PARTS = slice(10), slice(10, 12)


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


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (
            ["--models", "linear,nosuch"],
            r"no model 'nosuch'; .*, published blend, RecBole EASE, .*",
        ),
        (["--models", "linear", "--metric", "foo@3"], r"metric 'foo@3' is not known"),
        (["--seeds", "0"], r"--seeds: 0 given; give a whole number, 1 or more"),
        (["--seeds", "one"], r"--seeds: one given; give a whole number, 1 or more"),
    ],
)
def test_what_cannot_be_is_refused_before_the_files_are_read(
    bench, tmp_path, monkeypatch, capsys, given, why
):
    monkeypatch.setenv("LIKEWISE_DATA", str(tmp_path))  # of no files
    run = bench("run")
    monkeypatch.setattr(sys, "argv", ["run.py", "--data", "ml-1m", "--quick", *given])
    with pytest.raises(SystemExit, match="2"):
        run.main()
    assert re.search(why, capsys.readouterr().err)


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


@pytest.mark.parametrize("commit", ["", "abc+"])
def test_of_code_that_is_that_of_no_commit_nothing_is_kept(bench, tmp_path, commit, capsys):
    assert bench("kept").runs_of(commit, tmp_path / "runs", {}) == {}
    assert not (tmp_path / "runs").exists()
    assert "no run is kept" in capsys.readouterr().err
    assert isinstance(bench("kept").runs_of("abc", tmp_path / "runs", {}), bench("kept").Kept)


def test_a_commit_is_marked_where_code_differs_from_it_and_not_for_results(
    bench, tmp_path, monkeypatch
):
    records = bench("records")
    monkeypatch.setattr(records, "RESULTS", tmp_path / "bench" / "results")
    for name in ("bench/results/table.json", "bench/run.py", "src/one.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for step in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        records._git(*step)
    for name, marked in (
        ("bench/results/table.json", False),
        ("bench/run.py", True),
        ("new.md", False),
    ):
        (tmp_path / name).write_text("2")
        commit = records.provenance()["commit"]
        assert len(commit) > 6
        assert commit.endswith("+") == marked
        records._git("checkout", "-q", ".")


def test_the_front_holds_what_no_quicker_one_is_as_good_as(bench):
    points = [(1.0, 0.2, "a"), (2.0, 0.1, "b"), (3.0, 0.2, "c"), (4.0, 0.3, "d"), (1.0, 0.1, "e")]
    assert bench("run").pareto(points) == [(1.0, 0.2, "a"), (4.0, 0.3, "d")]


def test_labels_are_apart_and_moved_no_further_than_that_takes(bench):
    moved = np.array(bench("run").apart([0.0, 3.0, 3.0, 9.0], 1.0))
    np.testing.assert_allclose(moved, [0.0, 2.5, 3.5, 9.0])


def test_the_readme_has_the_table_of_what_was_measured(bench):
    table = bench("table")
    found = {column: dict(table.models(column)) for column in table.COLUMNS}
    text = (BENCH.parent / "README.md").read_text(encoding="utf-8")
    assert table.replaced(text, table.markdown(found)) == text


def test_the_best_of_a_column_is_set_bold_and_what_was_not_run_is_blank(bench):
    table = bench("table")
    row = {"metrics": {"ndcg@20": {"mean": 0.25, "low": 0.24, "high": 0.27}}}
    worse = {"metrics": {"ndcg@20": {"mean": 0.125, "low": 0.12, "high": 0.13}}}
    found = {table.COLUMNS[0]: {"auto": row, "EASE": worse, "RecBole EASE": worse}}
    lines = dict.fromkeys(table.markdown(found).splitlines())
    assert any(
        line.startswith("| **likewise auto** (the default) | **.250±.015** |") for line in lines
    )
    assert any(line.startswith("| likewise EASE | .125±.005 |") for line in lines)
    assert any(line.startswith("| likewise DAN |  |") for line in lines)


def test_a_blend_of_published_parts_is_chosen_on_validation_and_fitted_on_all(bench):
    published = bench("published")
    random = np.random.default_rng(0)
    lists = [random.permutation(12) + 12 * (user % 2) for user in range(60)]
    train, test = (Interactions.of([row[part].tolist() for row in lists]) for part in PARTS)
    recommender = published.blend(1.0, "ndcg@20")(fixed_lists(train, test), 0)
    names = [part.type_name for part in recommender.model_.parts_]
    assert sorted(names) == ["linear", "recvae", "variational"]
    assert recommender.model_.n_features_in_ == 24
    assert sum(recommender.model_.weights) > 0
    assert recommender.recommend([[0, 1, 2]], k=9)[0][0].item < 12


def test_a_peers_seconds_are_those_that_its_own_process_took(bench, tmp_path, monkeypatch):
    beside = bench("beside")
    monkeypatch.setattr(beside.harness, "CACHE", tmp_path)
    peer = beside.Peer("recbole", "EASE", "a-set", 10.0)
    record = peer.files(0, ".json")
    record.parent.mkdir(parents=True)
    record.write_text('{"peak_rss_mib": 3, "rss_before_fit_mib": 1}')
    assert peer.cost(0.5) == Cost(0.5, 3 << 20, 2 << 20)
    peer.walls.extend([2.0, 4.0])
    assert peer.cost(0.5) == Cost(3.0, 3 << 20, 2 << 20)
