"""Anomalies in one-class protocol: AUROC of likewise beside k-NN, LOF, IForest, PCA and PyOD's.

    python bench/anomalies.py                                       scikit-learn's real sets
    LIKEWISE_DATA=... python bench/anomalies.py mnist fashion-mnist --rows 2000
    bench/.envs/anomalies/bin/python bench/anomalies.py --peers     with ECOD and PyOD's AutoEncoder

Each class in turn is what is normal: half of its rows are learned from (standardised by them), the
other half and an equal share of every other class are to be told apart. scikit-learn's covtype and
kddcup99 would have to be fetched; what ships with it is used. `--peers` needs an environment of its
own (bench/peers/setup.sh anomalies), in which likewise is installed too.
"""

import argparse
import gzip
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

import records
from likewise import AnomalyDetector

Method = Callable[[Any, Any, int], Any]
"""(training rows, rows to score, seed) to scores, higher is stranger."""

LOADERS = {
    "breast-cancer": load_breast_cancer,
    "wine": load_wine,
    "iris": load_iris,
    "digits": load_digits,
}
NORMAL_IN_BREAST_CANCER = 1
"""Benign; the other class is the anomaly there, and never what is normal."""


def main() -> None:
    parser = argparse.ArgumentParser(description="AUROC in one-class protocol.")
    parser.add_argument("sets", nargs="*", default=list(LOADERS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=2000, help="most normal rows to learn from")
    parser.add_argument("--seconds", type=float, default=60.0, help="longest training of likewise")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--dry", action="store_true", help="write no results")
    arguments = parser.parse_args()
    methods = line_up(arguments.seconds) | (peers() if arguments.peers else {})
    found = [
        {"set": name, "normal": normal, "seed": seed, "method": method, **judged}
        for name in arguments.sets
        for seed in range(arguments.seeds)
        for normal, train, test, strange in tasks(name, seed, arguments.rows)
        for method, judged in judge(methods, train, test, strange, seed)
    ]
    print_table(found, arguments.sets)
    if not arguments.dry:
        records.write("anomalies-" + "-".join(arguments.sets), found)


def line_up(seconds: float) -> dict[str, Method]:
    def likewise(train: Any, test: Any, seed: int) -> Any:
        detector = AnomalyDetector(max_seconds=seconds, random_state=seed).fit(train)
        return -detector.score_samples(test)

    return {
        "likewise": likewise,
        "k-NN (5)": lambda a, b, _: NearestNeighbors(n_neighbors=5).fit(a).kneighbors(b)[0][:, -1],
        "LOF": lambda a, b, _: -LocalOutlierFactor(novelty=True).fit(a).score_samples(b),
        "IForest": lambda a, b, s: -IsolationForest(random_state=s).fit(a).score_samples(b),
        "PCA (.9)": pca,
    }


def pca(train: Any, test: Any, _: int) -> Any:
    fitted = PCA(0.9, svd_solver="full").fit(train)
    return np.square(test - fitted.inverse_transform(fitted.transform(test))).sum(axis=1)


def peers() -> dict[str, Method]:
    from pyod.models.auto_encoder import AutoEncoder
    from pyod.models.ecod import ECOD

    def autoencoder(train: Any, test: Any, seed: int) -> Any:
        return AutoEncoder(random_state=seed, verbose=0).fit(train).decision_function(test)

    return {
        "ECOD": lambda a, b, _: ECOD().fit(a).decision_function(b),
        "PyOD AutoEncoder": autoencoder,
    }


def judge(
    methods: dict[str, Method], train: Any, test: Any, strange: Any, seed: int
) -> Iterator[tuple[str, dict[str, float]]]:
    for name, score in methods.items():
        began = time.perf_counter()
        auroc = roc_auc_score(strange, score(train, test, seed))
        yield name, {"auroc": float(auroc), "seconds": time.perf_counter() - began}


def tasks(name: str, seed: int, most: int) -> Iterator[tuple[int, Any, Any, Any]]:
    """Yield (normal class, training rows, test rows, whether each is strange), standardised."""
    X, y = LOADERS[name](return_X_y=True) if name in LOADERS else images(name)
    normals = [NORMAL_IN_BREAST_CANCER] if name == "breast-cancer" else np.unique(y).tolist()
    for normal in normals:
        rng = np.random.default_rng([seed, normal])
        own = rng.permutation(np.flatnonzero(y == normal))
        others = rng.permutation(np.flatnonzero(y != normal))
        half = min(len(own) // 2, most)
        test = np.concatenate([own[half : 2 * half], others[: 2 * most]])
        mean, deviation = X[own[:half]].mean(axis=0), X[own[:half]].std(axis=0)
        deviation[deviation == 0] = 1.0
        train, rows = ((X[places] - mean) / deviation for places in (own[:half], test))
        yield normal, train, rows, y[test] != normal


def images(name: str) -> tuple[Any, Any]:
    folder = Path(os.environ["LIKEWISE_DATA"]) / name
    pixels, labels = (
        np.frombuffer(gzip.decompress((folder / file).read_bytes()), np.uint8, offset=offset)
        for file, offset in (("train-images-idx3-ubyte.gz", 16), ("train-labels-idx1-ubyte.gz", 8))
    )
    return pixels.reshape(len(labels), -1).astype(np.float32) / 255, labels


def print_table(found: list[dict[str, Any]], sets: list[str]) -> None:
    print(f"{'AUROC, %':20}", *(f"{name:>14}" for name in sets), f"{'mean':>8} {'seconds':>8}")
    for method in dict.fromkeys(row["method"] for row in found):
        own = [row for row in found if row["method"] == method]
        means = [100 * np.mean([r["auroc"] for r in own if r["set"] == name]) for name in sets]
        seconds = np.mean([row["seconds"] for row in own])
        cells = " ".join(f"{mean:14.2f}" for mean in means)
        print(f"{method:20} {cells} {np.mean(means):8.2f} {seconds:8.2f}")


if __name__ == "__main__":
    main()
