"""One program, fitted and asked on one log; runs in that program's own environment.

    bench/.envs/implicit/bin/python bench/speed/peer.py implicit-cosine LOG.parquet

Prints one JSON document: seconds of the fit, of the top 100 of everyone, of one basket's top 10,
and the peak of memory. Each program is asked by its own public call, as its documentation has it;
where that takes one user at a time, some users are asked and the time is scaled up, and said so.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet
from scipy import sparse

K, ASKED, L2, NEIGHBOURS = 100, 200, 100.0, 200
THREADS = 2

Answer = Callable[[Any], Any]
"""Row numbers of users to lists; the first asks for K items each, the second for 10 of one user."""
Fit = Callable[[sparse.csr_matrix], tuple[Answer, Answer, bool]]
"""Returns how everyone is asked, how one is, and whether everyone can be asked at once."""


def likewise(model: str) -> Fit:
    def fit(X: sparse.csr_matrix) -> tuple[Answer, Answer, bool]:
        from likewise import LinearAutoencoder, Recommender
        from likewise.autoencoders import NeighbourhoodAutoencoder

        kinds = {
            "linear": LinearAutoencoder(l2=L2),
            "neighbourhood": NeighbourhoodAutoencoder(l2=L2, n_neighbours=NEIGHBOURS),
        }
        fitted = Recommender(kinds[model]).fit(sparse.csr_array(X), support=False)
        rows = sparse.csr_array(X)
        return (
            lambda users: fitted.recommend(rows[users], k=K),
            lambda user: fitted.recommend([rows[[user]].indices.tolist()], k=10),
            True,
        )

    return fit


def implicit(model: str) -> Fit:
    def fit(X: sparse.csr_matrix) -> tuple[Answer, Answer, bool]:
        from implicit.cpu.als import AlternatingLeastSquares
        from implicit.nearest_neighbours import CosineRecommender

        if model == "cosine":
            fitted: Any = CosineRecommender(K=NEIGHBOURS, num_threads=THREADS)
        else:
            fitted = AlternatingLeastSquares(factors=128, num_threads=THREADS)
        fitted.fit(X, show_progress=False)
        return (
            lambda users: fitted.recommend(users, X[users], N=K),
            lambda user: fitted.recommend(user, X[user], N=10),
            True,
        )

    return fit


def cornac(X: sparse.csr_matrix) -> tuple[Answer, Answer, bool]:
    from cornac.data import Dataset
    from cornac.models import EASE

    user, item = (ids.tolist() for ids in X.nonzero())
    data = Dataset.from_uir(list(zip(user, item, [1.0] * len(user), strict=True)), seed=0)
    fitted = EASE(lamb=L2, posB=False, verbose=False).fit(data)
    return (
        lambda users: [fitted.recommend(u, k=K, remove_seen=True, train_set=data) for u in users],
        lambda user: fitted.recommend(user, k=10, remove_seen=True, train_set=data),
        False,
    )


def recbole(X: sparse.csr_matrix) -> tuple[Answer, Answer, bool]:
    import sys

    import torch

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))
    sys.argv = sys.argv[:1]  # RecBole would read the command line too
    import run_recbole
    from recbole.data.interaction import Interaction
    from recbole.utils import get_model

    torch.set_num_threads(THREADS)
    one_each = sparse.csr_array(X[:, :].multiply(0).tolil())
    one_each[np.arange(X.shape[0]), X.indices[X.indptr[:-1]]] = 1
    one_each = one_each.tocsr()
    split = run_recbole.Split(Path(), sparse.csr_array(X), one_each, sparse.csr_array(X), one_each)
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        settings = {"reg_weight": L2}
        config, dataset, parts = run_recbole.prepare(split.train_fit, split, "EASE", settings)
        model = get_model("EASE")(config, parts[0].dataset)
    row_of = dataset.token2id("user_id", [str(n) for n in range(X.shape[0])])

    def ask(users: Any, k: int) -> Any:
        batch = Interaction({"user_id": torch.from_numpy(np.atleast_1d(row_of[users]))})
        with torch.no_grad():
            scores = torch.as_tensor(model.full_sort_predict(batch)).view(len(batch), -1)
        return torch.topk(scores, k)

    def everyone(users: Any) -> None:
        for start in range(0, len(users), 500):
            ask(users[start : start + 500], K)

    return everyone, lambda user: ask(user, 10), True


def lenskit(X: sparse.csr_matrix) -> tuple[Answer, Answer, bool]:
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
    return (
        lambda users: batch_recommend(pipeline, users.tolist(), K, n_jobs=THREADS),
        lambda user: recommend(pipeline, user, 10),
        True,
    )


def sansa(X: sparse.csr_matrix) -> tuple[Answer, Answer, bool]:
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
    return (
        lambda users: fitted.recommend(X[users], k=K, mask_input=True),
        lambda user: fitted.recommend(X[[user]], k=10, mask_input=True),
        True,
    )


PEERS: dict[str, Fit] = {
    "likewise-linear": likewise("linear"),
    "likewise-neighbourhood": likewise("neighbourhood"),
    "implicit-cosine": implicit("cosine"),
    "implicit-ALS": implicit("ALS"),
    "cornac-EASE": cornac,
    "recbole-EASE": recbole,
    "lenskit-ItemKNN": lenskit,
    "sansa": sansa,
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
    before = peak_gib()
    began = time.perf_counter()
    everyone, one, at_once = PEERS[arguments.name](X)
    fit_seconds = time.perf_counter() - began
    asked = np.random.default_rng(0).permutation(shape[0])[:ASKED]
    for number in asked[:5]:
        one(int(number))
    latency = [timed(one, int(number)) for number in asked]
    users = np.arange(shape[0]) if at_once else asked
    bulk_seconds = timed(everyone, users) * shape[0] / len(users)
    p50, p99 = np.percentile(latency, [50, 99])
    record = {
        "name": arguments.name,
        "users": shape[0],
        "items": shape[1],
        "purchases": X.nnz,
        "fit_seconds": fit_seconds,
        "everyone_seconds": bulk_seconds,
        "everyone_scaled_up_from": None if at_once else len(users),
        "one_p50_ms": 1e3 * p50,
        "one_p99_ms": 1e3 * p99,
        "peak_gib": peak_gib(),
        "loaded_gib": before,
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


def peak_gib() -> float:
    """Return the most memory that this program has held (Linux); not what it was forked from."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 2**20


if __name__ == "__main__":
    main()
