"""The neutral harness of the peers: its split, its lists and its measure."""

import importlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy import sparse

from likewise.data.interactions import Interactions
from likewise.data.liang import strong_generalisation

PEERS = Path(__file__).parents[2] / "bench" / "peers"


@pytest.fixture
def peers(monkeypatch):
    """Import a script of bench/peers by its name, as the scripts import each other."""
    monkeypatch.syspath_prepend(PEERS)
    return importlib.import_module


@pytest.fixture
def shared_split(peers, monkeypatch, tmp_path):
    """Thirty users with 25 training and 2 test items each, split by make_split.py."""
    rng = np.random.default_rng(1)
    source = tmp_path / "data" / "toy"
    source.mkdir(parents=True)
    items = np.stack([rng.permutation(60)[:27] for _ in range(30)])
    for part, chosen in (("train", items[:, :25]), ("test", items[:, 25:])):
        user = np.repeat(np.arange(30), chosen.shape[1])
        parquet.write_table(
            pa.table({"user": user, "item": chosen.ravel()}), source / f"{part}.parquet"
        )
    monkeypatch.setenv("LIKEWISE_DATA", str(tmp_path / "data"))
    for module in ("harness", "make_split", "score"):
        monkeypatch.setattr(peers(module), "CACHE", tmp_path / "cache")
    monkeypatch.setattr("sys.argv", ["make_split.py", "toy"])
    peers("make_split").main()
    return peers("harness").Split.read("toy")


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
    metrics = peers("metrics")
    rng = np.random.default_rng(2)
    lists = np.stack([rng.permutation(60)[:25] for _ in range(30)])
    ours = library.per_user_metrics(lists, shared_split.test, ["recall@20", "ndcg@20"])
    assert metrics.recall(lists, shared_split.test, 20) == pytest.approx(ours["recall@20"].mean())
    assert metrics.ndcg(lists, shared_split.test, 20) == pytest.approx(ours["ndcg@20"].mean())


def test_lists_are_best_first_unseen_and_end_where_nothing_is_left(peers):
    seen = sparse.csr_array(np.array([[1, 0, 0, 0], [0, 1, 1, 1]]))
    scores = np.array([[9.0, 1.0, 3.0, 2.0], [0.5, 7.0, 7.0, 7.0]])
    lists = peers("harness").top_lists(lambda users: scores[users], seen, k=3)
    assert lists.tolist() == [[2, 3, 1], [0, -1, -1]]


def test_equal_scores_favour_no_item(peers):
    lists = peers("harness").top_lists(
        lambda users: np.zeros((len(users), 50)), sparse.csr_array((1, 50)), k=10
    )
    assert lists[0].tolist() != list(range(10))
    assert len(set(lists[0].tolist())) == 10


def test_validation_is_a_tenth_of_each_users_training(shared_split):
    assert np.diff(shared_split.validation.indptr).tolist() == [2] * 30
    together = shared_split.train_fit + shared_split.validation
    assert (together != shared_split.train_full).nnz == 0
    assert shared_split.train_fit.multiply(shared_split.validation).nnz == 0


def test_the_split_is_the_same_every_time(peers, shared_split):
    peers("make_split").main()
    again = peers("harness").Split.read("toy")
    assert (again.validation != shared_split.validation).nnz == 0


def test_only_users_with_two_items_give_one_to_validation(peers):
    train = np.array([[0, 5], [1, 3], [1, 4], *([2, item] for item in range(19))])
    held = peers("make_split").in_validation(train)
    assert np.bincount(train[held, 0], minlength=3).tolist() == [0, 1, 1]


def test_grid_search_takes_the_best_setting_and_refits_on_all_of_train(peers, shared_split):
    fitting = peers("fitting")
    trained = []

    def fit(train, settings):
        trained.append((train.nnz, settings["good"]))
        truth = shared_split.validation.toarray() if settings["good"] else 0
        return lambda users: (truth + np.zeros((30, 60)))[users]

    grid = [{"good": False}, {"good": True}]
    _, record = fitting.run_grid(shared_split, fit, fitting.Clock(), grid, refit=True)
    assert record["settings"] == {"good": True}
    assert record["validation_ndcg"] == pytest.approx(1.0)
    fit_pairs, all_pairs = shared_split.train_fit.nnz, shared_split.train_full.nnz
    assert trained == [(fit_pairs, False), (fit_pairs, True), (all_pairs, True)]


def test_training_stops_when_patience_is_out_and_keeps_the_best_weights(peers):
    watch = peers("fitting").Watch()
    qualities = iter([0.1, 0.3, 0.2, *[0.25] * 20])
    while not (watch.quality and watch.patience_is_out):
        with watch.epoch():
            pass
        watch.validated(next(qualities), lambda: len(watch.quality))
    record = watch.record()
    assert (record["best_epoch"], record["epochs"], watch.best_weights) == (2, 12, 1)
    assert record["training_seconds_to_best"] == pytest.approx(sum(watch.seconds[:2]))


def test_runs_are_scored_with_their_records(peers, shared_split, monkeypatch, tmp_path, capsys):
    scores = shared_split.test.toarray()
    lists = peers("harness").top_lists(lambda users: scores[users], shared_split.train_full)
    peers("harness").write_run(shared_split, "oracle", lists, {"trained_on": "train_full"})
    monkeypatch.setattr(peers("score"), "RESULTS", tmp_path / "results")
    monkeypatch.setattr("sys.argv", ["score.py", "toy"])
    peers("score").main()
    (row,) = json.loads((tmp_path / "results" / "peers-toy.json").read_text())
    assert row["recall@20"] == row["ndcg@20"] == row["ndcg@100"] == pytest.approx(1.0)
    assert row["trained_on"] == "train_full"
    assert "| oracle | train_full | 1.0000 |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("items", "message"), [("seen", "recommends training items"), ("twice", "names an item twice")]
)
def test_a_list_that_cheats_is_refused(peers, shared_split, tmp_path, items, message):
    unseen = int(np.flatnonzero(shared_split.train_full.toarray()[0] == 0)[0])
    seen = int(shared_split.train_full.indices[0])
    chosen = [seen] if items == "seen" else [unseen, unseen]
    ranks = list(range(1, len(chosen) + 1))
    path = tmp_path / "run.parquet"
    parquet.write_table(pa.table({"user": [0] * len(chosen), "item": chosen, "rank": ranks}), path)
    with pytest.raises(SystemExit, match=message):
        peers("score").read_lists(path, shared_split)


def test_a_split_by_users_becomes_lists(peers):
    rng = np.random.default_rng(0)
    baskets = [[f"i{n}" for n in rng.permutation(12)[:7]] for _ in range(40)]
    split = strong_generalisation(Interactions.of(baskets), n_held_out=5)
    (user, item), (tested, found) = peers("export").lists(split)
    n_learned = split.refit.n_users
    assert len(user) == split.refit.matrix.nnz + split.test.given.nnz
    assert set(tested) == set(range(n_learned, n_learned + 5))
    assert len(found) == split.test.held_out.nnz
    assert not set(zip(user, item, strict=True)) & set(zip(tested, found, strict=True))
    for row in range(5):
        own = item[user == n_learned + row]
        assert sorted(own) == sorted(split.test.given[[row]].indices)
