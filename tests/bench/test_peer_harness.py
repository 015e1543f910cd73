"""The neutral harness of the peers: its split, its lists and its measure."""

import importlib
import json
import math
from argparse import Namespace
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from likewise import compare
from likewise.data.fold import FoldIn
from likewise.data.interactions import Interactions, csr
from likewise.data.split import fixed_lists
from likewise.data.vocabulary import Vocabulary
from likewise.recommend.candidates import batch_size_for

PEERS = Path(__file__).parents[2] / "bench" / "peers"


@pytest.fixture
def peers(monkeypatch):
    """Import a script of bench/peers by its name, as the scripts import each other."""
    monkeypatch.syspath_prepend(PEERS)
    return importlib.import_module


@pytest.fixture
def split():
    """Thirty users with 25 training and 2 test items each, cut as likewise cuts lists."""
    rng = np.random.default_rng(1)
    items = np.stack([rng.permutation(60)[:27] for _ in range(30)])
    train, test = (
        Interactions.of_matrix(
            csr(
                np.repeat(np.arange(30), part.shape[1]),
                part.ravel(),
                np.full(part.size, 2.0),
                (30, 60),
            )
        )
        for part in (items[:, :25], items[:, 25:])
    )
    return fixed_lists(train, test)


@pytest.fixture
def shared_split(peers, monkeypatch, tmp_path, split):
    """The split as export.py hands it to the peers."""
    for module in ("harness", "export", "score"):
        monkeypatch.setattr(peers(module), "CACHE", tmp_path / "cache")
    monkeypatch.setattr(peers("export"), "load_split", lambda name: split)
    monkeypatch.setattr("sys.argv", ["export.py", "ml-1m"])
    peers("export").main()
    return peers("harness").Split.read("ml-1m")


def answers(peers, shared_split):
    return peers("harness").read(shared_split.folder / "answers.npz")


def test_measures_agree_with_hand_worked_ones(peers):
    metrics = peers("metrics")
    relevant = sparse.csr_array(np.array([[1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 0, 0]]))
    lists = np.array([[4, 2, 0], [0, 1, 2], [3, 1, -1]])
    second, third = 1 / np.log2(3), 1 / np.log2(4)
    assert metrics.recall(lists, relevant, 2) == pytest.approx((1 / 3 + 1) / 2)
    assert metrics.recall(lists, relevant, 3) == pytest.approx((2 / 3 + 1) / 2)
    expected = ((second + third) / (1 + second + third) + second) / 2
    assert metrics.ndcg(lists, relevant, 3) == pytest.approx(expected)


def test_measures_agree_with_the_library(peers, shared_split):
    library = importlib.import_module("likewise.evaluate.metrics")
    metrics, relevant = peers("metrics"), answers(peers, shared_split)
    rng = np.random.default_rng(2)
    lists = np.stack([rng.permutation(60)[:25] for _ in range(30)])
    ours = library.per_user_metrics(lists, relevant, ["recall@20", "ndcg@20"])
    assert metrics.recall(lists, relevant, 20) == pytest.approx(ours["recall@20"].mean())
    assert metrics.ndcg(lists, relevant, 20) == pytest.approx(ours["ndcg@20"].mean())


def test_lists_are_best_first_unseen_and_end_where_nothing_is_left(peers):
    asked = sparse.csr_array(np.array([[1.0, 0, 0, 0], [0, 1, 1, 1]]))
    scores = np.array([[9.0, 1.0, 3.0, 2.0], [0.5, 6.0, 8.0, 7.0]])
    top_lists = peers("harness").top_lists
    assert top_lists(lambda asked: scores, asked, 3).tolist() == [[2, 3, 1], [0, -1, -1]]
    assert top_lists(lambda asked: scores, asked, 2, repeats=True).tolist() == [[0, 2], [2, 3]]


def test_equal_scores_favour_no_item(peers):
    lists = peers("harness").top_lists(
        lambda asked: np.zeros(asked.shape), sparse.csr_array((1, 50)), k=10
    )
    assert lists[0].tolist() != list(range(10))
    assert len(set(lists[0].tolist())) == 10


def test_peers_are_handed_the_split_as_ones_and_not_the_answers(peers, split, shared_split):
    assert np.array_equal(shared_split.train.toarray(), split.train.matrix.toarray() > 0)
    assert np.array_equal(shared_split.refit.toarray(), split.refit.matrix.toarray() > 0)
    assert np.array_equal(shared_split.held_out.toarray(), split.validation.held_out.toarray() > 0)
    assert shared_split.asked.multiply(answers(peers, shared_split)).nnz == 0
    assert "answers" not in vars(shared_split)


