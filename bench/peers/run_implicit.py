"""Fit one of implicit's models on the shared split and leave its lists and record.

bench/.envs/implicit/bin/python bench/peers/run_implicit.py PRESET [--help]
"""

import itertools
import warnings
from typing import Any

import fitting
import harness
import numpy as np
from harness import THREADS, Matrix, ScoreRows, Split
from implicit.cpu.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender, CosineRecommender, TFIDFRecommender
from implicit.utils import ParameterWarning
from scipy import sparse
from threadpoolctl import threadpool_limits

NEIGHBOURS = (20, 100, 200, 50, 800, 10, 5)  # implicit's default first


def grid(**values: tuple[Any, ...]) -> list[fitting.Settings]:
    """Return every combination of the values."""
    return [dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())]


PRESETS: dict[str, tuple[type, list[fitting.Settings]]] = {
    "cosine": (CosineRecommender, grid(K=NEIGHBOURS)),
    "TFIDF": (TFIDFRecommender, grid(K=NEIGHBOURS)),
    "BM25": (BM25Recommender, grid(K=(20, 100, 800, 5000), K1=(0.8, 1.2), B=(0.65, 0.75, 0.9))),
    "ALS": (
        AlternatingLeastSquares,
        grid(
            factors=(128, 256, 32),
            regularization=(100.0, 75.0, 125.0, 30.0, 10.0, 1.0),
            alpha=(10.0, 1.0, 40.0),
        ),
    ),
}


def main() -> None:
    arguments = harness.parse_arguments("Fit a model of implicit on the shared split.", PRESETS)
    warnings.filterwarnings("ignore", category=ParameterWarning)  # of implicit, to implicit
    kind, settings = PRESETS[arguments.preset]
    split = Split.read(arguments.data)
    clock = fitting.Clock()
    extra = {"random_state": arguments.seed} if kind is AlternatingLeastSquares else {}

    def fit(train: Matrix, settings: fitting.Settings) -> ScoreRows:
        rows = sparse.csr_matrix(train)
        with threadpool_limits(1, "blas"):  # as implicit asks: its own threads do the work
            model = kind(**settings, **extra, num_threads=THREADS)
            clock.timed("fit", model.fit)(rows, show_progress=False)
        return scorer(model)

    score_rows, measured = fitting.run_grid(split, fit, clock, settings, arguments)
    record = harness.provenance("implicit", "numpy", "scipy") | measured
    run = harness.run_name("implicit", arguments)
    harness.write_run(split, run, score_rows, record, arguments.repeats)


def scorer(model: Any) -> ScoreRows:
    """Return the scores that the model's `recommend` ranks by, of strangers as well."""
    if isinstance(model, AlternatingLeastSquares):
        return lambda asked: users_of(model, asked) @ model.item_factors.T
    return lambda asked: (sparse.csr_matrix(asked) @ model.similarity).toarray()


def users_of(model: AlternatingLeastSquares, asked: Matrix) -> Any:
    """Return the factors of histories, solved for as `recommend(recalculate_user=True)` does."""
    return model.recalculate_user(np.arange(asked.shape[0]), sparse.csr_matrix(asked))


if __name__ == "__main__":
    main()
