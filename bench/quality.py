"""Quality of every model and baseline, with intervals: Online Retail by time, ml-1m by fixed lists.

    python bench/quality.py online-retail
    python bench/quality.py online-retail --also-bought
    LIKEWISE_DATA=... python bench/quality.py ml-1m-ultragcn

Settings and epochs are chosen on validation, within --budget seconds a model; three seeds.
"""

import argparse
import os
import sys
from pathlib import Path

import records
from likewise import Split, compare, fixed_lists, global_time, load_sample, read_log
from likewise.data.split import also_bought_split
from likewise.evaluate import report
from likewise.recommend.line_up import STOCHASTIC, line_up

METRICS = ("recall@20", "recall_capped@20", "recall@50", "ndcg@10", "ndcg@20", "ndcg@100")


def main() -> None:
    parser = argparse.ArgumentParser(description="Quality of every model and baseline.")
    parser.add_argument("data", choices=["online-retail", "ml-1m-ultragcn"])
    parser.add_argument("--also-bought", action="store_true")
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    split = online_retail() if arguments.data == "online-retail" else ml_1m()
    split = also_bought_split(split) if arguments.also_bought else split
    fits = line_up(split, budget=arguments.budget)
    comparison = compare(
        split,
        fits,
        stochastic=STOCHASTIC,
        seeds=arguments.seeds,
        metrics=METRICS,
        progress=lambda model, number, total: print(
            f"{number + 1}/{total} {model}", file=sys.stderr
        ),
    )
    print(report.text(comparison))
    name = f"quality-{arguments.data}" + ("-also-bought" if arguments.also_bought else "")
    records.write(name, report.as_dict(comparison))


def online_retail() -> Split:
    return global_time(load_sample())


def ml_1m() -> Split:
    folder = Path(os.environ["LIKEWISE_DATA"]) / "ml-1m-ultragcn"
    train, test = (read_log(folder / f"{part}.parquet") for part in ("train", "test"))
    return fixed_lists(train, test)


if __name__ == "__main__":
    main()
