"""Linear, kernel, and their blend on ml-1m as UltraGCN's authors split it.

Settings were chosen on a ninth of each user's training items (`--validation`, the default here);
`--test` learns from all of them and reads the test. Usage::

    LIKEWISE_DATA=... python bench/research/blend_ml1m.py [--test]
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy import sparse

from likewise import Blend, KernelAutoencoder, LinearAutoencoder
from likewise.evaluate.metrics import per_user_metrics
from likewise.recommend.topk import top_k

METRICS = ("recall@20", "ndcg@20")
SEEDS = (0, 1, 2)


def main() -> None:
    """Print one line a model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test", action="store_true", help="read the test")
    given, held_out = load("ml-1m-ultragcn")
    if not parser.parse_args().test:
        given, held_out = carve(given)
    for name, model in models():
        logits = model.fit(given).logits(given)
        row = np.repeat(np.arange(len(logits)), np.diff(given.indptr))
        logits[row, given.indices] = -np.inf
        values = per_user_metrics(top_k(logits, 20)[0], held_out, METRICS)
        print(f"{name:28}", *(f"{metric} {np.nanmean(v):.4f}" for metric, v in values.items()))


def models() -> list[tuple[str, Any]]:
    """Return what is compared, with the settings that were chosen."""
    linear = LinearAutoencoder(l2=3, dropout=0.5, item_power=0.4, user_power=0.8)
    rows: list[tuple[str, Any]] = [("EASE", LinearAutoencoder(l2=1000)), ("linear", linear)]
    for seed in SEEDS:
        kernel = KernelAutoencoder(random_state=seed)
        blend = Blend(parts=[linear, kernel], weights=[1.0, 0.7])
        rows += [(f"kernel, seed {seed}", kernel), (f"linear + kernel, seed {seed}", blend)]
    return rows


def load(name: str) -> tuple[Any, Any]:
    """Return the training and the test lists as CSR matrices of ones."""
    folder = Path(os.environ["LIKEWISE_DATA"]) / name
    tables = [pq.read_table(folder / f"{part}.parquet") for part in ("train", "test")]
    codes = []
    for column in ("user", "item"):
        parts = [table[column].to_numpy() for table in tables]
        code = np.unique(np.concatenate(parts), return_inverse=True)[1]
        codes.append((code.max() + 1, np.split(code, [len(parts[0])])))
    shape = (codes[0][0], codes[1][0])
    train, test = (_ones(codes[0][1][n], codes[1][1][n], shape) for n in (0, 1))
    return train, test


def carve(train: Any, share: float = 1 / 9, seed: int = 0) -> tuple[Any, Any]:
    """Hold a share of each user's items out."""
    row, length = np.repeat(np.arange(train.shape[0]), np.diff(train.indptr)), np.diff(train.indptr)
    order = np.lexsort((np.random.default_rng(seed).random(train.nnz), row))
    place = np.empty(train.nnz, dtype=np.int64)
    place[order] = np.arange(train.nnz) - train.indptr[row[order]]
    out = place < np.round(length * share)[row]
    return tuple(_ones(row[part], train.indices[part], train.shape) for part in (~out, out))


def _ones(user: Any, item: Any, shape: tuple[int, int]) -> Any:
    matrix = sparse.csr_array((np.ones(len(user), np.float32), (user, item)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


if __name__ == "__main__":
    main()
