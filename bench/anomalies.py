"""Anomalies in one-class protocol: AUROC of likewise beside k-NN, LOF, IForest, PCA and PyOD's.

    bench/peers/setup.sh pyod
    LIKEWISE_DATA=... python bench/anomalies.py                 the table, all sets, three seeds
    LIKEWISE_DATA=... python bench/anomalies.py --choose        other settings, on the tables

Each class in turn is what is normal: half of its rows are learned from (standardised by them), the
other half and as many of the other classes are to be told apart. likewise's settings were chosen on
`CHOSEN_ON`, the tables; the sets of images had no part in that, and their mean stands apart.
scikit-learn's covtype and kddcup99 would have to be fetched; what ships with it is used. PyOD's
ECOD and AutoEncoder run in an environment of their own, on the same rows; `--no-peers` leaves them
out.
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

import records
from likewise import AnomalyDetector, load_images
from likewise.tables.settings import hider

Rows = Any
Method = Callable[[Rows, Rows, int], Rows]
"""(training rows, rows to score, seed) to scores, higher is stranger."""

LOADERS = {
    "wine": load_wine,
    "digits": load_digits,
    "iris": load_iris,
    "breast-cancer": load_breast_cancer,
}
CHOSEN_ON = ("wine", "digits", "iris", "breast-cancer")
OTHERS = ("fashion-mnist", "mnist")
ONLY_NORMAL = {"breast-cancer": [1]}
"""Benign; the other class is the anomaly there, and never what is normal."""
PYTHON = Path(__file__).parent / ".envs" / "pyod" / "bin" / "python"
RUNNER = Path(__file__).parent / "peers" / "run_pyod.py"

CANDIDATES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    f"{corruption} {level}, {share} hidden": (
        {"corruption": corruption, "corruption_level": level}, {"masked_fraction": share},
    )
    for corruption, level in (("masking", 0.3), ("masking", 0.5), ("swap", 0.3), ("gaussian", 0.5))
    for share in (0.1, 0.2, 0.5)
}  # fmt: skip
"""Of the model and of the detector."""


class Task(NamedTuple):
    """What is normal in which set; rows to learn from, rows to score, which of them are strange."""

    set: str
    normal: int
    seed: int
    train: Rows
    test: Rows
    strange: Rows


def main() -> None:
    parser = argparse.ArgumentParser(description="AUROC in one-class protocol.")
    parser.add_argument("sets", nargs="*", help="all of them unless named")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=2000, help="most normal rows to learn from")
    parser.add_argument("--seconds", type=float, default=60.0, help="longest training of likewise")
    parser.add_argument("--choose", action="store_true", help="compare likewise's settings instead")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--dry", action="store_true", help="write no results")
    parser.add_argument("--cpu", action="store_true", help="seconds are of processor time")
    arguments = parser.parse_args()
    if arguments.cpu:
        records.count_processor_seconds()
    with_peers = not (arguments.no_peers or arguments.choose)
    if with_peers and not PYTHON.exists():
        parser.error(f"{PYTHON} is not there: run bench/peers/setup.sh pyod, or --no-peers")
    sets = arguments.sets or [*CHOSEN_ON, *(() if arguments.choose else OTHERS)]
    methods = candidates(arguments.seconds) if arguments.choose else line_up(arguments.seconds)
    found: list[dict[str, Any]] = []
    for name in sets:
        for seed in range(arguments.seeds):
            whole = list(tasks(name, seed, arguments.rows))
            for task in whole:
                found += [judged(task, name, *own) for name, own in scored(methods, task)]
            if with_peers:
                found += of_peers(whole, seed)
        print_table([row for row in found if row["set"] == name], [name])
    print_table(found, sets)
    if not (arguments.dry or arguments.sets):
        records.write("anomalies-choice" if arguments.choose else "anomalies", found)


def candidates(seconds: float) -> dict[str, Method]:
    def method(of_model: dict[str, Any], of_detector: dict[str, Any]) -> Method:
        return lambda train, test, seed: likewise(train, test, seed, seconds, of_model, of_detector)

    return {name: method(*settings) for name, settings in CANDIDATES.items()}


def line_up(seconds: float) -> dict[str, Method]:
    return {
        "likewise": lambda train, test, seed: likewise(train, test, seed, seconds, {}, {}),
        "k-NN (5)": lambda a, b, _: NearestNeighbors(n_neighbors=5).fit(a).kneighbors(b)[0][:, -1],
        "LOF": lambda a, b, _: -LocalOutlierFactor(novelty=True).fit(a).score_samples(b),
        "IForest": lambda a, b, s: -IsolationForest(random_state=s).fit(a).score_samples(b),
        "PCA (.9)": pca,
    }


def likewise(
    train: Rows, test: Rows, seed: int, seconds: float, of_model: Any, of_detector: Any
) -> Rows:
    model = hider(len(train), random_state=seed, max_seconds=seconds, **of_model)
    detector = AnomalyDetector(model, random_state=seed, **of_detector).fit(train)
    return -detector.score_samples(test)


def pca(train: Rows, test: Rows, _: int) -> Rows:
    fitted = PCA(0.9, svd_solver="full").fit(train)
    return np.square(test - fitted.inverse_transform(fitted.transform(test))).sum(axis=1)


def scored(methods: dict[str, Method], task: Task) -> Iterator[tuple[str, tuple[Rows, float]]]:
    """Yield each method with its scores and the seconds that they took."""
    for name, score in methods.items():
        began = time.perf_counter()
        scores = score(task.train, task.test, task.seed)
        yield name, (scores, time.perf_counter() - began)


def of_peers(whole: list[Task], seed: int) -> Iterator[dict[str, Any]]:
    """Yield the peers' results on tasks: one start of their environment for all of them."""
    with tempfile.TemporaryDirectory() as folder:
        for n, task in enumerate(whole):
            np.savez(Path(folder, f"{n:03}.npz"), train=task.train, test=task.test)
        subprocess.run([PYTHON, RUNNER, folder, "--seed", str(seed)], check=True)
        for n, task in enumerate(whole):
            found = np.load(Path(folder, f"{n:03}.scores.npz"))  # noqa: TID251 - run_pyod.py's
            for name in found.files:
                if not name.startswith("seconds "):
                    yield judged(task, name, found[name], float(found[f"seconds {name}"]))


