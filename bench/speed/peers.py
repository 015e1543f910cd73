"""likewise beside RecBole, cornac, implicit, LensKit and SANSA, on the same logs and threads.

    for peer in recbole cornac implicit lenskit sansa; do bench/peers/setup.sh $peer; done
    python bench/speed/peers.py                                      # made-up logs of three sizes
    LIKEWISE_DATA=... python bench/speed/peers.py --data ml-1m-ultragcn

Fit, epochs a second, the top 100 of everyone, one basket's top 10, peak memory. Each program runs
in its own environment and process (see peer.py), one after the other. A program whose environment
is not there, or which fails or takes longer than --patience, is recorded as such.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import common  # noqa: F401 - finds records
import numpy as np
import pyarrow as pa
import pyarrow.parquet as papq
from logs import Shape, made_up
from peer import PEERS, THREADS
from scipy import sparse

import records
from likewise.data.public_sets import PUBLIC_SETS, load_split

BENCH = Path(__file__).resolve().parents[1]
SHAPES = {
    "3,000 items": Shape(6_000, 3_000, 130.0),
    "20,000 items": Shape(50_000, 20_000, 40.0),
    "90,000 items": Shape(50_000, 90_000, 60.0),
}
QUICK = Shape(500, 400, 20.0)


def main() -> None:
    parser = argparse.ArgumentParser(description="likewise beside its peers.")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--data", choices=PUBLIC_SETS, help="a public set instead of made-up logs")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--patience", type=int, default=3600, help="seconds for each run")
    parser.add_argument("--quick", action="store_true", help="try it: small, nothing written")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for label in logs(arguments):
            log = Path(folder, "log.parquet")
            write(log, purchases(label))
            for name in arguments.peers:
                rows.append({"log": label, "threads": THREADS} | run(name, log, arguments.patience))
                print(json.dumps(rows[-1]), flush=True)
    if not arguments.quick:
        records.write(
            "-".join(["speed-peers", *([arguments.data] if arguments.data else [])]), rows
        )


def logs(arguments: argparse.Namespace) -> list[str]:
    """Return the names of the logs that are asked for."""
    if arguments.quick:
        return ["quick"]
    return [arguments.data] if arguments.data else arguments.shapes


def purchases(label: str) -> sparse.csr_array:
    """Return what is learned from: a public set's all before its test, or a made-up log."""
    if label in PUBLIC_SETS:
        return load_split(label).refit.matrix
    return made_up(SHAPES.get(label, QUICK))


def write(path: Path, X: sparse.csr_array) -> None:
    """Write the pairs; what nobody bought is numbered away, as peers number what they see."""
    user, item = X.nonzero()
    _, item = np.unique(item, return_inverse=True)
    papq.write_table(pa.table({"user": user.astype(np.int64), "item": item}), path)


def run(name: str, log: Path, patience: int) -> dict[str, Any]:
    peer = name.partition("-")[0]
    python = BENCH / ".envs" / peer / "bin" / "python"
    if peer == "likewise":
        python = Path(sys.executable)
    if not python.exists():
        return {"name": name, "failed": f"no environment: bench/peers/setup.sh {peer}"}
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"),
        str(THREADS),
    )
    if name == "implicit-ALS":
        threads["OPENBLAS_NUM_THREADS"] = "1"  # as implicit asks: its own threads do the work
    command = [str(python), str(BENCH / "speed" / "peer.py"), name, str(log)]
    environment = {**os.environ, **threads}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=patience, env=environment
        )
    except subprocess.TimeoutExpired:
        return {"name": name, "failed": f"not done after {patience} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1]
        return {"name": name, "failed": f"exit {done.returncode}: {last[:300]}"}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
