"""`likewise doctor`: what this machine has, and whether likewise works on it."""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import typer

from likewise.cli import options as o
from likewise.cli.output import Output
from likewise.extras import EXTRAS, how_to_install, is_installed

PACKAGES = (
    "likewise",
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "duckdb",
    "pyarrow",
    "safetensors",
)


def command(as_json: o.Json = False, quiet: o.Quiet = False) -> None:
    """Say what this machine has, and try the main paths.

    Example:

      likewise doctor
    """
    output = Output(as_json, quiet)
    facts = _facts()
    checks = {name: _outcome(check) for name, check in CHECKS.items()}
    for name, value in facts.items():
        output.lines(f"{name:<16}{value}")
    for name, outcome in checks.items():
        output.lines(f"{name:<16}{outcome or 'ok'}")
    output.json({"facts": facts, "checks": {k: v or "ok" for k, v in checks.items()}})
    if any(checks.values()):
        raise typer.Exit(1)


def _facts() -> dict[str, str]:
    import torch

    from likewise.memory import available_memory, size
    from likewise.nn.device import resolve_device, use_bfloat16

    device = resolve_device("auto")
    return {
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        **{name: _version(name) for name in PACKAGES},
        "cores": f"{os.cpu_count()} (torch uses {torch.get_num_threads()})",
        "memory free": size(available_memory()),
        "device": f"{device} ({'bfloat16' if use_bfloat16('auto', device) else 'float32'})",
        "speed": f"{_gigaflops():.0f} GFLOP/s in float32 products",
        **{
            f"extra {extra}": "installed" if is_installed(extra) else how_to_install(extra)
            for extra in EXTRAS
        },
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _gigaflops() -> float:
    import torch

    table = torch.ones(1500, 1500)
    table @ table
    began = time.perf_counter()
    table @ table
    return float(2 * 1500**3 / (time.perf_counter() - began) / 1e9)


def _check_inverse() -> None:
    import numpy as np

    from likewise.autoencoders import LinearAutoencoder

    X = np.random.default_rng(0).random((200, 40), dtype=np.float32)
    B = LinearAutoencoder(l2=1.0).fit(X).B_
    P = np.linalg.inv(X.T.astype(np.float64) @ X + np.eye(40))
    error = np.abs(B - (np.eye(40) - P / np.diag(P))).max()
    if error > 1e-3:
        raise ArithmeticError(f"the inverse is off by {error:.1e}: this LAPACK computes wrongly")


def _check_round_trip() -> None:
    from likewise.recommend.folder import load
    from likewise.recommend.recommender import Recommender

    baskets = [["tea", "cup"], ["tea", "cup", "milk"], ["ink", "pen"]]
    recommender = Recommender().fit(baskets)
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "shop.model"
        recommender.save(folder)
        again: Any = load(folder)
    if again.recommend([["tea"]], 1)[0][0].item != "cup":
        raise ArithmeticError("a saved model answers otherwise than it did")


def _check_log() -> None:
    from likewise.data.log import read_log

    with tempfile.TemporaryDirectory() as parent:
        path = Path(parent) / "orders.csv"
        path.write_text("customer,sku\nann,007\nbob,007\n")
        items = read_log(path).items.ids.tolist()
    if items != ["007"]:
        raise ArithmeticError(f"a CSV with the item 007 was read as {items}")


CHECKS: dict[str, Callable[[], None]] = {
    "reading a log": _check_log,
    "linear algebra": _check_inverse,
    "model folder": _check_round_trip,
}


def _outcome(check: Callable[[], None]) -> str:
    """Return what went wrong, nothing if nothing did."""
    try:
        check()
    except Exception as error:  # noqa: BLE001 - a doctor reports whatever is wrong
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return f"FAILED: {error}"
    return ""
