"""Learning on a CUDA device: networks beside a plain loop and the card's limit, and the exact fit.

    python bench/speed/gpu.py

Mult-VAE and RecVAE pass a made-up log of ML-20M's shape (136,677 users, 20,108 items) in batches of
500, as published, and of more. `recorded` steps are launched as one CUDA graph, `launched` ones
kernel by kernel; `plain PyTorch` is Mult-VAE as its authors' loop has it, dense rows made batch by
batch, in bfloat16 too. Each row has the median seconds of an epoch but its first, and the products'
floating-point operations over what the card reaches on one large product in bfloat16. The exact
linear fit stands beside the bare factor and inverse of the same matrix on the card.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import common  # noqa: F401 - finds records
import numpy as np
import torch
from logs import Shape, made_up
from scipy import sparse
from torch import nn
from torch.nn import functional

import records
from likewise import LinearAutoencoder, RecVAE, VariationalAutoencoder
from likewise.autoencoders.gram import gram
from likewise.nn.plan import Plan

ML_20M = Shape(136_677, 20_108, 105.0)
L2 = 500.0
RECORDED = Plan.recorded


def main() -> None:
    parser = argparse.ArgumentParser(description="Learning on a CUDA device.")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--items", type=int, nargs="+", default=[20_000, 60_000])
    parser.add_argument("--networks", action="store_true", help="without the linear fit")
    parser.add_argument("--quick", action="store_true", help="try it: small, nothing written")
    arguments = parser.parse_args()
    shape = Shape(6_000, 2_000) if arguments.quick else ML_20M
    items = [1_000] if arguments.quick else [] if arguments.networks else arguments.items
    card = limits()
    print(json.dumps(card), flush=True)
    rows = []
    for found in (*networks(made_up(shape), arguments.epochs, card), *map(linear, items)):
        rows.append(found)
        print(json.dumps(found), flush=True)
    if not arguments.quick:
        records.write("speed-gpu", {"card": card, "rows": rows})


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def limits() -> dict[str, Any]:
    """Return what the card reaches: TFLOP/s of a large product, GB/s of a copy."""
    n = 8192 if device().type == "cuda" else 512
    found: dict[str, Any] = {"card": "none"}
    if device().type == "cuda":
        found["card"] = torch.cuda.get_device_name()
    for kind in (torch.bfloat16, torch.float32):
        A = torch.randn(n, n, device=device()).to(kind)
        seconds = median(timed(lambda A=A: A @ A) for _ in range(10))
        found[f"{str(kind).removeprefix('torch.')}_tflop_per_second"] = 2 * n**3 / seconds / 1e12
    source = torch.randn(2**28 if device().type == "cuda" else 2**20, device=device())
    copied = median(timed(source.clone) for _ in range(10))
    return found | {"gb_per_second": 2 * source.nbytes / copied / 1e9}


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds of work, the device's included."""
    wait()
    began = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - began


def wait() -> None:
    if device().type == "cuda":
        torch.cuda.synchronize()


# Networks


def networks(X: sparse.csr_array, epochs: int, card: dict[str, Any]) -> Any:
    for kind in (VariationalAutoencoder, RecVAE):
        for size, steps in ((500, "recorded"), (500, "launched"), (4_000, "recorded")):
            Plan.recorded = RECORDED if steps == "recorded" else False  # type: ignore[assignment]
            model = kind(
                max_epochs=4 * epochs if kind is RecVAE else epochs,
                batch_size=size,
                validation_fraction=0.0,
                random_state=0,
            )
            yield learned(model, X, steps, card)
    yield plain(X, epochs, card)


