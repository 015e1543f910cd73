"""Fit one RecBole model on the shared split, in RecBole's own loop, and leave lists and record.

bench/.envs/recbole/bin/python bench/peers/run_recbole.py PRESET [--help]
"""

import argparse
import contextlib
import copy
import sys
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import fitting
import harness
import numpy as np
import torch
from harness import Lists, Matrix, ScoreRows, Split
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.interaction import Interaction
from recbole.utils import get_model, get_trainer, init_seed

NAME = "shared"  # what RecBole calls the data: the folder and the stem of its files

PRESETS: dict[str, dict[str, Any]] = {
    "EASE": {},
    "MultiVAE": {},  # all defaults: 600 hidden units, a code of 64, batches of 2,048 users
    "MultiVAE-b500": {"train_batch_size": 500},
    "MultiVAE-paper": {"train_batch_size": 500, "latent_dimension": 400},  # 600-200-600
    "RecVAE": {},  # all defaults: the paper's
}

# RecBole's documentation asks for train_neg_sample_args: None for MultiVAE. The evaluation batch is
# the one of its published benchmarks: the default, 4,096 scores, is one user at a time.
COMMON: dict[str, Any] = {
    "benchmark_filename": ["train", "validation", "test"],
    "load_col": {"inter": ["user_id", "item_id"]},
    "train_neg_sample_args": None,
    "eval_batch_size": 40_960_000,
    "metrics": ["NDCG"],
    "metric_decimal_place": 6,  # at 4 a small gain would look like none and stop the training
    "topk": [harness.VALIDATED_AT],
    "valid_metric": f"NDCG@{harness.VALIDATED_AT}",
    "stopping_step": fitting.PATIENCE,
    "use_gpu": False,
    "show_progress": False,
}


def main() -> None:
    arguments = harness.parse_arguments("Fit a RecBole model on the shared split.", PRESETS)
    record = harness.provenance("recbole", "torch", "numpy", "scipy", "pandas")
    sys.argv = sys.argv[:1]  # RecBole would read the command line too
    warnings.filterwarnings("ignore", category=FutureWarning)  # of RecBole, to RecBole
    torch.set_num_threads(harness.THREADS)
    split = Split.read(arguments.data)
    work = split.folder / "recbole"
    work.mkdir(exist_ok=True)
    with contextlib.chdir(work):  # RecBole writes its TensorBoard logs where it stands
        lists, measured = (run_ease if arguments.preset == "EASE" else run_neural)(split, arguments)
    harness.write_run(split, harness.run_name("recbole", arguments), lists, record | measured)


def run_ease(split: Split, arguments: argparse.Namespace) -> tuple[Lists, dict[str, Any]]:
    """Fit EASE, which RecBole does in the model's constructor."""
    clock = fitting.Clock()

    def fit(train: Matrix, settings: fitting.Settings) -> ScoreRows:
        config, dataset, parts = prepare(train, split, "EASE", {"reg_weight": settings["l2"]})
        inverse = clock.timed("inverse", np.linalg.inv)
        construct = clock.timed("fit", get_model("EASE"))
        with mock.patch("numpy.linalg.inv", inverse):
            model = construct(config, parts[0].dataset)
        return scorer(model, dataset, split)

    grid = fitting.l2_grid(arguments.l2)
    return fitting.run_grid(split, fit, clock, grid, arguments.refit)


def run_neural(split: Split, arguments: argparse.Namespace) -> tuple[Lists, dict[str, Any]]:
    """Train until the validation nDCG has not risen for some epochs; take the best epoch."""
    name = arguments.preset.partition("-")[0]
    settings = PRESETS[arguments.preset] | {"seed": arguments.seed, "epochs": arguments.epochs}
    config, dataset, parts = prepare(split.train_fit, split, name, settings)
    model, watch = train(config, parts, validate=True)
    measured = watch.record() | {"settings": described(config), "trained_on": "train_fit"}
    model.load_state_dict(watch.best_weights)
    if arguments.refit:
        again = settings | {"epochs": watch.best_epoch}
        config, dataset, parts = prepare(split.train_full, split, name, again)
        model, _ = train(config, parts, validate=False)
        measured["trained_on"] = "train_full"
    model.eval()
    return harness.top_lists(scorer(model, dataset, split), split.train_full), measured


def prepare(
    train: Matrix, split: Split, model: str, settings: dict[str, Any]
) -> tuple[Config, Any, Any]:
    """Hand the split to RecBole: its configuration, its data set, and its three loaders."""
    folder = Path(NAME)
    folder.mkdir(exist_ok=True)
    for part, pairs in (("train", train), ("validation", split.validation), ("test", split.test)):
        write_atomic(pairs, folder / f"{NAME}.{part}.inter")
    config = Config(model, NAME, config_dict=COMMON | {"data_path": "."} | settings)
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    return config, dataset, data_preparation(config, dataset)


def write_atomic(pairs: Matrix, path: Path) -> None:
    """Write the pairs in RecBole's atomic file format."""
    rows = np.stack(pairs.nonzero(), axis=1)
    header = "user_id:token\titem_id:token"
    np.savetxt(path, rows, fmt="%d", delimiter="\t", header=header, comments="")


def train(config: Config, parts: Any, validate: bool) -> tuple[torch.nn.Module, fitting.Watch]:
    """Run RecBole's trainer with a clock around its epochs; best weights stay in memory."""
    train_data, validation_data, _ = parts
    init_seed(config["seed"], config["reproducibility"])
    model = get_model(config["model"])(config, train_data.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    watch = fitting.Watch()
    train_epoch = trainer._train_epoch

    def timed_epoch(*args: Any, **kwargs: Any) -> Any:
        with watch.epoch():
            return train_epoch(*args, **kwargs)

    trainer._train_epoch = timed_epoch
    trainer.fit(
        train_data,
        validation_data if validate else None,
        verbose=False,
        saved=False,
        callback_fn=lambda _, quality: watch.validated(
            quality, lambda: copy.deepcopy(model.state_dict())
        ),
    )
    return model, watch


def scorer(model: torch.nn.Module, dataset: Any, split: Split) -> ScoreRows:
    """Return the model's scores under the split's own numbers; RecBole numbers them anew from 1."""
    users, items = (
        np.array([dataset.token2id(side, str(number)) for number in range(count)])
        for side, count in zip(("user_id", "item_id"), split.test.shape, strict=True)
    )

    def score_rows(block: Any) -> Any:
        with torch.no_grad():
            batch = Interaction({"user_id": torch.from_numpy(users[block])})
            scores = model.full_sort_predict(batch)
        return np.asarray(scores).reshape(len(block), -1)[:, items]

    return score_rows


def described(config: Config) -> dict[str, Any]:
    """Return the settings that matter to the result."""
    names = ("mlp_hidden_size", "latent_dimension", "dropout_prob", "anneal_cap")
    names += ("total_anneal_steps", "learning_rate", "train_batch_size", "epochs", "seed")
    return {name: config[name] for name in names}


if __name__ == "__main__":
    main()
