"""Score rows with PyOD's ECOD and AutoEncoder; `bench/anomalies.py` calls it.

    bench/.envs/pyod/bin/python bench/peers/run_pyod.py FOLDER --seed 0

Each FOLDER/NAME.npz has `train` and `test`, of shape (n, F); FOLDER/NAME.scores.npz gets, for each
method, the test rows' scores (higher is stranger) and `seconds METHOD`.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from pyod.models.auto_encoder import AutoEncoder
from pyod.models.ecod import ECOD

# Its defaults, but that batches of 32 are smaller where there are fewer rows: it leaves out what
# does not fill a batch, and fails where nothing does.
METHODS = {
    "ECOD": lambda _seed, _n: ECOD(),
    "PyOD AutoEncoder": lambda seed, n: AutoEncoder(
        random_state=seed, verbose=0, batch_size=min(32, n)
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Score rows with PyOD.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for path in sorted(arguments.folder.glob("*.npz")):
        rows = np.load(path)  # noqa: TID251 - arrays that bench/anomalies.py wrote
        found = {}
        for name, make in METHODS.items():
            began = time.perf_counter()
            detector = make(arguments.seed, len(rows["train"])).fit(rows["train"])
            found[name] = detector.decision_function(rows["test"])
            found[f"seconds {name}"] = time.perf_counter() - began
        np.savez(path.with_suffix(".scores.npz"), **found)


if __name__ == "__main__":
    main()
