"""How fast autoencoders learn by back-propagation: beside RecBole, by size, and beside the limit.

    LIKEWISE_DATA=... python bench/speed/neural.py [--quick]

Mult-VAE and RecVAE of likewise and MultiVAE of RecBole (in its own environment, which
bench/peers/setup.sh recbole makes) pass the training part of the shared split of ml-1m-ultragcn in
turn, each for some epochs in a process of its own; made-up logs of up to 100,000 items follow. Each
row has the median seconds of an epoch without its validation, users per second, the peak memory of
the process, and the products' floating-point operations over what the machine reaches on one large
product in the same precision. RecBole's row says how many times as many epochs likewise passes.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from common import turn, turns

HERE = Path(__file__).resolve().parent
PEERS = HERE.parent / "peers"
sys.path[:0] = [str(HERE.parent), str(PEERS)]

DATA = "ml-1m-ultragcn"
RECBOLE = HERE.parent / ".envs" / "recbole" / "bin" / "python"
PEER = "RecBole MultiVAE"
LIKE_PEER = "likewise Mult-VAE"  # what RecBole's is compared with
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    LIKE_PEER: ("VariationalAutoencoder", {}),
    "likewise Mult-VAE float32": ("VariationalAutoencoder", {"precision": "float32"}),
    "likewise RecVAE": ("RecVAE", {}),
}
CATALOGUES = [
    (10_000, 20_000, "auto"),
    (30_000, 10_000, "auto"),
    (100_000, 4_000, "blocked"),
    (100_000, 4_000, "sampled"),
]
"""(items, users, output)."""


def main() -> None:
    arguments = turns("Epochs per second, beside RecBole and the limit.", epochs=10)
    if arguments.worker:
        print(json.dumps(WORKERS[arguments.worker[0]](arguments, *arguments.worker[1:])))
        return
    import records

    jobs = [["likewise", name] for name in MODELS]
    if RECBOLE.exists():
        jobs.append(["recbole"])
    else:
        print(f"no {RECBOLE}: RecBole is left out; bench/peers/setup.sh recbole", file=sys.stderr)
    subprocess.run([sys.executable, str(PEERS / "export.py"), DATA], check=True)
    peak = run(["peak"], arguments)
    found: dict[str, list[dict[str, Any]]] = {}
    for _ in range(arguments.rounds):  # in turn, so that noise falls on all
        for job in jobs:
            row = run(job, arguments)
            found.setdefault(row["run"], []).append(row)
    rows = [summary(rounds, peak) for rounds in found.values()]
    rows += [
        summary([run(["catalogue", *map(str, size)], arguments)], peak)
        for size in CATALOGUES[:: 3 if arguments.quick else 1]
    ]
    compare(rows)
    for row in rows:
        print(json.dumps(row))
    if not arguments.quick:
        records.write("neural-speed", {"peak_gflops": peak, "rows": rows})


def run(job: list[str], arguments: argparse.Namespace) -> Any:
    return turn(RECBOLE if job[0] == "recbole" else sys.executable, __file__, job, arguments)


def summary(rounds: list[dict[str, Any]], peak: dict[str, float]) -> dict[str, Any]:
    """Return one row of several rounds: medians, and the share of the limit."""
    row = rounds[0] | {
        "seconds_per_epoch": median(s for one in rounds for s in one["seconds"]),
        "peak_rss_mib": max(one["peak_rss_mib"] for one in rounds),
    }
    row["users_per_second"] = round(row["users"] / row["seconds_per_epoch"])
    if "gflop" in row:
        limit = row["gflop"] / peak[row["precision"]]
        row |= {"seconds_at_peak": limit, "share_of_peak": limit / row["seconds_per_epoch"]}
    return row


def compare(rows: list[dict[str, Any]]) -> None:
    """Write into RecBole's row how many times as many epochs likewise passes in the same time."""
    seconds = {row["run"]: row["seconds_per_epoch"] for row in rows}
    for row in rows:
        if row["run"] == PEER:
            row["likewise_epochs_for_one"] = row["seconds_per_epoch"] / seconds[LIKE_PEER]


