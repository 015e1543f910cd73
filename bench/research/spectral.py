"""What the spectral part adds to a blend, on validation parts carved from training lists alone.

    LIKEWISE_DATA=... python bench/research/spectral.py ml-1m-ultragcn
    LIKEWISE_DATA=... python bench/research/spectral.py gowalla

The test lists are not read.
"""

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from blend_ml1m import METRICS, carve
from scipy import sparse

from likewise import (
    KernelAutoencoder,
    LinearAutoencoder,
    NeighbourhoodAutoencoder,
    SpectralAutoencoder,
)
from likewise.autoencoders import Autoencoder
from likewise.evaluate.metrics import per_user_metrics
from likewise.recommend.blend import z_score
from likewise.recommend.topk import top_k

MOST_USERS = 2_000
WEIGHTS = (0.1, 0.2, 0.4, 0.7, 1.0)
PARTS: dict[str, tuple[list[tuple[Autoencoder, float]], Autoencoder]] = {
    "ml-1m-ultragcn": (
        [
            (LinearAutoencoder(l2=3, dropout=0.5, item_power=0.4, user_power=0.8), 1.0),
            (KernelAutoencoder(random_state=0), 0.7),
        ],
        SpectralAutoencoder(random_state=0),
    ),
    "gowalla": (
        [
            (
                NeighbourhoodAutoencoder(
                    l2=20,
                    dropout=0.5,
                    item_power=0.2,
                    user_power=0.3,
                    n_neighbours=150,
                    n_whole=200,
                ),
                1.0,
            )
        ],
        SpectralAutoencoder(n_latent=512, random_state=0),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=PARTS)
    name = parser.parse_args().data
    given, held_out = lists(name)
    some = users(held_out)
    parts, spectral = PARTS[name]
    base = sum(weight * scores(model, given, some) for model, weight in parts)
    judge("without", base, given[some], held_out[some])
    added = scores(spectral, given, some)
    judge("spectral alone", added, given[some], held_out[some])
    for weight in WEIGHTS:
        judge(f"+ {weight} spectral", base + weight * added, given[some], held_out[some])


def lists(name: str) -> tuple[Any, Any]:
    """Return what is learned from and what is to be found, both of the training list."""
    table = pq.read_table(Path(os.environ["LIKEWISE_DATA"]) / name / "train.parquet")
    user, item = (table[column].to_numpy() for column in ("user", "item"))
    shape = (user.max() + 1, item.max() + 1)
    if "valid" not in table.column_names:
        return carve(ones(user, item, shape))
    is_held = table["valid"].to_numpy().astype(bool)
    return tuple(ones(user[part], item[part], shape) for part in (~is_held, is_held))


def ones(user: Any, item: Any, shape: tuple[int, int]) -> Any:
    matrix = sparse.csr_array((np.ones(len(user), np.float32), (user, item)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def users(held_out: Any) -> Any:
    eligible = np.flatnonzero(np.diff(held_out.indptr) > 0)
    drawn = np.random.default_rng(0).permutation(eligible)[:MOST_USERS]
    return np.sort(drawn)


def scores(model: Autoencoder, given: Any, some: Any) -> Any:
    return z_score(model.fit(given)._logits(given[some]))


def judge(name: str, table: Any, given: Any, held_out: Any) -> None:
    table = np.array(table, dtype=np.float32)
    table[np.repeat(np.arange(len(table)), np.diff(given.indptr)), given.indices] = -np.inf
    values = per_user_metrics(top_k(table, 20)[0], held_out, METRICS)
    print(f"{name:16}", *(f"{metric} {np.nanmean(v):.4f}" for metric, v in values.items()))


if __name__ == "__main__":
    main()
