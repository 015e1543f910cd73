"""What ImplicitSLIM brings to a factorisation and to the cosine autoencoder; reads no test.

    LIKEWISE_DATA=... python bench/research/implicit_slim.py

I. Shenbin, S. Nikolenko, "ImplicitSLIM and how it improves embedding-based collaborative
filtering", ICLR 2024, arXiv:2406.00198. Item vectors W (L x I) are drawn towards those that locally
linear embedding would lay out by the weights of a linear autoencoder, without making that I x I
matrix. With G = XᵀX, D = 1 / (diag G + l2), and A = W but for rare items, which are 0 there::

    V = W Aᵀ (1/α + A C Aᵀ)^-1 A C,    C = (G + l2) D² (G + l2)

A fifth of ml-1m-ultragcn's training lists is held out, as in `cosine.py`.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from cosine import METRICS, Net, fifth
from scipy import sparse
from torch import Tensor

from likewise import ALSAutoencoder, KernelAutoencoder, LinearAutoencoder, SpectralAutoencoder
from likewise.data.public_sets import load_split
from likewise.evaluate.metrics import per_user_metrics
from likewise.recommend.blend import z_score
from likewise.recommend.topk import top_k

Vectors = Callable[[np.ndarray], np.ndarray]
SUM = (
    (1.0, LinearAutoencoder(l2=3, dropout=0.5, item_power=0.4, user_power=0.8)),
    (0.7, KernelAutoencoder(random_state=0)),
    (0.4, SpectralAutoencoder(n_latent=100, random_state=0)),
    (0.4, ALSAutoencoder(n_latent=64, random_state=0)),
    (0.4, ALSAutoencoder(n_latent=128, l2=0.01, random_state=0)),
)


def main() -> None:
    torch.set_num_threads(1)
    given, hidden = fifth(sparse.csr_array(load_split("ml-1m-ultragcn").refit.matrix))
    base = sum(w * z_score(model.fit(given).logits(given)) for w, model in SUM)
    of_sum = judged("the sum", base, given, hidden)
    for l2 in (None, 10.0, 100.0, 1_000.0):
        for pull in (0.0,) if l2 is None else (0.0, 1_000.0, 10_000.0):
            towards = None if l2 is None else implicit_slim(given, l2)
            scores = factorised(given, towards, pull)
            judged(f"factors, l2 {l2}, pull {pull:g}", scores, given, hidden)
    net = Net(True, True, masked=False, batch_size=200, hidden=0.3, epochs=20)
    for l2, pull in ((None, 0.0), (100.0, 0.0), (1_000.0, 0.0), (100.0, 10.0), (1_000.0, 10.0)):
        began = time.monotonic()
        towards = None if l2 is None else of_tensors(implicit_slim(given, l2))
        scores = net.scores(given, towards, pull)
        name = f"cosine, l2 {l2}, pull {pull:g}, {time.monotonic() - began:.0f} s"
        judged(name, scores, given, hidden)
        added = judged("  beside the sum", base + 0.8 * z_score(scores), given, hidden)
        gain = (added - of_sum)[~np.isnan(of_sum)]
        print(f"  {gain.mean():+.4f} ± {1.96 * gain.std() / len(gain) ** 0.5:.4f}", flush=True)


def implicit_slim(X: sparse.csr_array, l2: float, alpha: float = 100.0, least: int = 50) -> Vectors:
    """Return what gives V of W, both L x I; items bought less often than `least` are rare."""
    G, counts = (X.T @ X).toarray().astype(np.float64), X.sum(0)
    D = 1 / (counts + l2)

    def towards(W: np.ndarray) -> np.ndarray:
        A = np.where(counts < least, 0, W)
        AC = (A @ G + l2 * A) * D**2
        AC = AC @ G + l2 * AC
        return W @ A.T @ np.linalg.solve(np.eye(len(W)) / alpha + AC @ A.T, AC)

    return towards


def of_tensors(towards: Vectors) -> Callable[[Tensor], Tensor]:
    """Return the same of vectors I x L, as long on average as they were."""

    def drawn(items: Tensor) -> Tensor:
        V = torch.from_numpy(towards(items.numpy().T.astype(np.float64)).T.astype(np.float32))
        return V * (items.norm(dim=1).mean() / V.norm(dim=1).mean())

    return drawn


def factorised(X: sparse.csr_array, towards: Vectors | None, pull: float) -> np.ndarray:
    """Return |X - PᵀQ|² at its least, ten turns; `pull` weighs |Q - V|²."""
    Q, eye = np.random.default_rng(0).standard_normal((64, X.shape[1])), np.eye(64)
    if towards is not None:
        Q = np.linalg.qr(towards(Q).T)[0].T
    for _ in range(10):
        P = np.linalg.solve(eye + Q @ Q.T, (X @ Q.T).T)
        V = np.linalg.qr(towards(Q).T)[0].T if towards is not None else Q
        Q = np.linalg.solve((1 + pull) * eye + P @ P.T, (X.T @ P.T).T + pull * V)
    P = np.linalg.solve(eye + Q @ Q.T, (X @ Q.T).T)
    return (P.T @ Q).astype(np.float32)


def judged(
    name: str, scores: np.ndarray, given: sparse.csr_array, hidden: sparse.csr_array
) -> np.ndarray:
    """Print how well what is hidden is found; return each row's nDCG@20."""
    scores = scores.copy()
    scores[given.nonzero()] = -np.inf
    found = per_user_metrics(top_k(scores, 20)[0], hidden, METRICS)
    print(f"{name}:", " / ".join(f"{np.nanmean(found[one]):.4f}" for one in METRICS), flush=True)
    return found["ndcg@20"]


if __name__ == "__main__":
    main()
