"""Embed rows with UMAP, parametric UMAP or t-SNE; `bench/embedding.py` calls it.

    bench/.envs/embedding/bin/python bench/peers/run_embedding.py umap rows.npz codes.npz \
        --dimensions 2 --seed 0

rows.npz has `train` and `test`, each of shape (n, F); codes.npz gets `train` and `test` of shape
(n, dimensions), and `seconds` of learning and placing. Every method learns from `train` alone and
then places `test`.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np


def umap(train, dimensions, seed):
    from umap import UMAP

    model = UMAP(n_components=dimensions, random_state=seed, n_jobs=1).fit(train)
    return model.embedding_, model.transform


def parametric_umap(train, dimensions, seed):
    import keras
    from umap.parametric_umap import ParametricUMAP

    keras.utils.set_random_seed(seed)
    model = ParametricUMAP(n_components=dimensions, random_state=seed, verbose=False).fit(train)
    return model.embedding_, model.transform


def tsne(train, dimensions, seed):
    from openTSNE import TSNE

    placed = TSNE(n_components=dimensions, random_state=seed, n_jobs=os.cpu_count()).fit(train)
    return np.asarray(placed), lambda test: np.asarray(placed.transform(test))


METHODS = {"umap": umap, "parametric-umap": parametric_umap, "t-sne": tsne}


def main() -> None:
    parser = argparse.ArgumentParser(description="Embed rows.")
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("rows")
    parser.add_argument("codes")
    parser.add_argument("--dimensions", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = np.load(arguments.rows)  # noqa: TID251 - arrays that bench/embedding.py wrote
    began = time.perf_counter()
    train, place = METHODS[arguments.method](rows["train"], arguments.dimensions, arguments.seed)
    test = place(rows["test"])
    np.savez(arguments.codes, train=train, test=test, seconds=time.perf_counter() - began)


if __name__ == "__main__":
    main()
