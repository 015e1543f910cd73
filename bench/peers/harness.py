"""What every peer shares: its arguments, the split it reads, the lists and records it leaves.

Runs inside each peer's own environment, so it needs no more than numpy, scipy and pyarrow.
Shapes: B users of a block, U users, I items, K places of a list.
"""

import argparse
import json
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
THREADS = 2
LIST_LENGTH = 100
BLOCK = 500
VALIDATED_AT = 20  # the k of the validation nDCG

Matrix = sparse.csr_array
Lists = NDArray[np.int64]
"""Of shape (U, K): item numbers, best first, -1 where a list ends early."""
ScoreRows = Callable[[NDArray[np.int64]], NDArray[np.floating[Any]]]
"""Users (B,) -> their scores (B, I)."""


@dataclass(frozen=True)
class Split:
    """Users x items matrices of ones: train_full is train_fit and validation together."""

    folder: Path
    train_fit: Matrix
    validation: Matrix
    train_full: Matrix
    test: Matrix

    @classmethod
    def read(cls, name: str) -> "Split":
        """Read what make_split.py wrote for the data of this name."""
        folder = CACHE / name
        parts = ("train_fit", "validation", "train_full", "test")
        tables = [parquet.read_table(folder / f"{part}.parquet") for part in parts]
        users, items = ([table[side].to_numpy() for table in tables] for side in ("user", "item"))
        shape = tuple(1 + max(int(ids.max()) for ids in side) for side in (users, items))
        return cls(folder, *(matrix(*pair, shape) for pair in zip(users, items, strict=True)))


def matrix(user: NDArray[Any], item: NDArray[Any], shape: tuple[int, ...]) -> Matrix:
    """Make a users x items matrix of ones."""
    return sparse.csr_array((np.ones(len(user), np.float32), (user, item)), shape=shape)


def parse_arguments(about: str, presets: Collection[str]) -> argparse.Namespace:
    """Read the arguments that all runners take."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("preset", choices=sorted(presets))
    parser.add_argument("--data", default=DATA, help="a name that make_split.py has split")
    parser.add_argument("--epochs", type=int, default=500, help="the most epochs to train")
    parser.add_argument("--l2", type=float, help="EASE's l2; chosen on validation if not given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--refit", action="store_true", help="then train anew on all of train")
    return parser.parse_args()


def top_lists(score_rows: ScoreRows, seen: Matrix, k: int = LIST_LENGTH) -> Lists:
    """Return each user's k best unseen items.

    Columns are shuffled once before the choice, so equal scores favour no item.
    """
    n_users, n_items = seen.shape
    k = min(k, n_items)
    shuffled = np.random.default_rng(0).permutation(n_items)
    lists = np.empty((n_users, k), np.int64)
    for start in range(0, n_users, BLOCK):
        users = np.arange(start, min(start + BLOCK, n_users))
        scores = np.array(score_rows(users), dtype=np.float64)
        scores[seen[users].nonzero()] = -np.inf
        lists[users] = best_of(scores, shuffled, k)
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
    """Return the nDCG@20 of a model of train_fit on the validation items."""
    lists = top_lists(score_rows, split.train_fit, VALIDATED_AT)
    return metrics.ndcg(lists, split.validation, VALIDATED_AT)


def write_run(split: Split, run: str, lists_UK: Lists, record: dict[str, Any]) -> None:
    """Write a run's lists (user, item, rank from 1) and its record beside them."""
    folder = split.folder / "lists"
    folder.mkdir(exist_ok=True)
    user, place = np.nonzero(lists_UK >= 0)
    columns = {"user": user, "item": lists_UK[user, place], "rank": place + 1}
    table = pa.table({name: pa.array(column, pa.int32()) for name, column in columns.items()})
    parquet.write_table(table, folder / f"{run}.parquet")
    (folder / f"{run}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(run, json.dumps(record, indent=1))


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
    """Return the most memory this process has held so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)
