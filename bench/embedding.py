"""Embeddings of Fashion-MNIST in 2 and 10 numbers: likewise beside PCA, UMAP and t-SNE, one table.

    bench/peers/setup.sh embedding
    LIKEWISE_DATA=... python bench/embedding.py --seeds 0 1 2

Every method learns from the training images and places the test images, which it has not seen:
trustworthiness (Venna and Kaski, 2001; 10 neighbours, among 5,000 test images) and
the accuracy of 10 nearest neighbours, taken among the training images' codes. UMAP, parametric UMAP
and t-SNE run in an environment of their own, in the same run and on as many threads; without it
(`--no-peers`) they are left out. t-SNE has 2 dimensions only: its fast form (openTSNE) has no more.
Settings are chosen on the last 10,000 training images (`--choose`, which learns from the others).
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier

import records
from likewise import UndercompleteAutoencoder, load_images

PEERS = {"umap": (2, 10), "parametric-umap": (2,), "t-sne": (2,)}
"""Which dimensions each is run in: parametric UMAP takes half an hour on one thread."""
PYTHON = Path(__file__).parent / ".envs" / "embedding" / "bin" / "python"
RUNNER = Path(__file__).parent / "peers" / "run_embedding.py"
NEIGHBOURS, JUDGED = 10, 5000
OURS: dict[str, dict[str, Any]] = {
    "likewise undercomplete": {},
    "likewise undercomplete, neighbours kept": {"neighbour_weight": 1.0},
}

Rows = np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description="Embeddings of Fashion-MNIST.")
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 10])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--seconds", type=float, default=300, help="longest training of likewise")
    parser.add_argument("--rows", type=int, help="learn from so many images only, to try it")
    parser.add_argument("--choose", action="store_true", help="judge on held-out training images")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="seconds are of processor time")
    arguments = parser.parse_args()
    if arguments.cpu:
        records.count_processor_seconds()
    if not (arguments.no_peers or PYTHON.exists()):
        parser.error(f"{PYTHON} is not there: run bench/peers/setup.sh embedding, or --no-peers")
    (X, y), (T, t) = images(arguments.choose, arguments.rows)
    rows = []
    for method, dimensions, seed, codes, placed, seconds in embedded(arguments, X, T):
        judged = judge(T, t, placed, codes, y)
        row = {"method": method, "dimensions": dimensions, "seed": seed, "seconds": seconds}
        rows.append(row | judged)
        print(json.dumps(rows[-1]), flush=True)
    if not (arguments.choose or arguments.rows):
        records.write("embedding-fashion-mnist", rows)


def images(choose: bool, n_rows: int | None) -> tuple[tuple[Rows, Rows], tuple[Rows, Rows]]:
    """Return (images, classes) to learn from and to judge by."""
    X, y = flat("train")
    learned, judged = ((X[:50_000], y[:50_000]), (X[50_000:], y[50_000:])) if choose else (
        (X, y), flat("test"))  # fmt: skip
    return (learned[0][:n_rows], learned[1][:n_rows]), judged


def flat(part: str) -> tuple[Rows, Rows]:
    read = load_images("fashion-mnist", part)
    assert read.labels is not None
    return read.pixels.reshape(len(read.pixels), -1), read.labels


def embedded(
    arguments: argparse.Namespace, X: Rows, T: Rows
) -> Iterator[tuple[str, int, int, Rows, Rows, float]]:
    """Yield (method, dimensions, seed, codes of X, codes of T, seconds)."""
    for dimensions in arguments.dimensions:
        yield "PCA", dimensions, 0, *timed(PCA(dimensions, random_state=0), X, T)
        for seed in arguments.seeds:
            run = {"n_latent": dimensions, "max_seconds": arguments.seconds, "random_state": seed}
            for name, settings in OURS.items():
                model = UndercompleteAutoencoder(**run | settings)
                yield name, dimensions, seed, *timed(model, X, T)
            for name, known in PEERS.items():
                if dimensions in known and not arguments.no_peers:
                    yield name, dimensions, seed, *of_peer(name, X, T, dimensions, seed)


def timed(model: Any, X: Rows, T: Rows) -> tuple[Rows, Rows, float]:
    began = time.perf_counter()
    codes, placed = model.fit(X).transform(X), model.transform(T)
    return codes, placed, time.perf_counter() - began


def of_peer(name: str, X: Rows, T: Rows, dimensions: int, seed: int) -> tuple[Rows, Rows, float]:
    with tempfile.TemporaryDirectory() as folder:
        rows, codes = Path(folder, "rows.npz"), Path(folder, "codes.npz")
        np.savez(rows, train=X, test=T)
        options = ["--dimensions", str(dimensions), "--seed", str(seed)]
        subprocess.run([PYTHON, RUNNER, name, rows, codes, *options], check=True)
        found = np.load(codes)  # noqa: TID251 - arrays that run_embedding.py wrote
        return found["train"], found["test"], float(found["seconds"])


def judge(T: Rows, t: Rows, placed: Rows, codes: Rows, y: Rows) -> dict[str, float]:
    some = slice(None, JUDGED)
    neighbours = KNeighborsClassifier(NEIGHBOURS).fit(codes, y)
    return {
        "trustworthiness": float(trustworthiness(T[some], placed[some], n_neighbors=NEIGHBOURS)),
        "10-nn accuracy": float(neighbours.score(placed, t)),
    }


if __name__ == "__main__":
    main()
