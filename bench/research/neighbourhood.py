"""What was tried to bring the neighbourhood type nearer to the exact linear autoencoder.

    LIKEWISE_DATA=... python bench/research/neighbourhood.py

ml-1m-ultragcn, judged on its validation part; the test is not read. Dense NumPy, item by item, as
it is meant and not as it is fast: the exact inverse, those of k neighbours, estimates of both items
of a pair put together (H. Steck, NeurIPS 2019), and the r leading directions taken out of the Gram
matrix, which the neighbourhoods then need not know, and put back by Woodbury's identity.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from likewise.data.public_sets import load_split
from likewise.evaluate.protocol import evaluate

Matrix = NDArray[np.float64]
METRICS = ("recall@20", "ndcg@20")


class Scores:
    """Ranks by x B."""

    def __init__(self, B: Matrix) -> None:
        self.B = B.astype(np.float32)

    def rank(self, given, k, *, filter_seen):
        scores = np.asarray(given @ self.B)
        if filter_seen:
            scores[given.nonzero()] = -np.inf
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def main() -> None:
    parser = argparse.ArgumentParser(description="Neighbourhoods nearer to the exact inverse.")
    parser.add_argument("--data", default="ml-1m-ultragcn")
    parser.add_argument("--l2", type=float, nargs="+", default=[300.0, 1000.0])
    parser.add_argument("--neighbours", type=int, nargs="+", default=[100, 200])
    parser.add_argument("--directions", type=int, nargs="+", default=[1, 32, 128])
    arguments = parser.parse_args()
    split = load_split(arguments.data)
    X = split.train.matrix
    G = (X.T @ X).toarray().astype(np.float64)
    energy, directions = np.linalg.eigh(G)

    def report(name: str, P: Matrix) -> None:
        found = evaluate(Scores(columns_of(P)), split.validation, METRICS)
        print(f"{name:44}", *(f"{found.mean(metric):.4f}" for metric in METRICS), flush=True)

    for l2 in arguments.l2:
        report(f"l2 {l2:g}, exact", np.linalg.inv(G + l2 * np.eye(len(G))))
        for k in arguments.neighbours:
            P, known = restricted(G, l2, k)
            report(f"l2 {l2:g}, {k} neighbours", P)
            report(f"l2 {l2:g}, {k}, of both items", (P + P.T) / np.maximum(known + known.T, 1))
            for r in arguments.directions:
                U, D = directions[:, -r:], energy[-r:]
                A, _ = restricted(G - (U * D) @ U.T, l2, k)
                inner = np.diag(1 / D) + U.T @ A @ U
                report(
                    f"l2 {l2:g}, {k}, {r} directions apart",
                    A - A @ U @ np.linalg.solve(inner, U.T @ A),
                )


def columns_of(P: Matrix) -> Matrix:
    """Return B = I - P / diag(P), without a diagonal."""
    B = -P / P.diagonal()
    np.fill_diagonal(B, 0)
    return B


def restricted(G: Matrix, l2: float, k: int) -> tuple[Matrix, NDArray[np.int64]]:
    """Return, column by column, the inverse over an item and its k neighbours; and where it is."""
    scale = np.sqrt(np.maximum(G.diagonal(), 1e-9))
    cosine = G / scale / scale[:, None]
    np.fill_diagonal(cosine, -np.inf)
    nearest = np.argpartition(-cosine, k - 1, axis=0)[:k]
    P, known = np.zeros_like(G), np.zeros(G.shape, np.int64)
    for item in range(len(G)):
        group = np.append(nearest[:, item], item)
        block = G[np.ix_(group, group)] + l2 * np.eye(k + 1)
        P[group, item], known[group, item] = np.linalg.inv(block)[:, -1], 1
    return P, known


if __name__ == "__main__":
    main()