def test_what_users_have_is_not_held_out(peers):
    given, held_out = np.array([[1.0, 0, 1]]), np.array([[3.0, 2, 0]])
    fold = FoldIn(sparse.csr_array(given), sparse.csr_array(held_out), Vocabulary.of(["Ada"]))
    assert peers("export").new_to_them(fold).toarray().tolist() == [[False, True, False]]


def test_a_split_with_nothing_to_refit_on_is_handed_over_once(peers, shared_split, split):
    peers("export").write(replace(split, refit=split.train), shared_split.folder)
    again = peers("harness").Split.read("ml-1m")
    assert again.refit is again.train


def test_grid_search_takes_the_best_setting_and_refits_on_all_before_the_test(peers, shared_split):
    fitting, trained = peers("fitting"), []

    def fit(train, settings):
        trained.append((train.nnz, settings["good"]))
        truth = shared_split.held_out.toarray() if settings["good"] else 0
        return lambda asked: truth + np.zeros(asked.shape)

    grid = [{"good": False}, {"good": True}]
    search = partial(fitting.run_grid, shared_split, fit, fitting.Clock(), grid)
    _, record = search(Namespace(refit=True, budget=math.inf))
    assert record["settings"] == {"good": True}
    assert record["validation_ndcg"] == pytest.approx(1.0)
    fit_pairs, all_pairs = shared_split.train.nnz, shared_split.refit.nnz
    assert trained == [(fit_pairs, False), (fit_pairs, True), (all_pairs, True)]
    _, record = search(Namespace(refit=True, budget=0.0))
    assert record["settings"] == {"good": False}
    assert record["not_tried"] == 1


def test_training_stops_when_patience_is_out_and_keeps_the_best_weights(peers):
    watch = peers("fitting").Watch()
    qualities = iter([0.1, 0.3, 0.2, *[0.25] * 20])
    while not (watch.quality and watch.is_over):
        with watch.epoch():
            pass
        watch.validated(next(qualities), lambda: len(watch.quality))
    record = watch.record()
    assert (record["best_epoch"], record["epochs"], watch.best_weights) == (2, 12, 1)
    assert record["training_seconds_to_best"] == pytest.approx(sum(watch.seconds[:2]))


def test_half_of_the_budget_is_left_for_the_training_that_follows(peers, shared_split, split):
    watch = peers("fitting").Watch
    asked = Namespace(refit=True, budget=10.0)
    assert watch.of(shared_split, asked).budget == 5.0
    assert watch.of(shared_split, Namespace(refit=False, budget=10.0)).budget == 10.0
    peers("export").write(replace(split, refit=split.train), shared_split.folder)
    assert watch.of(peers("harness").Split.read("ml-1m"), asked).budget == 10.0


def test_runs_are_scored_with_their_records(peers, shared_split, monkeypatch, tmp_path, capsys):
    truth = answers(peers, shared_split).toarray()
    record = {"trained_on": "refit"}
    peers("harness").write_run(shared_split, "oracle", lambda asked: truth, record, repeats=True)
    monkeypatch.setattr(peers("score"), "RESULTS", tmp_path / "results")
    monkeypatch.setattr("sys.argv", ["score.py", "ml-1m"])
    peers("score").main()
    (row,) = json.loads((tmp_path / "results" / "peers-ml-1m.json").read_text())
    assert row["recall@20"] == row["ndcg@20"] == row["ndcg@100"] == pytest.approx(1.0)
    assert row["trained_on"] == "refit"
    assert "| oracle | refit | 1.0000 |" in capsys.readouterr().out


