"""The exact linear fit beside its limit: bare Cholesky factor and inverse of the same matrix.

    python bench/speed/linear.py --items 3000 8000 20000
    python bench/speed/linear.py --items 3000 8000 20000 --gram     # the Gram matrix alone

In one run: the bare inverse, the whole fit, and the Gram matrix by the ways that there are,
sparse-dot-mkl among them where it is installed (``pip install sparse-dot-mkl mkl``). Also the peak
of memory over n² floats, and how far float32 is from float64. The log is made up (see logs.py):
20,000 users, some 50 items each.
"""

import argparse
import importlib.util
import json
from typing import Any

import numpy as np
import torch
from common import Work, best_of, in_turn, limits
from logs import Shape, made_up
from scipy import sparse

import records
from likewise import LinearAutoencoder
from likewise.autoencoders.gram import gram
from likewise.evaluate.resources import measured

L2 = 500.0
MOST_IN_FLOAT64 = 8_000
MOST_DENSE = 2**32
"""Bytes that the dense product's rows may take."""


def main() -> None:
    parser = argparse.ArgumentParser(description="The exact linear fit beside its limit.")
    parser.add_argument("--items", type=int, nargs="+", default=[3_000, 8_000, 20_000])
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--gram", action="store_true", help="only the ways to the Gram matrix")
    parser.add_argument("--quick", action="store_true", help="try it: small, once, nothing written")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.items, arguments.users, arguments.repeats = [500, 1_000], 2_000, 1
    machine = limits(arguments.quick)
    if arguments.gram:
        found = [gram_row(arguments.users, n, arguments.repeats) for n in arguments.items]
        print(json.dumps(found))
        if not arguments.quick:
            records.write("speed-gram", {"limits": machine, "rows": found})
        return
    rows = [row(arguments.users, n, arguments.repeats, machine) for n in arguments.items]
    for found in rows:
        print(json.dumps(found))
    if not arguments.quick:
        records.write("speed-linear", {"limits": machine, "rows": rows})


def row(n_users: int, n_items: int, repeats: int, machine: dict[str, float]) -> dict[str, Any]:
    X = made_up(Shape(n_users, n_items, 55.0))
    model = LinearAutoencoder(l2=L2)
    model.fit(X[:100])  # what is loaded and compiled once is not the fit's
    bare, fit = in_turn([bare_inverse(X), lambda: model.fit(X)], repeats)
    with measured() as cost:
        LinearAutoencoder(l2=L2).fit(X)
    return {
        "items": n_items,
        "interactions": X.nnz,
        "bare_seconds": bare,
        "fit_seconds": fit,
        "ratio": fit / bare,
        "share_of_peak_flops": n_items**3 / fit / 1e9 / machine["gflop_per_second"],
        "peak_over_matrix": (cost.added_bytes or 0) / (4 * n_items**2),
        "gram_seconds": {way: best_of(repeats, work) for way, work in products(X).items()},
        "largest_error": float32_error(X, model) if n_items <= MOST_IN_FLOAT64 else None,
    }


def gram_row(n_users: int, n_items: int, repeats: int) -> dict[str, Any]:
    X = made_up(Shape(n_users, n_items, 55.0))
    ways = {way: work for way, work in products(X).items() if way != "dense"}
    for work in products(made_up(Shape(500, 300, 10.0))).values():
        work()  # what is loaded and compiled once is not the product's
    seconds = {way: best_of(repeats, work) for way, work in ways.items()}
    return {"items": n_items, "interactions": X.nnz, "gram_seconds": seconds}


def bare_inverse(X: sparse.csr_array) -> Work:
    G = gram(X)
    G.diagonal().add_(L2)
    return lambda: torch.cholesky_inverse(torch.linalg.cholesky(G))


def products(X: sparse.csr_array) -> dict[str, Work]:
    """Return ways to the Gram matrix, whole and dense."""
    ways: dict[str, Work] = {
        "likewise": lambda: gram(X),
        "scipy": lambda: (X.T.tocsr() @ X).toarray(),
    }
    if 4 * X.shape[0] * X.shape[1] < MOST_DENSE:

        def dense() -> Any:
            rows = torch.from_numpy(X.toarray())
            return rows.T @ rows

        ways["dense"] = dense
    if importlib.util.find_spec("sparse_dot_mkl"):
        from sparse_dot_mkl import gram_matrix_mkl

        matrix = sparse.csr_matrix(X)
        ways["sparse-dot-mkl"] = lambda: gram_matrix_mkl(matrix, dense=True)
    return ways


def float32_error(X: sparse.csr_array, model: LinearAutoencoder) -> float:
    """Return the largest error of B in float32, over the largest value of B in float64."""
    P = np.linalg.inv((X.T @ X).toarray().astype(np.float64) + L2 * np.eye(X.shape[1]))
    B = -P / np.diag(P)
    np.fill_diagonal(B, 0)
    return float(np.abs(model.B_ - B).max() / np.abs(B).max())


if __name__ == "__main__":
    main()
