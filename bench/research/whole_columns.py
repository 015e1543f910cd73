"""How many columns of a sparse B to solve over all items: quality, seconds and weights.

    LIKEWISE_DATA=... python bench/research/whole_columns.py belgian-retail gowalla

200 neighbours an item, and the columns of the most bought items over all of them, judged on the
validation part; the test is not read. Seconds are of processor time, on one thread. `--exact` adds
the exact autoencoder.
"""

import argparse
import time
from typing import Any

from likewise import LinearAutoencoder, Recommender
from likewise.autoencoders import NeighbourhoodAutoencoder
from likewise.data.public_sets import load_split
from likewise.evaluate.protocol import evaluate

METRICS = ("recall@20", "ndcg@20")
SETTINGS: tuple[dict[str, Any], ...] = (
    {"l2": 100.0},
    {"l2": 10.0, "dropout": 0.5, "item_power": 0.3, "user_power": 0.7},
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Columns that are solved over all items.")
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--whole", type=int, nargs="+", default=[0, 100, 200, 300, 1000])
    parser.add_argument("--exact", action="store_true")
    arguments = parser.parse_args()
    for name in arguments.sets:
        split = load_split(name)
        for settings in SETTINGS:
            models: list[Any] = [
                NeighbourhoodAutoencoder(n_neighbours=200, n_whole=n, **settings)
                for n in arguments.whole
            ]
            if arguments.exact:
                models.append(LinearAutoencoder(**settings))
            for model in models:
                began = time.process_time()
                recommender = Recommender(model).fit(split.train, support=False)
                seconds = time.process_time() - began
                found = evaluate(recommender, split.validation, METRICS)
                quality = " / ".join(f"{found.mean(metric):.4f}" for metric in METRICS)
                what = f"{model.type_name} {getattr(model, 'n_whole', '')}"
                print(
                    f"{name}, l2 {settings['l2']:g}, {what}: {quality}, {seconds:.1f} s", flush=True
                )


if __name__ == "__main__":
    main()
