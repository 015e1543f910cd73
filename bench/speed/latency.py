"""One basket's answer, in process, on one core: median and 99th percentile.

    python bench/speed/latency.py

The limit is what must be read: the rows that the basket names (of B, of directions, of landmarks),
all that a code is decoded by, and one pass over the scores.
"""

import argparse
import json
import time
from typing import Any

import numpy as np
import torch
from common import limits
from fitted import recommender
from logs import Shape, made_up
from threadpoolctl import threadpool_limits

import records

SIZES = {
    "linear": 20_000,
    "neighbourhood": 100_000,
    "spectral": 20_000,
    "als": 20_000,
    "kernel": 20_000,
    "variational": 20_000,
    "cosine": 20_000,
}
BASKET = 20


def main() -> None:
    parser = argparse.ArgumentParser(description="One basket's answer, on one core.")
    parser.add_argument("--baskets", type=int, default=2_000)
    parser.add_argument("--quick", action="store_true", help="try it: small, nothing written")
    arguments = parser.parse_args()
    sizes = dict.fromkeys(SIZES, 2_000) if arguments.quick else SIZES
    n_baskets = 100 if arguments.quick else arguments.baskets
    models = {name: recommender(name, n) for name, n in sizes.items()}  # fitted on all cores
    torch.set_num_threads(1)
    with threadpool_limits(1):
        machine = limits(arguments.quick)
        rows = [row(name, model, n_baskets, machine) for name, model in models.items()]
    for found in rows:
        print(json.dumps(found))
    if not arguments.quick:
        records.write("speed-latency", {"limits": machine, "rows": rows})


def row(name: str, model: Any, n_baskets: int, machine: dict[str, float]) -> dict[str, Any]:
    X = made_up(Shape(n_baskets, model.n_items, float(BASKET)), seed=1)
    ids = model.catalogue_.items.ids
    baskets = [ids[X.indices[a:b]].tolist() for a, b in zip(X.indptr, X.indptr[1:], strict=False)]
    for basket in baskets[:20]:
        model.recommend([basket], k=10)
    spent = []
    for basket in baskets:
        began = time.perf_counter()
        model.recommend([basket], k=10)
        spent.append(time.perf_counter() - began)
    p50, p99 = np.percentile(spent, [50, 99])
    width = decoded_from(name, model)
    named = X.nnz / n_baskets * (model.n_items if name == "linear" else width)
    read = 4 * (model.n_items * (3 + width) + named)
    return {
        "type": name,
        "items": model.n_items,
        "basket": X.nnz / n_baskets,
        "p50_ms": 1e3 * p50,
        "p99_ms": 1e3 * p99,
        "share_of_peak_bytes": read / p50 / 1e9 / machine["gb_per_second"],
    }


def decoded_from(name: str, model: Any) -> int:
    """Return how many numbers an item's score is decoded from, if it is decoded."""
    if name == "variational":
        return int(model.model_.setting("hidden")[0])
    return model.model_._n_features_out if name in ("spectral", "lle", "als", "kernel") else 0


if __name__ == "__main__":
    main()
