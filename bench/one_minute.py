"""A minute of Fashion-MNIST: the whole fit of the defaults, beside PCA at the same dimension.

    LIKEWISE_DATA=... python bench/one_minute.py --seconds 60 --dimensions 2 8 32

Nothing but the length of the code and the time limit is set: the learning rate falls to 0 by its
end. The seconds are those of the whole `fit`, from the array to the kept weights. The error is the
summed squared error of a test image, pixels in [0, 1]. `--few 500` learns from so many images only,
as one has them in a folder. Draws docs/images/error-by-dimension.png too.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

import records
from likewise import ConvolutionalAutoencoder, UndercompleteAutoencoder, load_images
from likewise.plots import error_by_dimension

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "error-by-dimension.png"

TYPES: dict[str, Any] = {
    "undercomplete": UndercompleteAutoencoder,
    "convolutional": ConvolutionalAutoencoder,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="The defaults, a minute.")
    parser.add_argument("--dimensions", type=int, nargs="+", default=[2, 8, 32])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--few", type=int, help="learn from so many images only")
    parser.add_argument("--dry", action="store_true", help="write no results")
    parser.add_argument("--cpu", action="store_true", help="seconds are of processor time")
    arguments = parser.parse_args()
    if arguments.cpu:
        records.count_processor_seconds()
    train = load_images("fashion-mnist").pixels[: arguments.few]
    test = load_images("fashion-mnist", "test").pixels
    rows = []
    for dimensions in arguments.dimensions:
        rows.append(of_pca(train, test, dimensions))
        print(json.dumps(rows[-1]), flush=True)
        for name, kind in TYPES.items():
            for seed in arguments.seeds:
                run = {"max_seconds": arguments.seconds, "random_state": seed}
                rows.append(fitted(name, kind(n_latent=dimensions, **run), train, test))
                print(json.dumps(rows[-1]), flush=True)
    if not arguments.dry:
        records.write("one-minute" + (f"-{arguments.few}" if arguments.few else ""), rows)
        if not arguments.few:
            draw(rows)


def draw(rows: list[dict[str, Any]]) -> None:
    """Draw the mean error over seeds against the length of the code."""
    found: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        found.setdefault(row["model"], {}).setdefault(row["dimensions"], []).append(row["error"])
    means = {name: {n: fmean(of) for n, of in errors.items()} for name, errors in found.items()}
    figure = error_by_dimension(means.pop("PCA"), means)
    figure.savefig(PICTURE, metadata={"Software": None})


def fitted(name: str, model: Any, train: np.ndarray, test: np.ndarray) -> dict[str, Any]:
    began = time.perf_counter()
    model.fit(train)
    seconds = time.perf_counter() - began
    return {
        "model": name,
        "dimensions": model.n_latent,
        "seed": model.random_state,
        "images": len(train),
        "error": error(test, model.reconstruct(test)),
        "seconds": seconds,
        "epochs": len(model.history_.epochs),
        "stopped": model.history_.stopped,
    }


def of_pca(train: np.ndarray, test: np.ndarray, dimensions: int) -> dict[str, Any]:
    flat, held = (part.reshape(len(part), -1) for part in (train, test))
    began = time.perf_counter()
    model = PCA(dimensions, random_state=0).fit(flat)
    seconds = time.perf_counter() - began
    found = error(held, model.inverse_transform(model.transform(held)))
    own = {"model": "PCA", "dimensions": dimensions, "images": len(train)}
    return own | {"error": found, "seconds": seconds}


def error(clean: np.ndarray, seen: np.ndarray) -> float:
    return float(np.square(clean - seen, dtype=np.float64).sum() / len(clean))


if __name__ == "__main__":
    main()
