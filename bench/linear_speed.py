"""The linear fit beside its limit: bare Cholesky factor and inverse of the same matrix, in one run.

    python bench/linear_speed.py --items 3000 6000 12000

The log is made up: 20,000 users, Zipf-distributed items, 60 items a user on average.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import torch
from scipy import sparse

import records
from likewise import LinearAutoencoder
from likewise.autoencoders.gram import gram
from likewise.evaluate.resources import measured


def main() -> None:
    parser = argparse.ArgumentParser(description="The linear fit beside its limit.")
    parser.add_argument("--items", type=int, nargs="+", default=[3000, 6000, 12000])
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    rows = [row(arguments.users, n, arguments.repeats) for n in arguments.items]
    for found in rows:
        print(json.dumps(found))
    records.write("linear-speed", rows)


def row(n_users: int, n_items: int, repeats: int) -> dict[str, Any]:
    X = made_up_log(n_users, n_items)
    model = LinearAutoencoder(l2=500.0)
    bare, fit = interleaved([bare_inverse(X), lambda: model.fit(X)], repeats)
    with measured() as cost:
        LinearAutoencoder(l2=500.0).fit(X)
    return {
        "items": n_items,
        "interactions": X.nnz,
        "bare_seconds": bare,
        "fit_seconds": fit,
        "ratio": fit / bare,
        "peak_over_matrix": (cost.added_bytes or 0) / (4 * n_items**2),
    }


def bare_inverse(X: sparse.csr_array) -> Callable[[], Any]:
    G = gram(X)
    G.diagonal().add_(500.0)
    return lambda: torch.cholesky_inverse(torch.linalg.cholesky(G))


def made_up_log(n_users: int, n_items: int) -> sparse.csr_array:
    random = np.random.default_rng(0)
    popularity = 1 / np.arange(10, n_items + 10)
    length = np.minimum(random.lognormal(3.7, 0.9, n_users).astype(int) + 1, n_items // 2)
    item = random.choice(n_items, size=length.sum(), p=popularity / popularity.sum())
    user = np.repeat(np.arange(n_users), length)
    X = sparse.csr_array((np.ones(len(user), np.float32), (user, item)), shape=(n_users, n_items))
    X.sum_duplicates()
    X.data[:] = 1
    return X


def interleaved(works: list[Callable[[], Any]], repeats: int) -> list[float]:
    """Return each work's median seconds, one of each in turn, so that noise falls on both."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(repeats):
        for work, spent in zip(works, seconds, strict=True):
            began = time.perf_counter()
            work()
            spent.append(time.perf_counter() - began)
    return [median(spent) for spent in seconds]


if __name__ == "__main__":
    main()
