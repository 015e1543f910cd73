"""The accuracy table's command for each public set, on small made files of the owners' forms."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / "bench"

FEWER = """
import runpy, sys
from likewise.data import public_sets

cut = public_sets.strong_generalisation

def by_thousands(log, *, n_held_out, **options):
    return cut(log, n_held_out=n_held_out // 1000, **options)

public_sets.strong_generalisation = by_thousands
runpy.run_path(sys.path[0] + "/run.py", run_name="__main__")
"""
"""The command, but that one user is held out where the published tables hold out a thousand."""


@pytest.fixture
def results(tmp_path):
    """Run the command in a copy of its folder; return what it printed and wrote."""
    copy = tmp_path / "bench"
    shutil.copytree(BENCH, copy, ignore=shutil.ignore_patterns("results", ".cache", ".envs"))
    (copy / "accuracy" / "fewer.py").write_text(FEWER)

    def _results(name, script="run.py"):
        run = [sys.executable, copy / "accuracy" / script, "--data", name, "--budget", "1",
               "--models", "popularity,item k-NN"]  # fmt: skip
        ran = subprocess.run(
            run, capture_output=True, text=True, check=False, timeout=300,
            env=os.environ | {"LIKEWISE_DATA": str(tmp_path), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        written = copy / "results" / f"accuracy-{name}-some.json"
        return ran.stdout, json.loads(written.read_text())["results"]

    return _results


def write(folder, name, text):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def require_rows(results, n_users, split):
    """Both models are in the table, and neighbours see the groups that popularity does not."""
    printed, found = results
    assert (found["users"], found["split"]) == (n_users, split)
    rows = {row["model"]: row for row in found["models"]}
    assert set(rows) == {"popularity", "item k-NN"}
    for name in rows:
        assert name in printed
    score = {name: row["metrics"]["ndcg@100"]["mean"] for name, row in rows.items()}
    assert 0 < score["popularity"] < score["item k-NN"] <= 1


def pairs(n_users, n_items, share=0.5):
    """(user, item) of users who keep to one of two halves of the items."""
    rng = np.random.default_rng(0)
    own = np.arange(n_items) % 2 == np.arange(n_users)[:, None] % 2
    return np.argwhere(own & (rng.random((n_users, n_items)) < share)).tolist()


def test_ml_20m(results, tmp_path):
    lines = [f"{u + 1},{i + 1},4.5,1112486027" for u, i in pairs(90, 40)]
    lines += [f"{u + 1},{i + 41},3.5,1112486027" for u, i in pairs(90, 20)]  # not liked
    text = "\n".join(["userId,movieId,rating,timestamp", *lines])
    write(tmp_path / "ml-20m", "ratings.csv", text)
    require_rows(results("ml-20m", "fewer.py"), 10, "strong generalisation")


def test_netflix(results, tmp_path):
    given = pairs(200, 40)
    for part in range(4):
        blocks = [
            "\n".join([f"{film + 1}:", *(f"{u + 6},5,2005-09-06" for u, i in given if i == film)])
            for film in range(10 * part, 10 * part + 10)
        ]
        write(tmp_path / "netflix", f"combined_data_{part + 1}.txt", "\n".join(blocks) + "\n")
    require_rows(results("netflix", "fewer.py"), 40, "strong generalisation")


def test_msd(results, tmp_path):
    lines = [f"{u:040x}\tSO{i:016d}\t{1 + u % 3}" for u, i in pairs(500, 80, 0.9)]
    write(tmp_path / "msd", "train_triplets.txt", "\n".join(lines) + "\n")
    require_rows(results("msd", "fewer.py"), 50, "strong generalisation")


def test_lists_of_light_gcn(results, tmp_path):
    held = {False: {}, True: {}}
    for n, (user, item) in enumerate(pairs(60, 40)):
        held[n % 5 == 0].setdefault(user, []).append(item)
    for part, lists in zip(("train", "test"), held.values(), strict=True):
        lines = [" ".join(map(str, [user, *items])) for user, items in lists.items()]
        write(tmp_path / "amazon-book", f"{part}.txt", "\n".join(lines) + "\n")
    require_rows(results("amazon-book"), len(held[True]), "fixed lists")
