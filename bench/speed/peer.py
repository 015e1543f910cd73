"""One program, fitted and asked on one log; runs in that program's own environment.

    bench/.envs/implicit/bin/python bench/speed/peer.py implicit-cosine LOG.parquet

Prints one JSON document: seconds of the fit, of an epoch where there are any, of the top 100 of
everyone, of one basket's top 10, and the peak of memory. Each program is asked by its own public
call, as its documentation has it; where that takes one user at a time, some users are asked and the
time is scaled up, and said so. Networks are Mult-VAE's, 600-200-600 in batches of 500, trained for
a few epochs: their quality is not looked at.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))

import numpy as np
from harness import THREADS, peak_rss_mib
from pyarrow import parquet
from scipy import sparse

K, ASKED, L2, NEIGHBOURS, EPOCHS = 100, 200, 100.0, 200, 5
FACTORS, PASSES = 128, 15  # of alternating least squares

Answer = Callable[[Any], Any]


@dataclass(frozen=True)
class Fitted:
    """How a fitted program is asked: everyone (row numbers) for K items, one user for 10.

    `at_once` says whether its call takes many users; `epochs` has the seconds of each.
    """

    everyone: Answer
    one: Answer
    at_once: bool = True
    epochs: Sequence[float] = ()


Fit = Callable[[sparse.csr_matrix], Fitted]


def likewise(name: str) -> Fit:
    def fit(X: sparse.csr_matrix) -> Fitted:
        import torch

        from likewise import LinearAutoencoder, Recommender, VariationalAutoencoder
        from likewise.autoencoders import ALSAutoencoder, NeighbourhoodAutoencoder
        from likewise.recommend.baselines import ItemNeighbours

        torch.set_num_threads(THREADS)
        models = {
            "linear": LinearAutoencoder(l2=L2),
            "neighbourhood": NeighbourhoodAutoencoder(l2=L2, n_neighbours=NEIGHBOURS, n_whole=200),
            "item-kNN": ItemNeighbours(n_neighbours=NEIGHBOURS),
            "ALS": ALSAutoencoder(n_latent=FACTORS, n_iter=PASSES, random_state=0),
            "MultVAE": VariationalAutoencoder(
                max_epochs=EPOCHS, validation_fraction=0.0, random_state=0
            ),
        }
        rows = sparse.csr_array(X)
        fitted = Recommender(models[name]).fit(rows, support=False)
        history = getattr(fitted.model_, "history_", None)
        return Fitted(
            lambda users: fitted.recommend(rows[users], k=K),
            lambda user: fitted.recommend([rows[[user]].indices.tolist()], k=10),
            epochs=[epoch["seconds"] for epoch in history.epochs] if history else (),
        )

    return fit


def implicit(model: str) -> Fit:
    def fit(X: sparse.csr_matrix) -> Fitted:
        from implicit.cpu.als import AlternatingLeastSquares
        from implicit.nearest_neighbours import CosineRecommender

        if model == "cosine":
            fitted: Any = CosineRecommender(K=NEIGHBOURS, num_threads=THREADS)
        else:
            fitted = AlternatingLeastSquares(
                factors=FACTORS, iterations=PASSES, num_threads=THREADS
            )
        fitted.fit(X, show_progress=False)
        return Fitted(
            lambda users: fitted.recommend(users, X[users], N=K),
            lambda user: fitted.recommend(user, X[user], N=10),
        )

    return fit


def cornac(name: str) -> Fit:
    def fit(X: sparse.csr_matrix) -> Fitted:
        import fitting
        import run_cornac
        import torch

        torch.set_num_threads(THREADS)
        watch = fitting.Watch()
        if name == "EASE":
            data = run_cornac.dataset(sparse.csr_array(X))
            fitted: Any = run_cornac.EASE(lamb=L2, posB=False, verbose=False).fit(data)
        else:
            settings = run_cornac.PRESETS[name] | {"n_epochs": EPOCHS, "seed": 0}
            fitted, data = run_cornac.train(name, settings, sparse.csr_array(X), watch)

        def ask(user: Any, k: int) -> Any:
            return fitted.recommend(user, k=k, remove_seen=True, train_set=data)

        return Fitted(
            lambda users: [ask(user, K) for user in users],
            lambda user: ask(user, 10),
            at_once=False,
            epochs=watch.seconds,
        )

    return fit


def recbole(name: str) -> Fit:
    def fit(X: sparse.csr_matrix) -> Fitted:
        sys.argv = sys.argv[:1]  # RecBole would read the command line too
        import fitting
        import run_recbole
        import torch
        from recbole.data.interaction import Interaction

        torch.set_num_threads(THREADS)
        watch = fitting.Watch()
        kind = name.partition("-")[0]
        settings = run_recbole.PRESETS[name] | {"reg_weight": L2, "epochs": EPOCHS}
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            config, data = run_recbole.prepare(sparse.csr_array(X), kind, settings)
            if kind == "EASE":
                model = run_recbole.get_model("EASE")(config, data.dataset)
            else:
                model = run_recbole.train(config, data, watch)
        model.eval()
        row_of = data.dataset.token2id("user_id", [str(n) for n in range(X.shape[0])])

        def ask(users: Any, k: int) -> Any:
            batch = Interaction({"user_id": torch.from_numpy(np.atleast_1d(row_of[users]))})
            with torch.no_grad():
                scores = torch.as_tensor(model.full_sort_predict(batch)).view(len(batch), -1)
            return torch.topk(scores, k)

        def everyone(users: Any) -> None:
            for start in range(0, len(users), 500):
                ask(users[start : start + 500], K)

        return Fitted(everyone, lambda user: ask(user, 10), epochs=watch.seconds)

    return fit


def lenskit(X: sparse.csr_matrix) -> Fitted:
    import pandas as pd
    from lenskit import recommend
    from lenskit.batch import recommend as batch_recommend
    from lenskit.data import from_interactions_df
    from lenskit.knn import ItemKNNScorer
    from lenskit.pipeline import topn_pipeline

    user, item = X.nonzero()
    data = from_interactions_df(pd.DataFrame({"user_id": user, "item_id": item}))
    pipeline = topn_pipeline(ItemKNNScorer(max_nbrs=NEIGHBOURS, feedback="implicit"))
    pipeline.train(data)
    processes = THREADS if X.shape[0] > 10_000 else 1  # a second one takes seconds to start
    return Fitted(
        lambda users: batch_recommend(pipeline, users.tolist(), K, n_jobs=processes),
        lambda user: recommend(pipeline, user, 10),
    )


def sansa(X: sparse.csr_matrix) -> Fitted:
    from sansa import SANSA, SANSAConfig
    from sansa.core import ICFGramianFactorizerConfig, UMRUnitLowerTriangleInverterConfig

    config = SANSAConfig(
        l2=L2,
        weight_matrix_density=min(1.0, NEIGHBOURS / X.shape[1]),
        gramian_factorizer_config=ICFGramianFactorizerConfig(
            factorization_shift_step=1e-3, factorization_shift_multiplier=2.0
        ),
        lower_triangle_inverter_config=UMRUnitLowerTriangleInverterConfig(
            scans=1, finetune_steps=5
        ),
    )
    fitted = SANSA(config)
    fitted.fit(X.copy())
    return Fitted(
        lambda users: fitted.recommend(X[users], k=K, mask_input=True),
        lambda user: fitted.recommend(X[[user]], k=10, mask_input=True),
    )


PEERS: dict[str, Fit] = {
    "likewise-linear": likewise("linear"),
    "likewise-neighbourhood": likewise("neighbourhood"),
    "likewise-item-kNN": likewise("item-kNN"),
    "likewise-ALS": likewise("ALS"),
    "implicit-cosine": implicit("cosine"),
    "implicit-ALS": implicit("ALS"),
    "cornac-EASE": cornac("EASE"),
    "recbole-EASE": recbole("EASE"),
    "lenskit-ItemKNN": lenskit,
    "sansa": sansa,
    "likewise-MultVAE": likewise("MultVAE"),
    "recbole-MultiVAE": recbole("MultiVAE-paper"),
    "cornac-VAECF": cornac("VAECF-paper"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="One program, fitted and asked on one log.")
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("log", type=Path, help="parquet with user and item, whole numbers from 0")
    arguments = parser.parse_args()
    table = parquet.read_table(arguments.log)
    user, item = (table[side].to_numpy() for side in ("user", "item"))
    shape = (int(user.max()) + 1, int(item.max()) + 1)
    X = sparse.csr_matrix((np.ones(len(user), np.float32), (user, item)), shape=shape)
    PEERS[arguments.name](small())  # what is imported and compiled once is not the fit's
    before = peak_rss_mib()
    began = time.perf_counter()
    fitted = PEERS[arguments.name](X)
    fit_seconds = time.perf_counter() - began
    asked = np.random.default_rng(0).permutation(shape[0])[:ASKED]
    for number in asked[:5]:
        fitted.one(int(number))
    latency = [timed(fitted.one, int(number)) for number in asked]
    users = np.arange(shape[0]) if fitted.at_once else asked
    bulk_seconds = timed(fitted.everyone, users) * shape[0] / len(users)
    p50, p99 = np.percentile(latency, [50, 99])
    record = {
        "name": arguments.name,
        "users": shape[0],
        "items": shape[1],
        "purchases": X.nnz,
        "fit_seconds": fit_seconds,
        "epochs_per_second": 1 / median(fitted.epochs) if fitted.epochs else None,
        "everyone_seconds": bulk_seconds,
        "everyone_scaled_up_from": None if fitted.at_once else len(users),
        "one_p50_ms": 1e3 * p50,
        "one_p99_ms": 1e3 * p99,
        "peak_gib": peak_rss_mib() / 1024,
        "loaded_gib": before / 1024,
    }
    print(json.dumps(record))


def small() -> sparse.csr_matrix:
    """Return a log of nothing much, in which every user and item occurs."""
    rows = np.random.default_rng(0).random((40, 30)) < 0.3
    rows[np.arange(40), np.arange(40) % 30] = True
    return sparse.csr_matrix(rows.astype(np.float32))


def timed(work: Answer, what: Any) -> float:
    began = time.perf_counter()
    work(what)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
