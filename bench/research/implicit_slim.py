"""What ImplicitSLIM brings to other models, and what lies at its end; reads no test.

    LIKEWISE_DATA=... python bench/research/implicit_slim.py drawn laid-out

I. Shenbin, S. Nikolenko, "ImplicitSLIM and how it improves embedding-based collaborative
filtering", ICLR 2024, arXiv:2406.00198. Item vectors W (L x I) are drawn towards those that locally
linear embedding would lay out by the weights of a linear autoencoder, without making that I x I
matrix. With G = XᵀX, D = 1 / (diag G + l2), and A = W but for rare items, which are 0 there::

    V = W Aᵀ (1/α + A C Aᵀ)^-1 A C,    C = (G + l2) D² (G + l2)

`drawn`: a factorisation and the cosine autoencoder, so drawn. `laid-out`: what W comes to when it
is drawn without end, the leading eigenvectors of C, as an autoencoder of their own, with rows that
weigh n^-b, D to other powers (c is 1 + p), directions weighed by their lengths to a power q, and
the exact diagonal of (G + l2)^-1 for D. A fifth of ml-1m-ultragcn's training lists is held out, as
in `cosine.py`.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from cosine import METRICS, Net, fifth
from scipy import linalg, sparse
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["drawn", "laid-out"], nargs="+")
    torch.set_num_threads(1)
    given, hidden = fifth(sparse.csr_array(load_split("ml-1m-ultragcn").refit.matrix))
    base = sum(w * z_score(model.fit(given).logits(given)) for w, model in SUM)
    judge = Judge(given, hidden, base)
    for what in parser.parse_args().what:
        {"drawn": drawn, "laid-out": laid_out}[what](given, judge)


def drawn(given: sparse.csr_array, judge: "Judge") -> None:
    for l2 in (None, 10.0, 100.0, 1_000.0):
        for pull in (0.0,) if l2 is None else (0.0, 1_000.0, 10_000.0):
            towards = None if l2 is None else implicit_slim(given, l2)
            judge(f"factors, l2 {l2}, pull {pull:g}", factorised(given, towards, pull), 0.2)
    net = Net(True, True, masked=False, batch_size=200, hidden=0.3, epochs=20)
    for l2, pull in ((None, 0.0), (100.0, 0.0), (1_000.0, 0.0), (100.0, 10.0), (1_000.0, 10.0)):
        began = time.monotonic()
        towards = None if l2 is None else of_tensors(implicit_slim(given, l2))
        scores = net.scores(given, towards, pull)
        judge(f"cosine, l2 {l2}, pull {pull:g}, {time.monotonic() - began:.0f} s", scores, 0.8)


def laid_out(given: sparse.csr_array, judge: "Judge") -> None:
    spectral = SpectralAutoencoder(n_latent=64, random_state=0).fit(given)
    judge("spectral, 64 directions", spectral.logits(given), 0.3)
    for changed in (
        {"b": 0.0}, {"b": 0.5}, {"b": 0.75}, {}, {"exact": True}, {"l2": 0.5}, {"l2": 20.0},
        {"a": 0.0}, {"a": 0.4}, {"c": 1.25}, {"c": 1.5}, {"c": 2.0}, {"c": 1.25, "q": 0.1},
    ):  # fmt: skip
        for n_latent in (64, 96, 128):
            scores = of_directions(given, n_latent, **changed)
            judge(f"{changed or 'p 0'}, {n_latent} directions", scores, 0.3)


def of_directions(
    X: sparse.csr_array, n_latent: int, l2: float = 5.0, a: float = 0.2, b: float = 1.0,
    c: float = 1.0, q: float = 0.0, exact: bool = False,
) -> np.ndarray:  # fmt: skip
    """Return scores by the leading right singular vectors of D^c (G + λ)."""
    rows, counts = X.toarray(), X.sum(0)
    weighted = rows * (rows.sum(1, keepdims=True).clip(1) ** (-b / 2))
    G = (weighted.T @ weighted).astype(np.float64)
    G.flat[:: len(G) + 1] += l2 * G.diagonal().mean()
    D = np.linalg.inv(G).diagonal() if exact else 1 / G.diagonal()
    squares, V = linalg.eigh(
        (G * D ** (2 * c)) @ G, subset_by_index=[len(G) - n_latent, len(G) - 1]
    )
    lengths = (squares / squares[-1]) ** (q / 2)
    scale = np.maximum(counts, 1) ** -a
    return (((rows * scale) @ (V * lengths)) @ V.T / scale).astype(np.float32)


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


@dataclass
class Judge:
    """Prints how well what is hidden is found: by scores alone, and added to those of a sum."""

    given: sparse.csr_array
    hidden: sparse.csr_array
    base: np.ndarray

    def __post_init__(self) -> None:
        self.of_base = self.found(self.base)
        print(f"the sum: {self.told(self.of_base)}", flush=True)

    def __call__(self, name: str, scores: np.ndarray, weight: float) -> None:
        added = self.found(self.base + weight * z_score(scores))
        gain = added["ndcg@20"] - self.of_base["ndcg@20"]
        gain = gain[~np.isnan(gain)]
        interval = f"{gain.mean():+.4f} ± {1.96 * gain.std() / len(gain) ** 0.5:.4f}"
        alone = self.told(self.found(scores))
        print(f"{name}: {alone}; added {self.told(added)} ({interval})", flush=True)

    def found(self, scores: np.ndarray) -> dict[str, np.ndarray]:
        scores = scores.copy()
        scores[self.given.nonzero()] = -np.inf
        return per_user_metrics(top_k(scores, 20)[0], self.hidden, METRICS)

    def told(self, found: dict[str, np.ndarray]) -> str:
        return " / ".join(f"{np.nanmean(found[one]):.4f}" for one in METRICS)


if __name__ == "__main__":
    main()
