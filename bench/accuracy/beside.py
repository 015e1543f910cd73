"""RecBole, cornac and implicit in the line-up: fitted in their own environments, judged like all.

Each is given the split (bench/peers/export.py; not the test users' answers), chooses its settings
on the same validation users within the same budget, is fitted anew on all before the test, and
leaves the lists that it gives for the test users' histories. Held-out users are strangers to it:
EASE, item neighbours and the networks are asked with the history as they are with a known user's,
ALS solves for the user. The time of a peer's row includes the start of its program.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))

import harness
import published
from export import write
from numpy.typing import NDArray

from likewise.data.interactions import CSR
from likewise.data.split import Split
from likewise.evaluate.comparison import Comparison, Fit
from likewise.evaluate.protocol import has_repeats
from likewise.evaluate.resources import Cost
from likewise.evaluate.significance import paired_difference

BENCH = Path(__file__).resolve().parents[1]
ROWS = {
    "RecBole EASE": ("recbole", "EASE", "EASE"),
    "RecBole MultiVAE": ("recbole", "MultiVAE", "Mult-VAE"),
    "RecBole MultiVAE small batches": ("recbole", "MultiVAE-steps", "Mult-VAE"),
    "RecBole RecVAE": ("recbole", "RecVAE", "RecVAE"),
    "RecBole RecVAE small batches": ("recbole", "RecVAE-steps", "RecVAE"),
    "cornac EASE": ("cornac", "EASE", "EASE"),
    "cornac VAECF": ("cornac", "VAECF", "Mult-VAE"),
    "cornac VAECF small batches": ("cornac", "VAECF-steps", "Mult-VAE"),
    "cornac RecVAE": ("cornac", "RecVAE", "RecVAE"),
    "cornac RecVAE small batches": ("cornac", "RecVAE-steps", "RecVAE"),
    "implicit ALS": ("implicit", "ALS", None),
    "implicit cosine": ("implicit", "cosine", "item k-NN"),
    "implicit TF-IDF": ("implicit", "TFIDF", "item k-NN"),
    "implicit BM25": ("implicit", "BM25", "item k-NN"),
}
"""Row -> the program, its preset, and likewise's row of the same model.

As the program has it; and with the paper's shape and rate, in batches as small as likewise's.
"""
STOCHASTIC = [
    row for row, (_, preset, _) in ROWS.items() if "VAE" in preset or preset == "ALS"
]  # fmt: skip


@dataclass(frozen=True)
class Listed:
    """Lists that a peer has left for the test users: of what is new to them, and of all."""

    new: harness.Lists
    all: harness.Lists

    def rank(self, given: CSR, k: int, *, filter_seen: bool) -> NDArray[Any]:
        lists = self.new if filter_seen else self.all
        if len(lists) != given.shape[0]:
            raise ValueError(f"lists of {len(lists)} users, and {given.shape[0]} are asked about")
        return lists[:, :k]


@dataclass(frozen=True)
class Peer:
    """One preset of one program; `data` names its folder below bench/.cache."""

    program: str
    preset: str
    data: str
    budget: float
    walls: list[float] = field(default_factory=list)
    """Seconds of the clock of each run: the processor time of this process is not the peer's."""

    def __call__(self, split: Split, seed: int) -> Listed:
        with_repeats = has_repeats(split.test)
        command = [
            str(python_of(self.program)), str(BENCH / "peers" / f"run_{self.program}.py"),
            self.preset, "--refit",
            f"--data={self.data}", f"--budget={self.budget}", f"--seed={seed}",
            *(["--repeats"] if with_repeats else []),
        ]  # fmt: skip
        began = time.time()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())
        self.walls.append(time.time() - began)
        new, everything = self.files(seed, ".parquet"), self.files(seed, ".repeats.parquet")
        n_users = len(split.test)
        return Listed(
            harness.read_lists(new, n_users),
            harness.read_lists(everything if with_repeats else new, n_users),
        )

    def files(self, seed: int, suffix: str) -> Path:
        seeded = f"-seed{seed}" if seed else ""
        run = f"{self.program}-{self.preset}{seeded}-refit"
        return harness.CACHE / self.data / "lists" / (run + suffix)

    def cost(self, seconds: float) -> Cost:
        """Return seconds, and what its own process measured of memory, at the first seed."""
        record = json.loads(self.files(0, ".json").read_text())
        seconds = mean(self.walls) if self.walls else seconds
        peak, before = (record[key] * 2**20 for key in ("peak_rss_mib", "rss_before_fit_mib"))
        return Cost(seconds, int(peak), int(peak - before))


def environment() -> dict[str, str]:
    """Give a peer its threads and NumPy its own choice of kernels; a forced one is slower."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    return kept | dict.fromkeys(names, str(harness.THREADS))


def python_of(program: str) -> Path:
    """Return the interpreter of a program's own environment."""
    return BENCH / ".envs" / program / "bin" / "python"


def line_up(split: Split, names: Collection[str], data: str, budget: float) -> dict[str, Fit]:
    """Write the split for the peers, and return those that are named; each has to be there."""
    for program in {ROWS[row][0] for row in ROWS if row in names}:
        if not (python := python_of(program)).exists():
            raise SystemExit(f"no {python}: run bench/peers/setup.sh {program}")
    write(split, harness.CACHE / data)
    return {row: Peer(*ROWS[row][:2], data, budget) for row in ROWS if row in names}


def with_own_memory(comparison: Comparison, models: dict[str, Fit]) -> Comparison:
    """Put the memory that each peer took where that of the process that called it stands."""
    rows = [
        replace(row, cost=models[row.model].cost(row.cost.seconds)) if row.model in ROWS else row
        for row in comparison.rows
    ]
    again = comparison.with_repeats
    again = None if again is None else with_own_memory(again, models)
    return replace(comparison, rows=rows, with_repeats=again)


def differences(comparison: Comparison) -> list[dict[str, Any]]:
    """Say how far likewise is ahead of each peer, its row of the same model and `auto`.

    And how far `auto` is ahead of the blend of what was published.

    Each interval is of its pair alone: what is claimed is that every one is at least as good, and
    then none may be widened for the number of pairs.
    """
    rows = {row.model: row.per_user for row in comparison.rows}
    whose = {peer: (own, "auto") for peer, (_, _, own) in ROWS.items()}
    whose[published.NAME] = ("auto",)
    pairs = [
        (own, other)
        for other, owns in whose.items()
        for own in owns
        if other in rows and own in rows
    ]
    return [
        {"metric": metric, "likewise": own, "peer": peer, **vars(gap), "real": gap.real}
        for metric in comparison.metrics
        for own, peer in pairs
        for gap in [paired_difference(rows[own][metric], rows[peer][metric])]
    ]


def text(found: list[dict[str, Any]], metric: str) -> str:
    """Return one line for each pair."""
    return "\n".join(
        f"{one['likewise']} - {one['peer']}: {metric} {one['mean']:+.4f} "
        f"[{one['low']:+.4f}, {one['high']:+.4f}]"
        for one in found
        if one["metric"] == metric
    )
