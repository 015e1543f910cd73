"""Published numbers, reproduced on the data they were published for."""

import os
from pathlib import Path

import pytest

from likewise import LinearAutoencoder, Recommender, fixed_lists, read_log
from likewise.evaluate import evaluate

DATA = os.environ.get("LIKEWISE_DATA")


@pytest.fixture(scope="module")
def ml_1m():
    if DATA is None:
        pytest.skip("LIKEWISE_DATA names no folder of public data sets")
    folder = Path(DATA) / "ml-1m-ultragcn"
    return fixed_lists(read_log(folder / "train.parquet"), read_log(folder / "test.parquet"))


@pytest.mark.parametrize(
    ("settings", "recall", "ndcg"),
    [
        ({"l2": 1000.0}, 0.2755, 0.2674),
        # what validation chose (bench/results/peers-ml-1m-ultragcn.json)
        (
            {"l2": 11.31, "dropout": 0.4, "user_power": 0.8, "relaxation": 0.4},
            0.2863,
            0.2745,
        ),
    ],
    ids=["EASE as published", "the setting that validation chose"],
)
def test_linear_on_ml_1m(ml_1m, settings, recall, ndcg):
    fitted = Recommender(LinearAutoencoder(**settings)).fit(ml_1m.refit, support=False)
    found = evaluate(fitted, ml_1m.test, metrics=("recall@20", "ndcg@20"))
    assert found.mean("recall@20") == pytest.approx(recall, abs=5e-4)
    assert found.mean("ndcg@20") == pytest.approx(ndcg, abs=5e-4)
