"""Pairs of items as further features of the linear autoencoder; on validation parts alone.

    LIKEWISE_DATA=... python bench/research/pairs.py ml-1m-ultragcn

H. Steck, D. Liang, "Negative interactions for improved collaborative filtering: don't go deeper,
go higher", RecSys 2021. A row is [x, z], z_ab = x_a x_b for the pairs that go together most;
neither an item nor a pair that it is in may explain it. They take ADMM for that; here each target
is solved exactly: with P = (G + Λ)^-1 and S_t the features that know t,

    w_t = e_t - P[:, S_t] (P[S_t, S_t])^-1 e_t

which is EASE where there are no pairs, as S_t = {t}.
"""

import argparse
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

from likewise import KernelAutoencoder, LinearAutoencoder, SpectralAutoencoder, load_sample
from likewise.data.public_sets import load_split
from likewise.evaluate.metrics import per_user_metrics
from likewise.recommend.blend import z_score
from likewise.recommend.recency import cut_by_time
from likewise.recommend.topk import top_k

METRICS = ("recall@20", "ndcg@20")
PAIRS = (0, 500, 2_000)
RIDGES = (3.0, 10.0)
EASE = {"l2": 500.0, "dropout": 0.0, "item_power": 0.0, "user_power": 0.0}
DAN = {"l2": 3.0, "dropout": 0.5, "item_power": 0.4, "user_power": 0.8}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    name = parser.parse_args().data
    split = cut_by_time(load_sample())[0] if name == "online-retail" else load_split(name)
    X, fold = split.train.matrix.astype(np.float32), split.validation
    X.data[:] = 1
    given, held_out = fold.given.astype(np.float32), fold.held_out
    given.data[:] = 1
    for label, settings in (("EASE", EASE), ("DAN", DAN)):
        for n_pairs in PAIRS:
            for more in RIDGES if n_pairs else (1.0,):
                scores = with_pairs(X, given, n_pairs, more, **settings)
                judge(f"{label} {n_pairs} pairs, their ridge x{more:g}", scores, given, held_out)
    parts = (
        (LinearAutoencoder(**DAN), 1.0),
        (KernelAutoencoder(random_state=0), 0.7),
        (SpectralAutoencoder(random_state=0, n_latent=100), 0.4),
    )
    base = sum(w * z_score(model.fit(X).logits(given)) for model, w in parts)
    judge("linear + .7 kernel + .4 spectral", base, given, held_out)
    for n_pairs in PAIRS[1:]:
        found = z_score(with_pairs(X, given, n_pairs, 3.0, **DAN))
        for weight in (0.2, 0.5, 1.0):
            judge(f"+ {weight} of {n_pairs} pairs", base + weight * found, given, held_out)


def with_pairs(
    X: Any, given: Any, n_pairs: int, more: float,
    *, l2: float, dropout: float, item_power: float, user_power: float,
) -> Any:  # fmt: skip
    """Return scores of the rows asked about; `more` is the ridge of pairs over that of items."""
    n_items = X.shape[1]
    pairs = most_together(X, n_pairs)
    Z = sparse.hstack([X, both(X, pairs)]).tocsr()
    weight = np.maximum(np.diff(X.indptr), 1) ** -user_power
    G = (Z.T @ (Z * weight[:, None])).toarray().astype(np.float64)
    penalty = l2 + dropout / (1 - dropout) * G.diagonal()
    penalty[n_items:] *= more
    G[np.diag_indices_from(G)] += penalty
    factor = cho_factor(G, overwrite_a=True)
    P = cho_solve(factor, np.eye(len(penalty)), overwrite_b=True)
    knows = [[] for _ in range(n_items)]
    for n, pair in enumerate(pairs):
        for item in pair:
            knows[item].append(n_items + n)
    W = np.empty((len(penalty), n_items), np.float32)
    for t in range(n_items):
        S = [t, *knows[t]]
        first = np.linalg.solve(P[np.ix_(S, S)], np.eye(len(S))[:, 0])
        W[:, t] = -P[:, S] @ first
        W[S, t] = 0
    power = np.maximum(np.asarray(Z.sum(axis=0)), 1) ** item_power
    W *= power[:, None] / power[:n_items]
    return np.asarray(sparse.hstack([given, both(given, pairs)]) @ W, dtype=np.float32)


def most_together(X: Any, n_pairs: int) -> Any:
    """Return the pairs that the most rows hold, as rows of two item numbers."""
    C = sparse.triu(X.T @ X, k=1).tocoo()
    best = np.argsort(-C.data, kind="stable")[:n_pairs]
    return np.stack([C.row[best], C.col[best]], axis=1)


def both(X: Any, pairs: Any) -> Any:
    """Return, for each row, which pairs it holds."""
    if not len(pairs):
        return sparse.csr_array((X.shape[0], 0), dtype=np.float32)
    columns = X.tocsc()
    return columns[:, pairs[:, 0]].multiply(columns[:, pairs[:, 1]]).tocsr()


def judge(label: str, scores: Any, given: Any, held_out: Any) -> None:
    scores = scores.copy()
    scores[np.repeat(np.arange(len(scores)), np.diff(given.indptr)), given.indices] = -np.inf
    values = per_user_metrics(top_k(scores, 20)[0], held_out, METRICS)
    means = (f"{metric} {np.nanmean(v):.4f}" for metric, v in values.items())
    print(f"{label:45}", *means, flush=True)


if __name__ == "__main__":
    main()