def learned(model: Any, X: sparse.csr_array, steps: str, card: dict[str, Any]) -> dict[str, Any]:
    """Let the rows pass; RecVAE's epochs are those of whole rounds, whatever learns in them."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    model.fit(X)
    seconds = [epoch["seconds"] for epoch in model.history_.epochs]
    if isinstance(model, RecVAE):
        rounds = np.reshape(seconds, (-1, 4))[1:]  # graphs are recorded in the first
        seconds = [0.0, *rounds.mean(axis=1)]
    name = f"likewise {type(model).__name__}, {steps}"
    products = None if isinstance(model, RecVAE) else products_of(model.net_, X)
    return row(name, int(model.batch_size), seconds, X, products, card)


def products_of(net: nn.Module, X: sparse.csr_array) -> float:
    """Return an epoch's operations: forward, and twice that back, without the first, sparse layer.

    So they are counted where rows are made dense, too: more than these is not needed.
    """
    weights = sum(p.numel() for p in net.parameters() if p.ndim == 2) - 600 * X.shape[1]
    return 3 * 2 * float(X.shape[0]) * weights


def row(
    name: str, size: int, seconds: list[float], X: Any, operations: float | None, card: Any
) -> dict[str, Any]:
    an_epoch = median(seconds[1:])
    found = {
        "run": name,
        "batch_size": size,
        "seconds_per_epoch": an_epoch,
        "first_epoch_seconds": seconds[0],
        "users_per_second": round(X.shape[0] / an_epoch),
    }
    if torch.cuda.is_available():
        found["peak_gib"] = torch.cuda.max_memory_allocated() / 2**30
    if operations is not None:
        peak = card["bfloat16_tflop_per_second"]
        found["share_of_bfloat16_peak"] = operations / 1e12 / an_epoch / peak
    return found


def plain(X: sparse.csr_array, epochs: int, card: dict[str, Any]) -> dict[str, Any]:
    """Mult-VAE in the usual loop: dense rows, Adam, log-softmax; bfloat16 by autocast."""
    n, width, code = X.shape[1], 600, 200
    first, last = nn.Linear(n, width), nn.Linear(width, n)
    into, out_of = nn.Linear(width, 2 * code), nn.Linear(code, width)
    net = nn.ModuleList([first, into, out_of, last]).to(device())
    adam = torch.optim.Adam(net.parameters(), 1e-3)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()

    def step(chosen: Any) -> None:
        x = torch.from_numpy(X[chosen].toarray()).to(device())
        with torch.autocast(device().type, dtype=torch.bfloat16):
            seen = functional.dropout(functional.normalize(x), 0.5)
            mean, log_variance = into(torch.tanh(first(seen))).chunk(2, 1)
            z = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
            logits = last(torch.tanh(out_of(z)))
        nll = -(functional.log_softmax(logits.float(), 1) * x).sum(1).mean()
        kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean()
        adam.zero_grad()
        (nll + 0.2 * kl).backward()
        adam.step()

    def epoch() -> None:
        order = np.random.default_rng(0).permutation(X.shape[0])
        for start in range(0, len(order), 500):
            step(order[start : start + 500])

    seconds = [timed(epoch) for _ in range(min(3, epochs))]
    return row("plain PyTorch Mult-VAE", 500, seconds, X, products_of(net, X), card)


# The exact linear fit


def linear(n_items: int) -> dict[str, Any]:
    X = made_up(Shape(50_000, n_items, 60.0))
    model = LinearAutoencoder(l2=L2)
    model.fit(made_up(Shape(500, 500)))  # what is loaded once is not the fit's
    fit = timed(lambda: model.fit(X))
    worst = residual(model, X)
    began = time.perf_counter()
    G = gram(X)
    counted = time.perf_counter() - began
    A = G.to(device())
    A.diagonal().add_(L2)
    bare = timed(lambda: torch.cholesky_inverse(torch.linalg.cholesky(A)))
    return {
        "run": f"linear, {n_items:,} items, {X.nnz:,} purchases",
        "fit_seconds": fit,
        "gram_seconds": counted,
        "bare_inverse_seconds": bare,
        "bare_tflop_per_second": n_items**3 / bare / 1e12,
        "largest_residual": worst,
    }


def residual(model: LinearAutoencoder, X: sparse.csr_array) -> float:
    """Return by how far B misses its equation in some rows, in float64, over its diagonal.

    With A = G + λ I and P its inverse, B = I - P diag(P)⁻¹, so A - A B = diag(P)⁻¹.
    """
    some = np.random.default_rng(0).choice(X.shape[1], 20, replace=False)
    G = (X.T.tocsr()[some] @ X).toarray().astype(np.float64)
    G[np.arange(len(some)), some] += L2
    fitted = np.empty_like(G)
    for start in range(0, X.shape[1], 1_000):  # in parts: B in float64 is twice its size
        part = slice(start, start + 1_000)
        fitted[:, part] = G[:, part] - G @ model.B_[:, part].astype(np.float64)
    own = fitted[np.arange(len(some)), some].copy()
    fitted[np.arange(len(some)), some] = 0
    return float(np.abs(fitted / own[:, None]).max())


if __name__ == "__main__":
    main()
