"""Features of tables: scikit-learn's bundled and generated sets, codes beside columns and PCA.

    python bench/features_tables.py --dimensions 8 --seeds 0 1 2

What `likewise features table --target ...` compares: a linear probe on unseen rows, on the columns,
on PCA and the codes of the denoising autoencoder of the same length, and on columns and codes. It
is accuracy where the target is a class, R² where it is a quantity. The autoencoder's settings are
the command's own; they were chosen on digits, wine and breast cancer, and the other sets had no
part in that.
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from sklearn import datasets

import records
from likewise.tables.features import probe
from likewise.tables.settings import describer

Rows = Any
SETS: dict[str, Callable[[], tuple[Rows, Rows]]] = {
    "digits": lambda: datasets.load_digits(return_X_y=True),
    "wine": lambda: datasets.load_wine(return_X_y=True),
    "breast cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
    "iris": lambda: datasets.load_iris(return_X_y=True),
    "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
    "clusters, made": lambda: datasets.make_classification(
        4000, 30, n_informative=10, n_redundant=15, n_clusters_per_class=4, random_state=0
    ),
    "rings, made": lambda: datasets.make_hastie_10_2(4000, random_state=0),
    "Friedman 1, made": lambda: datasets.make_friedman1(4000, n_features=10, random_state=0),
    "Friedman 2, made": lambda: datasets.make_friedman2(4000, random_state=0),
    "S curve, made": lambda: datasets.make_s_curve(4000, noise=0.05, random_state=0),
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Features of tables.")
    parser.add_argument("sets", nargs="*", choices=[[], *SETS], help="all of them unless named")
    parser.add_argument("--dimensions", type=int, default=8, help="but fewer than columns")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    rows = [
        probed(name, seed, arguments.dimensions)
        for name in arguments.sets or SETS
        for seed in arguments.seeds
    ]
    if not arguments.sets:
        records.write("features-tables", rows)


def probed(name: str, seed: int, dimensions: int) -> dict[str, Any]:
    X, y = SETS[name]()
    table = pa.table({f"x{n}": column for n, column in enumerate(np.asarray(X).T)})
    n_codes = min(dimensions, X.shape[1] - 1)
    model = describer(n_codes, len(X), random_state=seed)
    found = probe(table, pa.chunked_array([y]), model, seed=seed).as_dict()
    means = {features: float(np.mean(scores)) for features, scores in found["scores"].items()}
    row = {"set": name, "seed": seed, "measure": found["measure"], "n_codes": n_codes, **means}
    print(json.dumps(row), flush=True)
    return row


if __name__ == "__main__":
    main()
