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
from cornac.models import EASE, VAECF, BiVAECF
from harness import Lists, Matrix, ScoreRows, Split

# cornac trains for a fixed number of epochs; here its progress bar is replaced by one that also
# times the epochs, validates between them and ends them early, so the best epoch is taken.
PRESETS: dict[str, dict[str, Any]] = {
    "EASE": {},
    # As in cornac's own examples:
    "VAECF": {"k": 10, "autoencoder_structure": [20], "batch_size": 100, "beta": 1.0},
    "BiVAECF": {"k": 50, "encoder_structure": [100], "batch_size": 128, "likelihood": "pois"},
    # The shape, batch and KL weight of the paper (Liang et al. 2018):
    "VAECF-paper": {"k": 200, "autoencoder_structure": [600], "batch_size": 500, "beta": 0.2},
}


def main() -> None:
    arguments = harness.parse_arguments("Fit a cornac model on the shared split.", PRESETS)
    torch.set_num_threads(harness.THREADS)
    split = Split.read(arguments.data)
    run = run_ease if arguments.preset == "EASE" else run_neural
    lists, measured = run(split, arguments)
    record = harness.provenance("cornac", "torch", "numpy", "scipy") | measured
    harness.write_run(split, harness.run_name("cornac", arguments), lists, record)


def run_ease(split: Split, arguments: argparse.Namespace) -> tuple[Lists, dict[str, Any]]:
    """Fit EASE as published: posB=False keeps the negative weights that cornac would cut to 0."""
    clock = fitting.Clock()

    def fit(train: Matrix, settings: fitting.Settings) -> ScoreRows:
        data = dataset(train)
        model = EASE(lamb=settings["l2"], posB=False, verbose=False)
        with mock.patch("numpy.linalg.inv", clock.timed("inverse", np.linalg.inv)):
            clock.timed("fit", model.fit)(data)
        return scorer(data, split, lambda rows: model.U[rows] @ model.B)

    grid = fitting.l2_grid(arguments.l2)
    return fitting.run_grid(split, fit, clock, grid, arguments.refit)


def run_neural(split: Split, arguments: argparse.Namespace) -> tuple[Lists, dict[str, Any]]:
    """Train until the validation nDCG has not risen for some epochs; take the best epoch."""
    settings = PRESETS[arguments.preset] | {"seed": arguments.seed, "n_epochs": arguments.epochs}
    model, data, watch = train(arguments.preset, settings, split.train_fit, split)
    measured = watch.record() | {"settings": settings, "trained_on": "train_fit"}
    if isinstance(model, VAECF):
        model.vae = watch.best_weights
    else:
        model.bivae = watch.best_weights
    if arguments.refit:
        settings = settings | {"n_epochs": watch.best_epoch}
        model, data, _ = train(arguments.preset, settings, split.train_full, None)
        measured["trained_on"] = "train_full"
    return harness.top_lists(network_scorer(model, data, split), split.train_full), measured


def dataset(train: Matrix) -> Dataset:
    """Make cornac's data set of the pairs; it numbers users and items anew."""
    user, item = (ids.tolist() for ids in train.nonzero())
    return Dataset.from_uir(list(zip(user, item, [1.0] * len(user), strict=True)), seed=0)


def train(
    preset: str, settings: dict[str, Any], pairs: Matrix, split: Split | None
) -> tuple[Any, Dataset, fitting.Watch]:
    """Run cornac's training; with a split, watch its validation nDCG and stop in time."""
    kind = {"VAECF": VAECF, "BiVAECF": BiVAECF}[preset.partition("-")[0]]
    data = dataset(pairs)
    model = kind(**settings, learning_rate=0.001, act_fn="tanh", verbose=False)
    watch = fitting.Watch()

    def epochs(first: int, end: int, **_: Any) -> "Epochs":
        return Epochs(range(first, end), model, data, watch, split)

    module = {"VAECF": "vaecf.vaecf", "BiVAECF": "bivaecf.bivae"}[kind.__name__]
    with mock.patch(f"cornac.models.{module}.trange", epochs):
        model.fit(data)
    return model, data, watch


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
        score_rows = network_scorer(self.model, self.data, split)
        quality = harness.validation_ndcg(score_rows, split)
        self.watch.validated(quality, lambda: copy.deepcopy(weights_of(self.model)))
        return self.watch.patience_is_out

    def set_postfix(self, **_: Any) -> None:
        """Show nothing."""


def weights_of(model: Any) -> torch.nn.Module:
    """Return the network inside cornac's model."""
    return model.vae if isinstance(model, VAECF) else model.bivae


def network_scorer(model: Any, data: Dataset, split: Split) -> ScoreRows:
    """Score a block of users at once, by the same calls as cornac's `score` of one user."""
    network = weights_of(model)

    def score(rows: Any) -> Any:
        with torch.no_grad():
            if isinstance(model, VAECF):
                x = torch.from_numpy(data.matrix[rows].toarray()).float()
                return network.decode(network.encode(x)[0]).numpy()
            return network.decode_user(network.mu_theta[rows], network.mu_beta).numpy()

    return scorer(data, split, score)


def scorer(data: Dataset, split: Split, score: Callable[[Any], Any]) -> ScoreRows:
    """Return scores under the split's own numbers; an item cornac has not seen scores -inf."""
    n_users, n_items = split.test.shape
    users = np.array([data.uid_map[user] for user in range(n_users)])
    items = np.fromiter(data.iid_map, dtype=np.int64)

    def score_rows(block: Any) -> Any:
        scores = np.full((len(block), n_items), -np.inf)
        scores[:, items] = score(users[block])
        return scores

    return score_rows


if __name__ == "__main__":
    main()
