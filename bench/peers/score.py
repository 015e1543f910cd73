"""Score every run's lists on the test items, print one table and write the rows of results.

    python bench/peers/score.py [ml-1m-ultragcn]

Any Python with numpy, scipy and pyarrow will do. A run is a pair of files NAME.parquet (user, item,
rank from 1) and NAME.json in bench/.cache/DATA/lists/, whoever wrote it. The rows go to
bench/results/peers-DATA.json.
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
    data = parser.parse_args().data
    asked, answers = (read(CACHE / data / f"{part}.npz") for part in ("asked", "answers"))
    here = provenance()
    paths = sorted((CACHE / data / "lists").glob("*.parquet"))
    paths = [path for path in paths if not path.stem.endswith(".repeats")]
    rows = [{"data": data, **scored(path, asked, answers), **here} for path in paths]
    rows.sort(key=lambda row: -row["ndcg@20"])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"peers-{data}.json").write_text(json.dumps(rows, indent=1) + "\n")
    print_table(rows)


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
