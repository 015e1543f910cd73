"""A blend of neighbourhoods and many directions on gowalla, by settings that validation chose.

    LIKEWISE_DATA=... python bench/research/gowalla.py            # the validation part
    LIKEWISE_DATA=... python bench/research/gowalla.py --test     # the test, after the settings

LightGCN's lists; recall is not normalised. Neither part makes a matrix of all pairs of items: both
are fitted in minutes, on one thread, within 2 GiB.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import records
from likewise import NeighbourhoodAutoencoder, Recommender, SpectralAutoencoder
from likewise.autoencoders import Autoencoder
from likewise.data.public_sets import load_split
from likewise.evaluate.protocol import evaluate
from likewise.evaluate.significance import bootstrap_interval
from likewise.recommend.blend import Blend

METRICS = ("recall@20", "ndcg@20")
NEIGHBOURHOODS = NeighbourhoodAutoencoder(
    l2=20, dropout=0.5, item_power=0.2, user_power=0.3, n_neighbours=150, n_whole=0
)
DIRECTIONS = SpectralAutoencoder(n_latent=1024, item_power=0.5, user_power=0.5, random_state=0)
MODELS: dict[str, Autoencoder] = {
    "neighbourhood": NEIGHBOURHOODS,
    "spectral": DIRECTIONS,
    "blend": Blend(parts=[NEIGHBOURHOODS, DIRECTIONS], weights=[1.0, 1.0]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--test", action="store_true", help="learn from all, and read the test")
    parser.add_argument("--cpu", action="store_true", help="seconds are of processor time")
    arguments = parser.parse_args()
    if arguments.cpu:
        records.count_processor_seconds()
    split = load_split("gowalla")
    learned = split.refit if arguments.test else split.train
    judged = split.test if arguments.test else split.validation
    rows = []
    for name in arguments.models:
        began = time.perf_counter()
        recommender = Recommender(MODELS[name]).fit(learned, support=False)
        row: dict[str, Any] = {"model": name, "seconds": time.perf_counter() - began}
        found = evaluate(recommender, judged, METRICS)
        for metric in METRICS:
            interval = bootstrap_interval(found.per_user[metric])
            row[metric] = [interval.mean, interval.low, interval.high]
        rows.append(row)
        print(json.dumps(row), flush=True)
    if arguments.test:
        records.write("gowalla", rows)


if __name__ == "__main__":
    main()
