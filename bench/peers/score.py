"""Score every run's lists on the test items, print one table and write the rows of results.

    python bench/peers/score.py [ml-1m-ultragcn]
    python bench/peers/score.py --beside likewise-MultVAE-128 recbole-MultiVAE-b500

Any Python with numpy, scipy and pyarrow will do. A run is a pair of files NAME.parquet (user, item,
rank from 1) and NAME.json in bench/.cache/DATA/lists/, whoever wrote it. The rows go to
bench/results/peers-DATA.json. `--beside` takes two runs alone, each with all seeds that it was made
with, says how far the first is ahead (paired, user by user), and writes to a file of its own.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import metrics
import numpy as np
from harness import CACHE, DATA, Lists, Matrix, read, read_lists
from scipy import sparse

RESULTS = Path(__file__).resolve().parents[1] / "results"
COLUMNS = {  # key of a row -> heading, format
    "recall@20": ("recall@20", ".4f"),
    "ndcg@20": ("nDCG@20", ".4f"),
    "ndcg@100": ("nDCG@100", ".4f"),
    "seconds_per_epoch": ("s/epoch", ".3f"),
    "epochs": ("epochs", "d"),
    "best_epoch": ("best", "d"),
    "training_seconds_to_best": ("train s to best", ".1f"),
    "wall_seconds_to_best": ("wall s to best", ".1f"),
    "total_fit_seconds": ("fit s", ".2f"),
    "peak_rss_mib": ("peak MiB", ".0f"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Score the lists of every run.")
    parser.add_argument("data", nargs="?", default=DATA)
    parser.add_argument("--beside", nargs=2, metavar="RUN")
    arguments = parser.parse_args()
    data, pair = arguments.data, arguments.beside
    asked, answers = (read(CACHE / data / f"{part}.npz") for part in ("asked", "answers"))
    here = provenance()
    paths = sorted((CACHE / data / "lists").glob("*.parquet"))
    paths = [path for path in paths if not path.stem.endswith(".repeats")]
    if pair is not None:
        paths = of_pair(paths, pair)
    rows = [{"data": data, **scored(path, asked, answers), **here} for path in paths]
    rows.sort(key=lambda row: -row["ndcg@20"])
    RESULTS.mkdir(exist_ok=True)
    name, found = f"peers-{data}", rows
    if pair is not None:
        name += f"-{pair[0]}-beside-{pair[1]}"
        gaps = [ahead(paths, pair, answers, k) for k in (20, 100)]
        found = [*rows, *gaps]
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    print_table(rows)
    if pair is not None:
        print(*map(json.dumps, gaps), sep="\n")


def scored(path: Path, asked: Matrix, answers: Matrix) -> dict[str, Any]:
    """Return a run's quality with the record that stands beside its lists."""
    lists = checked_lists(path, asked)
    record = json.loads(path.with_suffix(".json").read_text())
    fit_seconds = record.get("fit_seconds", {}).get("fit")
    return {
        "run": path.stem,
        "recall@20": metrics.recall(lists, answers, 20),
        "ndcg@20": metrics.ndcg(lists, answers, 20),
        "ndcg@100": metrics.ndcg(lists, answers, 100),
        **({} if fit_seconds is None else {"total_fit_seconds": fit_seconds}),
        **record,
    }


def of_pair(paths: list[Path], pair: list[str]) -> list[Path]:
    """Return the lists of two runs; refuse a run that is not there, and unequal seeds."""
    runs = [path.stem.partition("-seed")[0] for path in paths]
    counts = [runs.count(run) for run in pair]
    if not all(counts) or counts[0] != counts[1]:
        raise SystemExit(
            f"{pair[0]} has lists of {counts[0]} seeds, {pair[1]} of {counts[1]}; there are "
            f"{', '.join(sorted(set(runs))) or 'no runs'}: make both with the same seeds"
        )
    return [path for path, run in zip(paths, runs, strict=True) if run in pair]


def ahead(paths: list[Path], pair: list[str], answers: Matrix, k: int) -> dict[str, Any]:
    """Return how far the first run is ahead in nDCG, the mean over its seeds, and a 95 % interval.

    Over users, who are many enough for the normal distribution.
    """
    first, second = (
        np.mean(
            [
                metrics.ndcg_U(read_lists(path, answers.shape[0]), answers, k)
                for path in paths
                if path.stem.partition("-seed")[0] == run
            ],
            axis=0,
        )
        for run in pair
    )
    gap = first - second
    half = 1.96 * gap.std(ddof=1) / np.sqrt(len(gap))
    mean = float(gap.mean())
    return {
        "metric": f"ndcg@{k}",
        "pair": pair,
        "ahead": mean,
        "low": float(mean - half),
        "high": float(mean + half),
    }


def checked_lists(path: Path, asked: Matrix) -> Lists:
    """Read a run's lists; refuse one that recommends what the user was known to have."""
    lists = read_lists(path, asked.shape[0])
    user, place = np.nonzero(lists >= 0)
    ones = np.ones(len(user), np.float32)
    listed = sparse.csr_array((ones, (user, lists[user, place])), shape=asked.shape)
    if (listed > 1).nnz:  # equal pairs are summed
        raise SystemExit(f"{path.name} names an item twice for a user")
    if listed.multiply(asked).nnz:
        raise SystemExit(f"{path.name} recommends what the user has; leave it out")
    return lists


def provenance() -> dict[str, Any]:
    """Return the commit and the machine that the rows belong to."""
    return {
        "scored_by": " ".join(sys.argv),
        "commit": git("rev-parse", "HEAD"),
        "uncommitted": bool(git("status", "--porcelain", "--", "src", "bench/peers")),
        "machine": {
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "system": platform.platform(terse=True),
        },
    }


def git(*words: str) -> str:
    program = shutil.which("git")
    if program is None:
        return ""
    folder = Path(__file__).parent
    result = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True)
    return result.stdout.strip()


def cpu_model() -> str:
    listing = Path("/proc/cpuinfo")
    for line in listing.read_text().splitlines() if listing.exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print the rows as a Markdown table."""
    headings = ["run", "trained on", *(heading for heading, _ in COLUMNS.values())]
    print("| " + " | ".join(headings) + " |")
    print("|---|---|" + "---:|" * len(COLUMNS))
    for row in rows:
        values = (
            format(row[key], form) if key in row else "" for key, (_, form) in COLUMNS.items()
        )
        print("| " + " | ".join([row["run"], row.get("trained_on", ""), *values]) + " |")


if __name__ == "__main__":
    main()
