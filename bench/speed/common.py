"""What the speed scripts share: the machine's measured limits, runs of their own, turns."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

Work = Callable[[], Any]
Lines = Mapping[str, Sequence[tuple[float, float]]]
PICTURES = Path(__file__).resolve().parents[2] / "docs" / "images"


def best_of(repeats: int, work: Work) -> float:
    """Return the least seconds of several runs."""
    return min(timed(work) for _ in range(repeats))


def timed(work: Work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(works: list[Work], repeats: int) -> list[float]:
    """Return each work's median seconds, one of each in turn, so that noise falls on both."""
    seconds = [[timed(work) for work in works] for _ in range(repeats)]
    return [median(spent) for spent in zip(*seconds, strict=True)]


def limits(quick: bool = False) -> dict[str, float]:
    """Measure what this machine can do: GFLOP/s of a float32 product, GB/s of a copy."""
    n = 1024 if quick else 4096
    A, B = torch.rand(n, n), torch.rand(n, n)
    out = torch.empty(n, n)
    multiply = best_of(5, lambda: torch.mm(A, B, out=out))
    source = np.ones((16 if quick else 64) * 2**20, np.float32)
    target = np.empty_like(source)
    copied = best_of(5, lambda: np.copyto(target, source))
    return {
        "threads": torch.get_num_threads(),
        "gflop_per_second": 2 * n**3 / multiply / 1e9,
        "gb_per_second": 2 * source.nbytes / copied / 1e9,
    }


def apart(script: str, *arguments: Any) -> dict[str, Any]:
    """Run a script's ``--one``, in a process of its own so that its peak is its own."""
    command = [sys.executable, script, "--one", *map(str, arguments)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def turns(description: str, epochs: int) -> argparse.Namespace:
    """Parse the options of a script that runs several jobs in turn, each for some epochs."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--epochs", type=int, default=epochs, help="of each run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each, in turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="try it: 2 epochs, 1 round, no record")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.epochs, arguments.rounds = 2, 1
    return arguments


def turn(python: Path | str, script: str, job: list[str], arguments: argparse.Namespace) -> Any:
    """Run one job in a process of its own, and return what it reports on its last line."""
    options = [f"--epochs={arguments.epochs}", f"--threads={arguments.threads}", "--worker", *job]
    run = subprocess.run([python, script, *options], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def peak_gib() -> float:
    """Return the most memory that this program has held (Linux); not what it was forked from."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 2**20


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float | None:
    """Return b of cost = a · sizeᵇ, by least squares of the logarithms; None of one size."""
    if len(sizes) < 2:
        return None
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def draw_growth(name: str, lines: Lines, x_label: str, y_label: str) -> None:
    """Draw costs over sizes, both on logarithmic axes, as docs/images/NAME.svg; with exponents."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4))
    for label, points in lines.items():
        sizes, costs = map(list, zip(*points, strict=True))
        b = exponent(sizes, costs)
        axes.plot(sizes, costs, "o-", label=label if b is None else f"{label}: exponent {b:.2f}")
    axes.set(xscale="log", yscale="log", xlabel=x_label, ylabel=y_label)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(PICTURES / f"{name}.svg", bbox_inches="tight")
    plt.close(figure)
