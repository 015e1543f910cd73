"""Features for a classifier: the codes of each type beside raw pixels and PCA, in one table.

    python bench/features.py --set mnist --seconds 300

For 100, 1,000 and all labels: the accuracy of logistic regression (a linear probe) and of 10
nearest neighbours on what each method makes of the images, scaled. Autoencoders and PCA learn from
all training images without labels; the probe's strength is chosen among the training labels.
"""

import argparse
import json
import time
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import records
from likewise import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StackedAutoencoder,
    UndercompleteAutoencoder,
    VariationalAutoencoder,
    load_images,
)

TYPES: dict[str, Any] = {
    "undercomplete": UndercompleteAutoencoder,
    "sparse": SparseAutoencoder,
    "denoising": DenoisingAutoencoder,
    "contractive": ContractiveAutoencoder,
    "stacked": StackedAutoencoder,
    "variational": VariationalAutoencoder,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Features for a classifier.")
    parser.add_argument("--set", choices=["mnist", "fashion-mnist"], default="mnist")
    parser.add_argument("--dimensions", type=int, default=64)
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 1000, 60_000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--seconds", type=float, default=300, help="for each autoencoder")
    parser.add_argument("--rows", type=int, help="learn from so many images only, to try it")
    parser.add_argument("--cpu", action="store_true", help="seconds are of processor time")
    arguments = parser.parse_args()
    if arguments.cpu:
        records.count_processor_seconds()
    (X, y), (T, t) = (load(arguments.set, part) for part in ("train", "test"))
    X, y = X[: arguments.rows], y[: arguments.rows]
    rows = []
    for seed in arguments.seeds:
        for name, method in methods(arguments, seed).items():
            began = time.perf_counter()
            codes, held = method.fit(X).transform(X), method.transform(T)
            seconds = time.perf_counter() - began
            for n_labels in arguments.labels:
                scores = probed(codes, y, held, t, n_labels, seed)
                rows.append(
                    {"features": name, "seed": seed, "labels": n_labels, "seconds": seconds}
                    | scores
                )
                print(json.dumps(rows[-1]), flush=True)
    if not arguments.rows:
        records.write(f"features-{arguments.set}", rows)


def load(name: str, part: str) -> tuple[np.ndarray, np.ndarray]:
    images = load_images(name, part)
    assert images.labels is not None
    return images.pixels.reshape(len(images.pixels), -1), images.labels


def methods(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Return raw pixels, PCA and each type at the same number of dimensions, scaled."""
    run = {"n_latent": arguments.dimensions, "max_seconds": arguments.seconds, "random_state": seed}
    plain = {
        "raw pixels": FunctionTransformer(),
        "PCA": PCA(arguments.dimensions, random_state=seed),
        **{name: kind(**run) for name, kind in TYPES.items()},
    }
    return {name: make_pipeline(method, StandardScaler()) for name, method in plain.items()}


def probed(
    codes: np.ndarray, y: np.ndarray, held: np.ndarray, t: np.ndarray, n_labels: int, seed: int
) -> dict[str, float]:
    chosen = np.random.default_rng(seed).permutation(len(y))[:n_labels]
    linear = GridSearchCV(
        LogisticRegression(max_iter=300), {"C": [1e-3, 1e-2, 1e-1, 1.0]}, cv=3
    ).fit(codes[chosen], y[chosen])
    neighbours = KNeighborsClassifier(10).fit(codes[chosen], y[chosen])
    return {"linear": linear.score(held, t), "10-nn": neighbours.score(held, t)}


if __name__ == "__main__":
    main()
