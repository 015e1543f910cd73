"""Also bought: settings chosen on customers against settings chosen on single items.

python bench/research/also_bought.py

Online Retail by time, the validation part alone: half of its customers choose, the others judge.
"""

import numpy as np

from likewise import ItemNeighbours, LinearAutoencoder, Recommender, global_time, load_sample
from likewise.data.fold import FoldIn
from likewise.data.split import also_bought_split
from likewise.data.vocabulary import Vocabulary
from likewise.evaluate.protocol import evaluate
from likewise.evaluate.significance import bootstrap_interval
from likewise.recommend.selection import choose

METRICS = ("recall@20", "ndcg@10", "ndcg@100")
SECONDS = 60.0


def main() -> None:
    split = global_time(load_sample())
    single = also_bought_split(split).validation
    odd = np.arange(len(single)) % 2 == 1
    choosing, judging = half(single, ~odd), half(single, odd)
    for kind in (LinearAutoencoder, ItemNeighbours):
        for name, fold in (("customers", split.validation), ("single items", choosing)):
            choice = choose(kind, split.train, fold, max_seconds=SECONDS)
            fitted = Recommender(choice.model).fit(split.train, support=False)
            found = evaluate(fitted, judging, METRICS)
            told = " ".join(f"{metric} {found.mean(metric):.4f}" for metric in METRICS)
            interval = bootstrap_interval(found.per_user["ndcg@100"])
            print(f"{choice.model}, chosen on {name}: {told} {interval}", flush=True)


def half(fold: FoldIn, rows: np.ndarray) -> FoldIn:
    return FoldIn(fold.given[rows], fold.held_out[rows], Vocabulary(fold.users.ids[rows]))


if __name__ == "__main__":
    main()
