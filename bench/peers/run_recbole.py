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
from harness import Matrix, ScoreRows, Split
from numpy.typing import NDArray
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_seed

NAME = "shared"  # what RecBole calls the data: the folder and the stem of its files

PRESETS: dict[str, dict[str, Any]] = {
    "EASE": {},
    "MultiVAE": {},  # all defaults: 600 hidden units, a code of 64, batches of 2,048 users
    "MultiVAE-b500": {"train_batch_size": 500},
    # The paper's 600-200-600 and its batch, and with smaller steps:
    "MultiVAE-paper": {"train_batch_size": 500, "latent_dimension": 400},
    "MultiVAE-steps": {"train_batch_size": None, "latent_dimension": 400},
    "RecVAE": {},  # all defaults: the paper's, but for the batches and the learning rate
    "RecVAE-steps": {"train_batch_size": None, "learning_rate": 5e-4},
}

# RecBole's documentation asks for train_neg_sample_args: None for MultiVAE.
COMMON: dict[str, Any] = {
    "benchmark_filename": ["train", "validation", "test"],
    "load_col": {"inter": ["user_id", "item_id"]},
    "train_neg_sample_args": None,
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
        run = run_ease if arguments.preset == "EASE" else run_neural
        score_rows, measured = run(split, arguments)
    name = harness.run_name("recbole", arguments)
    harness.write_run(split, name, score_rows, record | measured, arguments.repeats)


def run_ease(split: Split, arguments: argparse.Namespace) -> tuple[ScoreRows, dict[str, Any]]:
    """Fit EASE, which RecBole does in the model's constructor."""
    clock = fitting.Clock()

    def fit(train: Matrix, settings: fitting.Settings) -> ScoreRows:
        config, data = prepare(train, "EASE", {"reg_weight": settings["l2"]})
        inverse = clock.timed("inverse", np.linalg.inv)
        construct = clock.timed("fit", get_model("EASE"))
        with mock.patch("numpy.linalg.inv", inverse):
            model = construct(config, data.dataset)
        return scorer(model, data.dataset)

    return fitting.run_grid(split, fit, clock, fitting.l2_grid(arguments.l2), arguments)


def run_neural(split: Split, arguments: argparse.Namespace) -> tuple[ScoreRows, dict[str, Any]]:
    """Train until the validation nDCG has not risen for some epochs; take the best epoch."""
    name = arguments.preset.partition("-")[0]
    settings = PRESETS[arguments.preset] | {"seed": arguments.seed, "epochs": arguments.epochs}
    if settings.get("train_batch_size", 0) is None:
        settings["train_batch_size"] = harness.batch_size(split.train.shape[0])
    config, data = prepare(split.train, name, settings)
    watch = fitting.Watch.of(split, arguments)
    model = train(config, data, watch, split)
    measured = watch.record() | {"settings": described(config), "trained_on": "train"}
    model.load_state_dict(watch.best_weights)
    if arguments.refit:
        measured["trained_on"] = "refit"
    if arguments.refit and split.refit is not split.train:
        config, data = prepare(split.refit, name, settings | {"epochs": watch.best_epoch})
        model = train(config, data, fitting.Watch())
    return scorer(model, data.dataset), measured


def prepare(train: Matrix, model: str, settings: dict[str, Any]) -> tuple[Config, Any]:
    """Hand the training part to RecBole: its configuration, and its loader.

    It asks for a validation and a test list, of known users; they get one pair each, and are not
    looked at.
    """
    folder = Path(NAME)
    folder.mkdir(exist_ok=True)
    pairs = np.stack(train.nonzero(), axis=1)
    for part, rows in (("train", pairs), ("validation", pairs[:1]), ("test", pairs[:1])):
        write_atomic(rows, folder / f"{NAME}.{part}.inter")
    config = Config(model, NAME, config_dict=COMMON | {"data_path": "."} | settings)
    init_seed(config["seed"], config["reproducibility"])
    return config, data_preparation(config, create_dataset(config))[0]


def write_atomic(pairs: NDArray[Any], path: Path) -> None:
    """Write the pairs in RecBole's atomic file format."""
    header = "user_id:token\titem_id:token"
    np.savetxt(path, pairs, fmt="%d", delimiter="\t", header=header, comments="")


def train(
    config: Config, data: Any, watch: fitting.Watch, split: Split | None = None
) -> torch.nn.Module:
    """Run RecBole's trainer with a clock around its epochs; best weights stay in memory.

    With a split, the validation users are asked after each epoch, strangers as they may be to
    RecBole, and the watch says when it is enough.
    """
    init_seed(config["seed"], config["reproducibility"])
    model = get_model(config["model"])(config, data.dataset)
    trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)
    train_epoch = trainer._train_epoch

    def watched_epoch(*args: Any, **kwargs: Any) -> Any:
        with watch.epoch():
            loss = train_epoch(*args, **kwargs)
        if split is not None:
            quality = harness.validation_ndcg(scorer(model, data.dataset), split)
            watch.validated(quality, lambda: copy.deepcopy(model.state_dict()))
            if watch.is_over:
                raise fitting.Enough
        return loss

    trainer._train_epoch = watched_epoch
    with contextlib.suppress(fitting.Enough):
        trainer.fit(data, verbose=False, saved=False)
    return model


def scorer(model: torch.nn.Module, dataset: Any) -> ScoreRows:
    """Return scores under the split's own numbers; an item RecBole has not seen scores -inf.

    RecBole's own calls look a known user's row up; here the row is given.
    """
    model.eval()
    tokens = dataset.field2id_token["item_id"][1:]  # the first one is padding
    items = tokens.astype(np.int64)

    def score_rows(asked: Matrix) -> Any:
        scores = np.full(asked.shape, -np.inf)
        x = np.zeros((asked.shape[0], 1 + len(items)), np.float32)
        x[:, 1:] = asked[:, items].toarray()
        scores[:, items] = outputs(model, x)[:, 1:]
        return scores

    return score_rows


def outputs(model: torch.nn.Module, x: NDArray[np.float32]) -> NDArray[Any]:
    """Return what the model gives for rows of its own item numbers."""
    kind = type(model).__name__
    if kind == "EASE":
        return x @ np.asarray(model.item_similarity)
    with torch.no_grad():
        more = (0.0,) if kind == "RecVAE" else ()  # no dropout
        return model(torch.from_numpy(x), *more)[0].numpy()


def described(config: Config) -> dict[str, Any]:
    """Return the settings that matter to the result."""
    names = ("mlp_hidden_size", "latent_dimension", "dropout_prob", "anneal_cap")
    names += ("total_anneal_steps", "learning_rate", "train_batch_size", "epochs", "seed")
    return {name: config[name] for name in names}


if __name__ == "__main__":
    main()