def test_two_runs_are_told_apart_user_by_user_over_their_seeds(
    peers, shared_split, monkeypatch, tmp_path
):
    truth, score = answers(peers, shared_split).toarray(), peers("score")
    write = peers("harness").write_run
    drawn = np.random.default_rng(0).random(truth.shape)
    runs = {"a": truth, "a-seed1": drawn, "b": -truth, "b-seed1": drawn[::-1], "ab": truth}
    for name, scores in runs.items():
        write(shared_split, name, lambda asked, scores=scores: scores, {}, repeats=False)
    monkeypatch.setattr(score, "RESULTS", tmp_path / "results")
    monkeypatch.setattr("sys.argv", ["score.py", "ml-1m", "--beside", "a", "b"])
    score.main()
    found = json.loads((tmp_path / "results" / "peers-ml-1m-a-beside-b.json").read_text())
    quality = {row["run"]: row["ndcg@20"] for row in found if "run" in row}
    assert set(quality) == {"a", "a-seed1", "b", "b-seed1"}
    gap = next(row for row in found if row.get("metric") == "ndcg@20")
    lists = {run: peers("harness").read_lists(
        shared_split.folder / "lists" / f"{run}.parquet", shared_split.asked.shape[0]
    ) for run in quality}  # fmt: skip
    each = {
        run: score.metrics.ndcg_U(lists[run], answers(peers, shared_split), 20) for run in lists
    }
    gaps = (each["a"] + each["a-seed1"] - each["b"] - each["b-seed1"]) / 2
    assert gap["ahead"] == pytest.approx(gaps.mean())
    error = np.sqrt(((gaps - gaps.mean()) ** 2).sum() / (len(gaps) - 1) / len(gaps))
    assert gap["high"] - gap["ahead"] == pytest.approx(1.96 * error)
    assert gap["ahead"] - gap["low"] == pytest.approx(1.96 * error)
    monkeypatch.setattr("sys.argv", ["score.py", "ml-1m", "--beside", "a", "c"])
    with pytest.raises(SystemExit, match=r"c of 0; there are a, ab, b: make both"):
        score.main()


@pytest.mark.parametrize(
    ("items", "message"),
    [("seen", "recommends what the user has"), ("twice", "names an item twice")],
)
def test_a_list_that_cheats_is_refused(peers, shared_split, tmp_path, items, message):
    unseen = int(np.flatnonzero(shared_split.asked.toarray()[0] == 0)[0])
    seen = int(shared_split.asked.indices[0])
    chosen = np.array([[seen] if items == "seen" else [unseen, unseen]])
    peers("harness").write_lists(chosen, tmp_path / "run.parquet")
    with pytest.raises(SystemExit, match=message):
        peers("score").checked_lists(tmp_path / "run.parquet", shared_split.asked)


def test_lists_come_back_as_they_were_written(peers, tmp_path):
    lists = np.array([[3, 1, -1], [-1, -1, -1], [0, 2, 5]])
    peers("harness").write_lists(lists, tmp_path / "run.parquet")
    again = peers("harness").read_lists(tmp_path / "run.parquet", 3)
    assert np.array_equal(again[:, :3], lists)
    assert (again[:, 3:] == -1).all()


def test_small_batches_are_those_of_likewise(peers):
    for n_users in (40, 1_000, 5_000, 20_000, 1_000_000):
        assert peers("harness").batch_size(n_users) == batch_size_for(n_users)


def test_peers_stand_in_the_table_beside_the_models_of_the_same_kind(
    peers, monkeypatch, tmp_path, split
):
    """A peer's lists are judged as likewise's are; here they are those of the answers."""
    monkeypatch.syspath_prepend(PEERS.parent / "accuracy")
    beside = peers("beside")
    monkeypatch.setattr(peers("harness"), "CACHE", tmp_path)
    monkeypatch.setattr(beside, "BENCH", tmp_path)
    with pytest.raises(SystemExit, match=r"run bench/peers/setup.sh recbole"):
        beside.line_up(split, ["RecBole EASE"], "toy", 1.0)
    python = tmp_path / ".envs" / "recbole" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    models = {"EASE": Alphabetical(), **beside.line_up(split, ["RecBole EASE"], "toy", 1.0)}

    def run(command, **_):
        assert command[1].endswith("run_recbole.py")
        shared = peers("harness").Split.read("toy")
        scores = split.test.held_out.toarray()
        record = {"peak_rss_mib": 3.0, "rss_before_fit_mib": 1.0}
        peers("harness").write_run(shared, "recbole-EASE-refit", lambda asked: scores, record)

    monkeypatch.setattr(beside.subprocess, "run", run)
    comparison = beside.with_own_memory(compare(split, models, metrics=["recall@20"]), models)
    assert comparison.rows[1].intervals["recall@20"].mean == 1.0
    assert comparison.rows[1].cost.added_bytes == 2 * 2**20
    (apart,) = beside.differences(comparison)
    assert (apart["likewise"], apart["peer"], apart["real"]) == ("EASE", "RecBole EASE", True)
    assert apart["mean"] == comparison.rows[0].intervals["recall@20"].mean - 1.0


class Alphabetical:
    """Lists the first items that a user does not have, whatever they are."""

    def __call__(self, split, seed):
        return self

    def rank(self, given, k, *, filter_seen):
        order = np.argsort(given.toarray() > 0, axis=1, kind="stable")[:, :k]
        return np.where(np.take_along_axis(given.toarray() > 0, order, axis=1), -1, order)
