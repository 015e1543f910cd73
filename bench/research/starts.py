"""What the first trial of a search for linear settings reaches, by where the search begins.

    LIKEWISE_DATA=... python bench/research/starts.py ml-1m-ultragcn belgian-retail online-retail

nDCG@100 on validation parts; the tests are not read. The exact linear autoencoder, or, of more than
9,000 items, neighbourhoods of 100. l2 is as the search says it, before `user_power` scales it.
"""

import argparse
from typing import Any

from likewise import LinearAutoencoder, Recommender, load_sample
from likewise.autoencoders import NeighbourhoodAutoencoder
from likewise.data.public_sets import load_split
from likewise.evaluate.protocol import evaluate
from likewise.recommend.recency import cut_by_time
from likewise.recommend.searches import SEARCHES

METRIC = "ndcg@100"
MOST_EXACT = 9_000
NAMES = ("l2", "item_power", "user_power", "dropout", "relaxation")
STARTS = (
    (100.0, 0.1, 0.4, 0.2, 0.0),
    (178.0, 0.2, 0.6, 0.5, 0.2),
    (178.0, 0.1, 0.4, 0.5, 0.0),
    (316.0, 0.1, 0.6, 0.5, 0.0),
    (100.0, 0.1, 0.4, 0.4, 0.0),
    (56.2, 0.1, 0.4, 0.4, 0.0),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="+")
    for name in parser.parse_args().sets:
        split = cut_by_time(load_sample())[0] if name == "online-retail" else load_split(name)
        small = split.train.n_items <= MOST_EXACT
        kind = LinearAutoencoder if small else NeighbourhoodAutoencoder
        search = SEARCHES[kind].within(split.train)
        for start in STARTS:
            settings: dict[str, Any] = {**search.start, **dict(zip(NAMES, start, strict=True))}
            model = search.model(settings, split.train)
            recommender = Recommender(model).fit(split.train, support=False)
            reached = evaluate(recommender, split.validation, (METRIC,)).mean(METRIC)
            print(f"{name}, {start}: {reached:.4f}", flush=True)


if __name__ == "__main__":
    main()
