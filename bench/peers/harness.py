"""What every peer shares: its arguments, the split it reads, the lists and record it leaves.

Runs inside each peer's own environment, so it needs no more than numpy, scipy and pyarrow.
Shapes: B users of a block, U users, I items, K places of a list.
"""

import argparse
import json
import math
import os
import platform
import resource
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import metrics
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet
from scipy import sparse

CACHE = Path(__file__).resolve().parents[1] / ".cache"
DATA = "ml-1m-ultragcn"
THREADS = min(2, len(os.sched_getaffinity(0)))
LIST_LENGTH = 100
BLOCK = 500
VALIDATED_AT = 20  # the k of the validation nDCG

Matrix = sparse.csr_array
Lists = NDArray[np.int64]
"""Of shape (U, K): item numbers, best first, -1 where a list ends early."""
ScoreRows = Callable[[Matrix], NDArray[np.floating[Any]]]
"""Histories (B, I) -> the scores of all items (B, I); those of strangers too."""


@dataclass(frozen=True)
class Split:
    """What export.py wrote, as users x items matrices of ones; `refit` is `train` if no more is.

    `train`, `given` and `held_out` share items, as do `refit` and `asked`.
    """

    folder: Path
    train: Matrix
    given: Matrix
    held_out: Matrix
    refit: Matrix
    asked: Matrix

    @classmethod
    def read(cls, name: str) -> "Split":
        """Read the split of the data of this name."""
        folder = CACHE / name
        train, given, held_out, asked = (
            read(folder / f"{part}.npz") for part in ("train", "given", "held_out", "asked")
        )
        refit = folder / "refit.npz"
        return cls(folder, train, given, held_out, read(refit) if refit.exists() else train, asked)


def read(path: Path) -> Matrix:
    """Read a users x items matrix of ones."""
    return sparse.csr_array(sparse.load_npz(path), dtype=np.float32)


def parse_arguments(about: str, presets: Collection[str]) -> argparse.Namespace:
    """Read the arguments that all runners take."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("preset", choices=sorted(presets))
    parser.add_argument("--data", default=DATA, help="a name that export.py has written")
    parser.add_argument("--epochs", type=int, default=500, help="the most epochs to train")
    parser.add_argument("--budget", type=float, default=math.inf, help="seconds to choose in")
    parser.add_argument("--l2", type=float, help="EASE's l2; chosen on validation if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--refit", action="store_true", help="then train anew on all before the test"
    )
    parser.add_argument(
        "--repeats", action="store_true", help="leave lists with what they have too"
    )
    return parser.parse_args()


def batch_size(n_users: int) -> int:
    """Return the users of a step in likewise's comparisons: 500 are too few steps for a shop."""
    return min(500, max(50, n_users // 50))


def top_lists(score_rows: ScoreRows, asked: Matrix, k: int, *, repeats: bool = False) -> Lists:
    """Return the k best items of each history, without those in it unless `repeats`.

    Columns are shuffled once before the choice, so equal scores favour no item.
    """
    n_users, n_items = asked.shape
    k = min(k, n_items)
    shuffled = np.random.default_rng(0).permutation(n_items)
    lists = np.empty((n_users, k), np.int64)
    for start in range(0, n_users, BLOCK):
        block = asked[start : start + BLOCK]
        scores = np.array(score_rows(block), dtype=np.float64)
        if not repeats:
            scores[block.nonzero()] = -np.inf
        lists[start : start + BLOCK] = best_of(scores, shuffled, k)
    return lists


def best_of(scores: NDArray[np.float64], shuffled: NDArray[np.int64], k: int) -> Lists:
    """Return the k best columns of each row, ties in the order of `shuffled`."""
    scores = scores[:, shuffled]
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    value = np.take_along_axis(scores, best, axis=1)
    order = np.argsort(-value, axis=1, kind="stable")
    items = shuffled[np.take_along_axis(best, order, axis=1)]
    return np.where(np.isneginf(np.take_along_axis(value, order, axis=1)), -1, items)


def validation_ndcg(score_rows: ScoreRows, split: Split) -> float:
    """Return the nDCG@20 of a model of `train` on the validation users."""
    lists = top_lists(score_rows, split.given, VALIDATED_AT)
    return metrics.ndcg(lists, split.held_out, VALIDATED_AT)


def write_run(
    split: Split, run: str, score_rows: ScoreRows, record: dict[str, Any], repeats: bool = False
) -> None:
    """Write the test users' lists of a run, and its record beside them."""
    folder = split.folder / "lists"
    folder.mkdir(exist_ok=True)
    write_lists(top_lists(score_rows, split.asked, LIST_LENGTH), folder / f"{run}.parquet")
    if repeats:
        lists = top_lists(score_rows, split.asked, LIST_LENGTH, repeats=True)
        write_lists(lists, folder / f"{run}.repeats.parquet")
    (folder / f"{run}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(run, json.dumps(record, indent=1))


def write_lists(lists_UK: Lists, path: Path) -> None:
    """Write lists as a table: user and item, numbers from 0, and rank from 1."""
    user, place = np.nonzero(lists_UK >= 0)
    columns = {"user": user, "item": lists_UK[user, place], "rank": place + 1}
    table = pa.table({name: pa.array(column, pa.int32()) for name, column in columns.items()})
    parquet.write_table(table, path)


def read_lists(path: Path, n_users: int) -> Lists:
    """Read lists as they were written."""
    table = parquet.read_table(path)
    user, item, rank = (table[column].to_numpy() for column in ("user", "item", "rank"))
    lists = np.full((n_users, LIST_LENGTH), -1, np.int64)
    lists[user, rank - 1] = item
    return lists


def run_name(peer: str, arguments: argparse.Namespace) -> str:
    """Name a run for its files: peer-preset, and how it departs from a plain run."""
    l2 = "" if arguments.l2 is None else f"-l2_{arguments.l2:g}"
    seed = f"-seed{arguments.seed}" if arguments.seed else ""
    return f"{peer}-{arguments.preset}{l2}{seed}{'-refit' if arguments.refit else ''}"


def provenance(*packages: str) -> dict[str, Any]:
    """Return the command, the threads and the versions of a run."""
    versions = {package: version(package) for package in packages}
    return {
        "command": " ".join(sys.argv),
        "threads": THREADS,
        "versions": {"python": platform.python_version(), **versions},
    }


def peak_rss_mib() -> float:
    """Return the most memory this process has held so far, in MiB.

    Where Linux tells, not what it was forked from, which getrusage counts.
    """
    status = Path("/proc/self/status")
    for line in status.read_text().splitlines() if status.exists() else []:
        if line.startswith("VmHWM:"):
            return round(int(line.split()[1]) / 1024, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)
