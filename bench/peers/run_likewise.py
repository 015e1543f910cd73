"""Fit one of likewise's models on the shared split and leave its lists and record.

    .venv/bin/python bench/peers/run_likewise.py PRESET [--help]

The same split, metric, patience, threads and grid as the peers'; `linear` climbs its own lattice.
"""

import time
from statistics import median
from typing import Any

import fitting
import harness
import numpy as np
import torch
from harness import THREADS, Matrix, ScoreRows, Split

from likewise import (
    CosineAutoencoder,
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
from likewise.data.vocabulary import Vocabulary
from likewise.recommend.selection import choose

NEURAL: dict[str, NeuralAutoencoder] = {
    "MultVAE": VariationalAutoencoder(),  # the paper's 600-200-600 and batch of 500
    "MultVAE-128": VariationalAutoencoder(n_latent=64),  # RecBole's shape
    "MultVAE-128-b2048": VariationalAutoencoder(n_latent=64, batch_size=2048),
    "MultDAE": DenoisingAutoencoder(),
    "cosine": CosineAutoencoder(),
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
        model, measured = trained(split, arguments)
    elif arguments.preset in CLIMBED:
        model, measured = climbed(split, CLIMBED[arguments.preset], arguments)
    else:
        model, measured = ease(split, arguments)
    record = harness.provenance("likewise", "torch", "numpy", "scipy") | measured
    name = harness.run_name("likewise", arguments)
    harness.write_run(split, name, model, record, arguments.repeats)


def ease(split: Split, arguments: Any) -> tuple[ScoreRows, dict[str, Any]]:
    clock = fitting.Clock()

    def fit(train: Matrix, settings: fitting.Settings) -> ScoreRows:
        model = LinearAutoencoder(**settings)
        clock.timed("fit", model.fit)(train)
        return model.logits

    return fitting.run_grid(split, fit, clock, fitting.l2_grid(arguments.l2), arguments)


def trained(split: Split, arguments: Any) -> tuple[ScoreRows, dict[str, Any]]:
    model = NEURAL[arguments.preset].set_params(
        random_state=arguments.seed, max_epochs=arguments.epochs, patience=fitting.PATIENCE
    )
    before, start, walls = harness.peak_rss_mib(), time.perf_counter(), []

    def validate(fitted: Autoencoder) -> float:
        quality = harness.validation_ndcg(fitted.logits, split)
        walls.append(time.perf_counter() - start)
        return quality

    model.fit(split.train, validate=validate)
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
        "trained_on": "train",
    }
    if arguments.refit:
        model.set_params(max_epochs=best, validation_fraction=0.0).fit(split.refit)
        measured["trained_on"] = "refit"
    return model.logits, measured


def climbed(
    split: Split, kind: type[Autoencoder], arguments: Any
) -> tuple[ScoreRows, dict[str, Any]]:
    fold = FoldIn(split.given, split.held_out, Vocabulary(np.arange(split.given.shape[0])))
    before, start = harness.peak_rss_mib(), time.perf_counter()
    seconds = min(CLIMB_SECONDS, arguments.budget)
    train = Interactions.of_matrix(split.train)
    choice = choose(kind, train, fold, max_seconds=seconds, metric="ndcg@20")
    chosen = time.perf_counter() - start
    start = time.perf_counter()
    choice.model.fit(split.refit if arguments.refit else split.train)
    return choice.model.logits, {
        "settings": choice.model.get_params(),
        "validation_ndcg": choice.best.score,
        "fit_seconds": {"fit": time.perf_counter() - start, "choice": chosen},
        "rss_before_fit_mib": before,
        "peak_rss_mib": harness.peak_rss_mib(),
        "trained_on": "refit" if arguments.refit else "train",
        "tried": [[trial.parameters, trial.score] for trial in choice.trials],
    }


if __name__ == "__main__":
    main()
