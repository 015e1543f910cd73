"""MNIST in a few numbers: the summed squared error of a test image, in one table.

    python bench/reduction_mnist.py --seconds 900 --seeds 0 1 2

PCA, the net of Hinton and Salakhutdinov (784-1000-500-250-30) pre-trained by Boltzmann machines and
not, and the same widths of SiLU under Muon with augmented images, with the encoder's codes and
with the nearest ones; "wide" is for a CUDA device. Pixels lie in [0, 1]. Settings are those below,
chosen on the last 10,000 training images (`--choose` scores them there, and trains on the other
50,000); without it the test images are read once for each row.
"""

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

import records
from likewise import DeepAutoencoder, load_images

HIDDEN = (1000, 500, 250)
SHARED: dict[str, Any] = {
    "hidden": HIDDEN,
    "batch_size": 1000,
    "max_epochs": 100_000,  # the time limit ends each run, and the learning rate falls towards it
    "validation_fraction": 0.0,
}
MODELS: dict[str, dict[str, Any]] = {
    "Boltzmann machines, fine-tuned": {
        "pretrain": True,
        "pretrain_epochs": 10,
        "loss": "bernoulli",
    },
    "sigmoids, directly": {"pretrain": False, "activation": "sigmoid", "loss": "bernoulli"},
    "SiLU, directly": {"pretrain": False, "activation": "silu"},
    "SiLU, augmented": {
        "pretrain": False, "activation": "silu", "augment": True, "precision": "bfloat16",
    },
    "SiLU, augmented, wide": {
        "pretrain": False, "activation": "silu", "augment": True, "precision": "bfloat16",
        "hidden": (4000, 2000, 1000),
    },
}  # fmt: skip
PROJECTION_STEPS = 10
"""Of the rows with nearest codes; the same fitted net, so that its training is not paid twice."""


def main() -> None:
    parser = argparse.ArgumentParser(description="MNIST in a few numbers.")
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--dimensions", type=int, default=30)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--rows", type=int, help="train on so many images only, to try it")
    parser.add_argument("--choose", action="store_true", help="score on held-out training images")
    parser.add_argument("--cpu", action="store_true", help="seconds are of processor time")
    parser.add_argument("--name", default="reduction-mnist", help="of the file in bench/results")
    arguments = parser.parse_args()
    if arguments.cpu:
        records.count_processor_seconds()
    train, test = images(arguments.choose, arguments.rows)
    rows = [pca(train, test, arguments.dimensions)]
    print(json.dumps(rows[0]), flush=True)
    for name in arguments.models:
        for seed in arguments.seeds:
            for found in rows_of(name, train, test, arguments, seed):
                rows.append(found)
                print(json.dumps(found), flush=True)
    if not (arguments.choose or arguments.rows):
        records.write(arguments.name, rows)


def images(choose: bool, n_rows: int | None) -> tuple[np.ndarray, np.ndarray]:
    train = load_images("mnist").pixels
    train, test = (
        (train[:50_000], train[50_000:]) if choose else (train, load_images("mnist", "test").pixels)
    )
    return train[:n_rows], test


def pca(train: np.ndarray, test: np.ndarray, n_dimensions: int) -> dict[str, Any]:
    flat, held = (part.reshape(len(part), -1) for part in (train, test))
    model = PCA(n_dimensions, random_state=0).fit(flat)
    return {"model": "PCA", "test": error(held, model.inverse_transform(model.transform(held)))}


def rows_of(
    name: str, train: np.ndarray, test: np.ndarray, arguments: argparse.Namespace, seed: int
) -> Iterator[dict[str, Any]]:
    settings = SHARED | MODELS[name] | {"n_latent": arguments.dimensions, "random_state": seed}
    began = time.perf_counter()
    model = DeepAutoencoder(**settings, max_seconds=arguments.seconds).fit(train)
    seconds = time.perf_counter() - began
    for codes, steps in (("the encoder's", 0), ("nearest", PROJECTION_STEPS)):
        began = time.perf_counter()
        model.set_params(projection_steps=steps)
        yield {
            "model": name,
            "codes": codes,
            "seed": seed,
            "test": error(test, model.reconstruct(test)),
            "seconds_to_answer": time.perf_counter() - began,
            "train": error(train[:2_000], model.reconstruct(train[:2_000])),
            "seconds": seconds,
            "epochs": len(model.history_.epochs),
        }


def error(clean: np.ndarray, seen: np.ndarray) -> float:
    return float(np.square(clean - seen, dtype=np.float64).sum() / len(clean))


if __name__ == "__main__":
    main()
