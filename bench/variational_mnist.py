"""The likelihood of binarised MNIST: variational autoencoders under three bounds, in one table.

    python bench/variational_mnist.py --binarised dynamic --seconds 1200 --samples 5000

Pixels are binarised once, at a fixed threshold of 1/2 ("fixed"), or are probabilities of ones that
are drawn anew each time that a training image passes ("dynamic"; test images are drawn once). The
two have likelihoods of their own: drawn pixels are noisier. The test likelihood is estimated by
importance sampling with S samples for `--test-rows` images (all 10,000 take S passes of them all).
`--choose` learns from the first 50,000 training images and judges by the others, for `--set`:

    python bench/variational_mnist.py --choose --seconds 300 --samples 100 --test-rows 1000 \
        --bounds "IWAE, K = 5" --set learning_rate=0.02 batch_size=500
"""

import argparse
import json
import time
from typing import Any

import numpy as np

import records
from likewise import VariationalAutoencoder, load_images

SHARED: dict[str, Any] = {
    "n_latent": 50,
    "hidden": (512, 512),
    "loss": "bernoulli",
    "batch_size": 1000,
    "learning_rate": 0.015,
    "precision": "bfloat16",
    "max_epochs": 100_000,  # the time limit ends each run
    "validation_fraction": 0.0,
}
BOUNDS = {"VAE": 1, "IWAE, K = 5": 5, "IWAE, K = 50": 50}


def main() -> None:
    parser = argparse.ArgumentParser(description="The likelihood of binarised MNIST.")
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--binarised", choices=["fixed", "dynamic"], default="dynamic")
    parser.add_argument("--test-rows", type=int, default=10_000)
    parser.add_argument("--rows", type=int, help="train on so many images only, to try it")
    parser.add_argument("--choose", action="store_true", help="judge by held-out training images")
    parser.add_argument("--set", nargs="+", default=[], help="NAME=VALUE, settings to try")
    parser.add_argument("--bounds", nargs="+", choices=list(BOUNDS), default=list(BOUNDS))
    parser.add_argument("--cpu", action="store_true", help="seconds are of processor time")
    arguments = parser.parse_args()
    if arguments.cpu:
        records.count_processor_seconds()
    train, test = images(arguments.binarised, arguments.choose)
    train, test = train[: arguments.rows], test[: arguments.test_rows]
    rows = [
        row(name, train, test, arguments, seed)
        for name in arguments.bounds
        for seed in arguments.seeds
    ]
    if not (arguments.rows or arguments.choose or arguments.set):
        records.write(f"variational-mnist-{arguments.binarised}", rows)


def images(binarised: str, choose: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return training rows, binary or to be drawn from, and binary test rows."""
    train, test = (load_images("mnist", part).pixels.reshape(-1, 784) for part in ("train", "test"))
    if choose:
        train, test = train[:50_000], train[50_000:]
    if binarised == "fixed":
        return ((train >= 0.5).astype(np.float32), (test >= 0.5).astype(np.float32))
    return train, (np.random.default_rng(0).random(test.shape) < test).astype(np.float32)


def literal(value: str) -> Any:
    """Return a number or numbers as such, anything else as text."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def row(
    name: str, train: np.ndarray, test: np.ndarray, arguments: argparse.Namespace, seed: int
) -> dict[str, Any]:
    began = time.perf_counter()
    tried = {name: literal(value) for name, value in (one.split("=") for one in arguments.set)}
    model = VariationalAutoencoder(
        **SHARED | tried,
        n_importance=BOUNDS[name],
        binarise=arguments.binarised == "dynamic",
        max_seconds=arguments.seconds,
        random_state=seed,
    ).fit(train)
    seconds = time.perf_counter() - began
    found = {
        "model": name,
        **tried,
        "seed": seed,
        "binarised": arguments.binarised,
        "samples": arguments.samples,
        "test_rows": len(test),
        "nll": -float(model.log_likelihood(test, arguments.samples).mean()),
        "seconds": seconds,
        "epochs": len(model.history_.epochs),
    }
    print(json.dumps(found), flush=True)
    return found


if __name__ == "__main__":
    main()
