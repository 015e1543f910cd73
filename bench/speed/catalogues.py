"""Real catalogues: the neighbourhood type beside the exact one, what it takes and what it finds.

    LIKEWISE_DATA=... python bench/speed/catalogues.py
    LIKEWISE_DATA=... python bench/speed/catalogues.py ml-1m-ultragcn belgian-retail
    LIKEWISE_DATA=... python bench/speed/catalogues.py --keep-exact gowalla

Each fit is a process of its own, on all that the test leaves (see `likewise.data.public_sets`). All
types have the same settings, those below; nothing is chosen. The exact one is refused, before it
begins, where its matrix does not fit: of ciao's products. `quality` is the share of the exact one's
nDCG@20 that the other keeps, with the 95 % interval over the users of the test. `--keep-exact`: the
exact one's row of a set stays as it was last written; its users are not known, so no interval is.
`--cpu`, on one thread: seconds are of processor time.
"""

import argparse
import json
from functools import partial
from typing import Any

import numpy as np
import torch
from common import apart, peak_gib, timed

import records
from likewise import LinearAutoencoder, Recommender
from likewise.autoencoders import NeighbourhoodAutoencoder
from likewise.data.public_sets import load_split
from likewise.errors import NotEnoughMemoryError
from likewise.evaluate.protocol import evaluate
from likewise.evaluate.significance import paired_difference

DAN = {"l2": 10.0, "dropout": 0.5, "item_power": 0.3, "user_power": 0.7}
SETTINGS = {
    "ml-1m-ultragcn": DAN,
    "ml-latest-small": DAN,
    "belgian-retail": DAN,
    "gowalla": {"l2": 80.0},  # EASE as published
    "ciao": DAN,
}
TYPES: dict[str, Any] = {
    "exact": LinearAutoencoder,
    "200 neighbours": partial(NeighbourhoodAutoencoder, n_neighbours=200, n_whole=200),
    "200, none whole": partial(NeighbourhoodAutoencoder, n_neighbours=200, n_whole=0),
    "400 neighbours": partial(NeighbourhoodAutoencoder, n_neighbours=400, n_whole=200),
    "400, none whole": partial(NeighbourhoodAutoencoder, n_neighbours=400, n_whole=0),
}
METRICS = ("recall@20", "ndcg@20")


def main() -> None:
    parser = argparse.ArgumentParser(description="Real catalogues, exact and by neighbourhoods.")
    parser.add_argument("sets", nargs="*", help=f"of {', '.join(SETTINGS)}; all unless named")
    parser.add_argument(
        "--keep-exact", nargs="+", default=[], metavar="SET", help="whose exact row stays as it is"
    )
    parser.add_argument("--cpu", action="store_true", help="seconds are of processor time")
    parser.add_argument("--one", nargs=2, metavar="WHAT", help="(a run of this script)")
    arguments = parser.parse_args()
    if arguments.cpu:
        records.count_processor_seconds()
    if arguments.one:
        print(json.dumps(one(*arguments.one)))
        return
    if strange := set(arguments.sets) - set(SETTINGS):
        parser.error(f"there is no set {', '.join(strange)}; known are {', '.join(SETTINGS)}")
    options = ["--cpu"] if arguments.cpu else []
    rows = []
    for name in arguments.sets or SETTINGS:
        rows += rows_of(name, options, keep_exact=name in arguments.keep_exact)
    if not arguments.sets:
        records.write("speed-catalogues", rows)


def rows_of(name: str, options: list[str], *, keep_exact: bool) -> list[dict[str, Any]]:
    """Return a set's rows: the exact one's, and how much the others keep of it."""
    rows: list[dict[str, Any]] = []
    exact: list[float] | None = None
    if keep_exact:
        written = records.read("speed-catalogues")
        rows = [row for row in written if (row["set"], row["type"]) == (name, "exact")]
    for kind in list(TYPES)[len(rows) :]:
        row = apart(__file__, name, kind, *options)
        found = row.pop("per_user", None)
        if kind == "exact":
            exact = found
        elif exact:
            row["quality"] = kept(found, exact)
        elif keep_exact:
            row["quality"] = [row["ndcg@20"] / rows[0]["ndcg@20"]]
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def one(name: str, kind: str) -> dict[str, Any]:
    split = load_split(name)
    X = split.refit
    found: dict[str, Any] = {
        "set": name, "type": kind, "users": X.n_users, "items": X.n_items,
        "purchases": X.matrix.nnz, "threads": torch.get_num_threads(),
    }  # fmt: skip
    recommender = Recommender(TYPES[kind](**SETTINGS[name]))
    try:
        seconds = timed(lambda: recommender.fit(X, support=False))
    except NotEnoughMemoryError as error:
        return found | {"refused": str(error)}
    peak = peak_gib()
    measured = evaluate(recommender, split.test, METRICS)
    per_user = measured.per_user["ndcg@20"]
    return (
        found
        | {"seconds": seconds, "peak_gib": peak, "per_user": per_user[~np.isnan(per_user)].tolist()}
        | {metric: measured.mean(metric) for metric in METRICS}
    )


def kept(found: list[float], exact: list[float]) -> list[float]:
    """Return the share of the exact one's quality, and where its interval begins and ends."""
    difference = paired_difference(np.array(found), np.array(exact))
    mean = np.mean(exact)
    return [float(1 + d / mean) for d in (difference.mean, difference.low, difference.high)]


if __name__ == "__main__":
    main()
