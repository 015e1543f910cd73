"""From a file of ten million purchases to a model folder, within 4 GB: seconds and peak memory.

    python bench/fit_large.py --rows 10000000 --items 20000 --memory 4GB

The log is made up (string ids, half a million customers, popularity that falls off as shops' does).
Each command runs as a user types it, in a process of its own, so that its peak is its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb

import records

LOG = """
SELECT 'c' || lpad(CAST(floor(power(random(), 2) * {users}) AS INT)::VARCHAR, 8, '0') AS customer,
  'sku-' || CAST(floor(power(random(), 3) * {items}) AS INT)::VARCHAR AS sku,
  TIMESTAMP '2024-01-01' + to_seconds(CAST(random() * 3e7 AS INT)) AS date,
  CAST(1 + floor(random() * 5) AS INT) AS qty
FROM range({rows})
"""
FITS: dict[str, list[str]] = {
    "the default": [],
    "linear": ["--model", "linear"],
    "neighbourhood": ["--model", "neighbourhood"],
    "Mult-VAE": ["--model", "variational"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Ten million purchases within 4 GB.")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--memory", default="4GB")
    parser.add_argument("--budget", default="120")
    parser.add_argument("--fits", nargs="+", choices=FITS, default=list(FITS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log.csv")
        made = LOG.format(rows=arguments.rows, users=arguments.rows // 20, items=arguments.items)
        duckdb.sql(f"COPY ({made}) TO '{log}'")
        rows = [row(name, log, Path(folder, "shop.model"), arguments) for name in arguments.fits]
    settings = {k: v for k, v in vars(arguments).items() if k != "fits"}
    records.write("fit-large", {**settings, "fits": rows})


def row(name: str, log: Path, out: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    options = [*FITS[name], "--memory", arguments.memory]
    if name in {"the default", "Mult-VAE"}:
        options += ["--budget", arguments.budget]
    command = ["-m", "likewise", "fit", str(log), "--out", str(out), "--quiet", *options]
    began = time.perf_counter()
    child = subprocess.Popen([sys.executable, *command])
    _, status, usage = os.wait4(child.pid, 0)
    found = {
        "fit": name,
        "options": options,
        "exit": os.waitstatus_to_exitcode(status),
        "seconds": time.perf_counter() - began,
        "peak_gb": usage.ru_maxrss * 1024 / 1e9,
    }
    print(json.dumps(found), flush=True)
    return found


if __name__ == "__main__":
    main()
