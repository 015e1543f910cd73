"""Fit one cornac model on the shared split and leave its lists and record.

bench/.envs/cornac/bin/python bench/peers/run_cornac.py PRESET [--help]
"""

import argparse
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import fitting
import harness
import numpy as np
import torch
from cornac.data import Dataset
from cornac.models import EASE, VAECF, RecVAE
from harness import Matrix, ScoreRows, Split

# cornac trains for a fixed number of epochs; here its progress bar is replaced by one that also
# times the epochs, validates between them and ends them early, so the best epoch is taken.
PRESETS: dict[str, dict[str, Any]] = {
    "EASE": {},
    "VAECF": {
        "k": 10,
        "autoencoder_structure": [20],
        "batch_size": 100,
        "beta": 1.0,
    },  # its example
    # The shape, batch and KL weight of the paper (Liang et al. 2018), and with smaller steps:
    "VAECF-paper": {"k": 200, "autoencoder_structure": [600], "batch_size": 500, "beta": 0.2},
    "VAECF-steps": {"k": 200, "autoencoder_structure": [600], "batch_size": None, "beta": 0.2},
    "RecVAE": {},  # all defaults: the paper's
    "RecVAE-steps": {"batch_size": None},
}


def main() -> None:
    arguments = harness.parse_arguments("Fit a cornac model on the shared split.", PRESETS)
    torch.set_num_threads(harness.THREADS)
    split = Split.read(arguments.data)
    run = run_ease if arguments.preset == "EASE" else run_neural
    score_rows, measured = run(split, arguments)
    record = harness.provenance("cornac", "torch", "numpy", "scipy") | measured
    name = harness.run_name("cornac", arguments)
    harness.write_run(split, name, score_rows, record, arguments.repeats)


def run_ease(split: Split, arguments: argparse.Namespace) -> tuple[ScoreRows, dict[str, Any]]:
    """Fit EASE as published: posB=False keeps the negative weights that cornac would cut to 0."""
    clock = fitting.Clock()

    def fit(train: Matrix, settings: fitting.Settings) -> ScoreRows:
        data = dataset(train)
        model = EASE(lamb=settings["l2"], posB=False, verbose=False)
        with mock.patch("numpy.linalg.inv", clock.timed("inverse", np.linalg.inv)):
            clock.timed("fit", model.fit)(data)
        return scorer(data, lambda rows: rows @ np.asarray(model.B))

    return fitting.run_grid(split, fit, clock, fitting.l2_grid(arguments.l2), arguments)


def run_neural(split: Split, arguments: argparse.Namespace) -> tuple[ScoreRows, dict[str, Any]]:
    """Train until the validation nDCG has not risen for some epochs; take the best epoch."""
    settings = PRESETS[arguments.preset] | {"seed": arguments.seed, "n_epochs": arguments.epochs}
    if settings.get("batch_size", 0) is None:
        settings["batch_size"] = harness.batch_size(split.train.shape[0])
    watch = fitting.Watch.of(split, arguments)
    model, data = train(arguments.preset, settings, split.train, watch, split)
    measured = watch.record() | {"settings": settings, "trained_on": "train"}
    weights_of(model).load_state_dict(watch.best_weights)
    if arguments.refit:
        measured["trained_on"] = "refit"
    if arguments.refit and split.refit is not split.train:
        settings = settings | {"n_epochs": watch.best_epoch}
        model, data = train(arguments.preset, settings, split.refit, fitting.Watch())
    return network_scorer(model, data), measured


def dataset(train: Matrix) -> Dataset:
    """Make cornac's data set of the pairs; it numbers users and items anew."""
    user, item = (ids.tolist() for ids in train.nonzero())
    return Dataset.from_uir(list(zip(user, item, [1.0] * len(user), strict=True)), seed=0)


def train(
    preset: str,
    settings: dict[str, Any],
    pairs: Matrix,
    watch: fitting.Watch,
    split: Split | None = None,
) -> tuple[Any, Dataset]:
    """Run cornac's training; with a split, watch its validation nDCG and stop in time."""
    data = dataset(pairs)
    if preset.startswith("VAECF"):
        model = VAECF(**settings, learning_rate=0.001, act_fn="tanh", verbose=False)
    else:
        model = RecVAE(**settings, verbose=False)

    def epochs(*bounds: int, **_: Any) -> "Epochs":
        return Epochs(range(*bounds), model, data, watch, split)

    module = "vaecf.vaecf" if isinstance(model, VAECF) else "recvae.recom_recvae"
    with (
        mock.patch(f"cornac.models.{module}.trange", epochs),
        # RecVAE would rank its own training rows after each epoch, to show a number:
        mock.patch("cornac.eval_methods.ranking_eval", return_value=[[0.0]]),
    ):
        model.fit(data)
    return model, data


@dataclass
class Epochs:
    """Stands where cornac iterates over its epochs under a progress bar."""

    numbers: range
    model: Any
    data: Dataset
    watch: fitting.Watch
    split: Split | None

    def __iter__(self) -> Iterator[int]:
        for number in self.numbers:
            with self.watch.epoch():
                yield number
            if self.split is not None and self.is_enough(self.split):
                return

    def is_enough(self, split: Split) -> bool:
        """Validate the epoch that has just ended."""
        network = weights_of(self.model)
        quality = harness.validation_ndcg(network_scorer(self.model, self.data), split)
        network.train()
        self.watch.validated(quality, lambda: copy.deepcopy(network.state_dict()))
        return self.watch.is_over

    def set_postfix(self, **_: Any) -> None:
        """Show nothing."""


def weights_of(model: Any) -> torch.nn.Module:
    """Return the network inside cornac's model."""
    return model.vae if isinstance(model, VAECF) else model.recvae_model


def network_scorer(model: Any, data: Dataset) -> ScoreRows:
    """Score a block of histories, as cornac's `score` does one user; RecVAE without dropout.

    cornac's RecVAE leaves dropout on when it is asked.
    """
    network = weights_of(model).eval()

    def score(rows: Any) -> Any:
        x = torch.from_numpy(rows)
        with torch.no_grad():
            if isinstance(model, VAECF):
                return network.decode(network.encode(x)[0]).numpy()
            return network(x, calculate_loss=False).numpy()

    return scorer(data, score)


def scorer(data: Dataset, score: Callable[[Any], Any]) -> ScoreRows:
    """Return scores under the split's own numbers; an item cornac has not seen scores -inf."""
    items = np.fromiter(data.iid_map, dtype=np.int64)

    def score_rows(asked: Matrix) -> Any:
        scores = np.full(asked.shape, -np.inf)
        scores[:, items] = score(asked[:, items].toarray())
        return scores

    return score_rows


if __name__ == "__main__":
    main()
