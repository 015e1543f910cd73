"""Fit one of likewise's models on the shared split and leave its lists and record.

    .venv/bin/python bench/peers/run_likewise.py PRESET [--help]

The same split, metric, patience, threads and grid as the peers'; `linear` climbs its own lattice.
"""

import time
from statistics import median
from typing import Any

import fitting
import harness
import torch
from harness import THREADS, Matrix, ScoreRows, Split

from likewise import (
    DenoisingAutoencoder,
    HVamp,
    Interactions,
    ItemNeighbours,
    LinearAutoencoder,
    RecVAE,
    VariationalAutoencoder,
)
from likewise.autoencoders import Autoencoder
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.data.fold import FoldIn
from likewise.data.interactions import Vocabulary
from likewise.recommend.selection import choose

NEURAL: dict[str, NeuralAutoencoder] = {
    "MultVAE": VariationalAutoencoder(),  # the paper's 600-200-600 and batch of 500
    "MultVAE-128": VariationalAutoencoder(n_latent=64),  # RecBole's shape
    "MultVAE-128-b2048": VariationalAutoencoder(n_latent=64, batch_size=2048),
    "MultDAE": DenoisingAutoencoder(),
    "RecVAE": RecVAE(),
    "HVamp": HVamp(),
}
CLIMBED = {"linear": LinearAutoencoder, "item-knn": ItemNeighbours}
CLIMB_SECONDS = 600.0


def main() -> None:
    presets = ["EASE", *CLIMBED, *NEURAL]
    arguments = harness.parse_arguments("Fit a likewise model on the shared split.", presets)
    torch.set_num_threads(THREADS)
    split = Split.read(arguments.data)
    if arguments.preset in NEURAL:
        lists, measured = trained(split, arguments)
    elif arguments.preset in CLIMBED:
        lists, measured = climbed(split, CLIMBED[arguments.preset], arguments.refit)
    else:
        clock = fitting.Clock()

        def fit(train: Matrix, settings: fitting.Settings) -> ScoreRows:
            model = LinearAutoencoder(**settings)
            clock.timed("fit", model.fit)(train)
            return scorer(model, train)

        grid = fitting.l2_grid(arguments.l2)
        lists, measured = fitting.run_grid(split, fit, clock, grid, arguments.refit)
    record = harness.provenance("likewise", "torch", "numpy", "scipy") | measured
    harness.write_run(split, harness.run_name("likewise", arguments), lists, record)


def scorer(model: Autoencoder, train: Matrix) -> ScoreRows:
    return lambda block: model.logits(train[block])


def trained(split: Split, arguments: Any) -> tuple[harness.Lists, dict[str, Any]]:
    model = NEURAL[arguments.preset].set_params(
        random_state=arguments.seed, max_epochs=arguments.epochs, patience=fitting.PATIENCE
    )
    before, start, walls = harness.peak_rss_mib(), time.perf_counter(), []

    def validate(fitted: Autoencoder) -> float:
        quality = harness.validation_ndcg(scorer(fitted, split.train_fit), split)
        walls.append(time.perf_counter() - start)
        return quality

    model.fit(split.train_fit, validate=validate)
    epochs, best = model.history_.epochs, model.history_.best_epoch
    measured = {
        "settings": {k: v for k, v in model.get_params().items() if v is not None},
        "validation_ndcg": epochs[best - 1]["validation"],
        "seconds_per_epoch": median(epoch["seconds"] for epoch in epochs),
        "epochs": len(epochs),
        "best_epoch": best,
        "training_seconds_to_best": sum(epoch["seconds"] for epoch in epochs[:best]),
        "wall_seconds_to_best": walls[best - 1],
        "rss_before_fit_mib": before,
        "peak_rss_mib": harness.peak_rss_mib(),
        "trained_on": "train_fit",
    }
    if arguments.refit:
        model.set_params(max_epochs=best, validation_fraction=0.0).fit(split.train_full)
        measured["trained_on"] = "train_full"
    train = split.train_full
    return harness.top_lists(scorer(model, train), train), measured


def climbed(
    split: Split, kind: type[Autoencoder], refit: bool
) -> tuple[harness.Lists, dict[str, Any]]:
    train = Interactions.of_matrix(split.train_fit)
    users = Vocabulary(train.users.ids)
    fold = FoldIn(split.train_fit, split.validation, users)
    before, start = harness.peak_rss_mib(), time.perf_counter()
    choice = choose(kind, train, fold, max_seconds=CLIMB_SECONDS, metric="ndcg@20")
    chosen = time.perf_counter() - start
    learned = split.train_full if refit else split.train_fit
    start = time.perf_counter()
    choice.model.fit(learned)
    return harness.top_lists(scorer(choice.model, split.train_full), split.train_full), {
        "settings": choice.model.get_params(),
        "validation_ndcg": choice.best.score,
        "fit_seconds": {"fit": time.perf_counter() - start, "choice": chosen},
        "rss_before_fit_mib": before,
        "peak_rss_mib": harness.peak_rss_mib(),
        "trained_on": "train_full" if refit else "train_fit",
        "tried": [[trial.parameters, trial.score] for trial in choice.trials],
    }


if __name__ == "__main__":
    main()