def judged(task: Task, method: str, scores: Rows, seconds: float) -> dict[str, Any]:
    auroc = float(roc_auc_score(task.strange, scores))
    own = {"set": task.set, "normal": int(task.normal), "seed": task.seed}
    return own | {"method": method, "auroc": auroc, "seconds": seconds}


def tasks(name: str, seed: int, most: int) -> Iterator[Task]:
    """Yield each class of a set as what is normal, standardised."""
    X, y = LOADERS[name](return_X_y=True) if name in LOADERS else images(name)
    for normal in ONLY_NORMAL.get(name, np.unique(y).tolist()):
        rng = np.random.default_rng([seed, normal])
        own = rng.permutation(np.flatnonzero(y == normal))
        others = rng.permutation(np.flatnonzero(y != normal))
        half = min(len(own) // 2, most)
        test = np.concatenate([own[half : 2 * half], others[: 2 * most]])
        mean, deviation = X[own[:half]].mean(axis=0), X[own[:half]].std(axis=0)
        deviation[deviation == 0] = 1.0
        train, rows = ((X[places] - mean) / deviation for places in (own[:half], test))
        yield Task(name, normal, seed, train, rows, y[test] != normal)


def images(name: str) -> tuple[Rows, Rows]:
    read = load_images(name)
    return read.pixels.reshape(len(read.pixels), -1), read.labels


def print_table(found: list[dict[str, Any]], sets: list[str]) -> None:
    others = [name for name in sets if name not in CHOSEN_ON]
    heads = [f"{name}{'*' * (name in CHOSEN_ON)}" for name in sets]
    print(f"{'AUROC, %':26}", *(f"{head:>15}" for head in heads), f"{'mean':>8} {'others':>8}")
    for method in dict.fromkeys(row["method"] for row in found):
        own = [row for row in found if row["method"] == method]
        means = {s: 100 * np.mean([r["auroc"] for r in own if r["set"] == s]) for s in sets}
        cells = " ".join(f"{means[name]:15.2f}" for name in sets)
        apart = f"{np.mean([means[s] for s in others]):8.2f}" if others else ""
        print(f"{method:26} {cells} {np.mean(list(means.values())):8.2f} {apart}", flush=True)
    if set(sets) & set(CHOSEN_ON):
        print("* likewise's settings were chosen on this set; others: the mean of the sets without")


if __name__ == "__main__":
    main()
