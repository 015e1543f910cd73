"""Epochs a second of a dense autoencoder on MNIST: beside plain PyTorch, and PyOD's AutoEncoder.

    bench/peers/setup.sh pyod
    LIKEWISE_DATA=... python bench/speed/dense.py [--quick]

One net, 784-256-64-256-784 of ReLUs, one loss (squared) and one optimiser (Adam, 1e-3), on 60,000
images in batches of 256, two threads: likewise in float32 and in bfloat16; the loop that everyone
writes (TensorDataset, DataLoader, zero_grad, backward, step); PyOD's AutoEncoder of the same
widths, without its batch norm and dropout. Each runs in a process of its own, in turn; an epoch is
what a run of several epochs takes more than one of a single epoch, over their difference.
"""

import argparse
import gzip
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from common import timed, turn, turns

HERE = Path(__file__).resolve().parent
PYOD = HERE.parent / ".envs" / "pyod" / "bin" / "python"
HIDDEN, CODE, BATCH, RATE = 256, 64, 256, 1e-3

Rows = Any


def main() -> None:
    arguments = turns("Epochs a second of a dense autoencoder.", epochs=5)
    if arguments.worker:
        print(json.dumps(epoch_seconds(arguments.worker[0], arguments)))
        return
    import records

    names = [name for name in RUNS if PYOD.exists() or name != "PyOD AutoEncoder"]
    if len(names) < len(RUNS):
        print(f"no {PYOD}: PyOD is left out; bench/peers/setup.sh pyod", file=sys.stderr)
    rounds = [{name: apart(name, arguments) for name in names} for _ in range(arguments.rounds)]
    rows = [
        {"run": name, "seconds_per_epoch": (seconds := median(one[name] for one in rounds))}
        | {"epochs_per_second": 1 / seconds}
        | {"times_plain": median(one["plain PyTorch"] / one[name] for one in rounds)}
        for name in names
    ]
    for row in rows:
        print(json.dumps(row))
    if not arguments.quick:
        records.write("dense-speed", rows)


def apart(name: str, arguments: argparse.Namespace) -> float:
    """Run one in a process of its own, and return its seconds of an epoch."""
    python = PYOD if name == "PyOD AutoEncoder" else sys.executable
    return float(turn(python, __file__, [name], arguments))


# What runs in processes of their own


def epoch_seconds(name: str, arguments: argparse.Namespace) -> float:
    import torch

    torch.set_num_threads(arguments.threads)
    X, fit = images(), RUNS[name]
    fit(X[:1000], 1)  # what is loaded once
    one, many = (timed(partial(fit, X, n)) for n in (1, 1 + arguments.epochs))
    return (many - one) / arguments.epochs


def images() -> Rows:
    """Return the training images as rows in [0, 1]; by hand, as PyOD's process has no likewise."""
    path = Path(os.environ["LIKEWISE_DATA"], "mnist", "train-images-idx3-ubyte.gz")
    with gzip.open(path) as file:
        values = np.frombuffer(file.read(), np.uint8, offset=16)
    return values.reshape(-1, 784).astype(np.float32) / 255


def likewise(precision: str) -> Callable[[Rows, int], None]:
    def fit(X: Rows, n_epochs: int) -> None:
        from likewise import UndercompleteAutoencoder

        UndercompleteAutoencoder(
            n_latent=CODE, hidden=(HIDDEN,), activation="relu", loss="squared", optimizer="adam",
            learning_rate=RATE, batch_size=BATCH, max_epochs=n_epochs, validation_fraction=0.0,
            precision=precision, device="cpu", random_state=0,
        ).fit(X)  # fmt: skip

    return fit


def plain(X: Rows, n_epochs: int) -> None:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    net = nn.Sequential(
        nn.Linear(784, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CODE), nn.ReLU(),
        nn.Linear(CODE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 784),
    )  # fmt: skip
    optimizer, loss = torch.optim.Adam(net.parameters(), lr=RATE), nn.MSELoss()
    loader = DataLoader(TensorDataset(torch.from_numpy(X)), batch_size=BATCH, shuffle=True)
    for _ in range(n_epochs):
        for (batch,) in loader:
            optimizer.zero_grad()
            loss(net(batch), batch).backward()
            optimizer.step()


def pyod(X: Rows, n_epochs: int) -> None:
    from pyod.models.auto_encoder import AutoEncoder

    AutoEncoder(
        epoch_num=n_epochs, batch_size=BATCH, lr=RATE, hidden_neuron_list=[HIDDEN, CODE],
        batch_norm=False, dropout_rate=0.0, preprocessing=False, verbose=0, random_state=0,
    ).fit(X)  # fmt: skip


RUNS: dict[str, Callable[[Rows, int], None]] = {
    "likewise": likewise("float32"),
    "likewise, bfloat16": likewise("bfloat16"),
    "plain PyTorch": plain,
    "PyOD AutoEncoder": pyod,
}


if __name__ == "__main__":
    main()