# What runs in processes of their own


def run_likewise(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    from harness import Split

    kind, parameters = MODELS[name]
    return timed(name, kind, parameters, Split.read(DATA).train, arguments)


def run_catalogue(
    arguments: argparse.Namespace, items: str, users: str, output: str
) -> dict[str, Any]:
    from logs import Shape, made_up

    X = made_up(Shape(int(users), int(items), 30.0))
    arguments.epochs = min(arguments.epochs, 3)
    name = f"likewise Mult-VAE, {int(items):,} made-up items, {output}"
    return timed(name, "VariationalAutoencoder", {"output": output}, X, arguments)


def timed(
    name: str, kind: str, parameters: dict[str, Any], X: Any, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Let the rows pass; an epoch's seconds are those of its training."""
    import harness
    import torch

    from likewise import autoencoders

    torch.set_num_threads(arguments.threads)
    model = getattr(autoencoders, kind)(
        max_epochs=arguments.epochs, validation_fraction=0.0, random_state=0, **parameters
    ).fit(X)
    row = {
        "run": name,
        "seconds": [epoch["seconds"] for epoch in model.history_.epochs],
        "users": X.shape[0],
        "items": X.shape[1],
        "peak_rss_mib": harness.peak_rss_mib(),
        "precision": "bfloat16" if model._plan().bfloat16 else "float32",
    }
    sampled = parameters.get("output") == "sampled"
    return row if sampled or kind == "RecVAE" else row | {"gflop": gflop(model, X.shape[0])}


def gflop(model: Any, n_users: int) -> float:
    """Return the operations of an epoch's dense products: forward, and twice that back.

    The first layer reads sparse rows and is left out.
    """
    layers = [m for m in model.net_.modules() if type(m).__name__ == "Linear"]
    return sum(3 * 2 * n_users * m.in_features * m.out_features for m in layers) / 1e9


def run_recbole(arguments: argparse.Namespace) -> dict[str, Any]:
    """Pass the same rows in RecBole's own loop."""
    import contextlib
    import warnings

    import fitting
    import harness
    import run_recbole as peer
    import torch

    sys.argv = sys.argv[:1]  # RecBole would read the command line too
    warnings.filterwarnings("ignore", category=FutureWarning)
    torch.set_num_threads(arguments.threads)
    split = harness.Split.read(DATA)
    work = split.folder / "recbole"
    work.mkdir(exist_ok=True)
    settings = peer.PRESETS["MultiVAE-paper"] | {"seed": 0, "epochs": arguments.epochs}
    with contextlib.chdir(work), contextlib.redirect_stdout(sys.stderr):
        config, data = peer.prepare(split.train, "MultiVAE", settings)
        watch = fitting.Watch()
        peer.train(config, data, watch)
    return {
        "run": PEER,
        "seconds": watch.seconds,
        "users": split.train.shape[0],
        "items": split.train.shape[1],
        "peak_rss_mib": harness.peak_rss_mib(),
        "precision": "float32",
    }


def run_peak(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the GFLOP/s that one large product reaches, by precision: the best of many."""
    import torch

    torch.set_num_threads(arguments.threads)
    n = 2048
    return {
        str(kind).removeprefix("torch."): 2 * n**3 / 1e9 / best_of_ten(torch.randn(n, n).to(kind))
        for kind in (torch.float32, torch.bfloat16)
    }


def best_of_ten(A: Any) -> float:
    seconds = []
    for _ in range(10):
        began = time.perf_counter()
        A @ A
        seconds.append(time.perf_counter() - began)
    return min(seconds)


WORKERS = {
    "likewise": run_likewise,
    "catalogue": run_catalogue,
    "recbole": run_recbole,
    "peak": run_peak,
}


if __name__ == "__main__":
    main()
