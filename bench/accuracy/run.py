"""Every model on a public set, settings chosen on validation, the test read once: table and figure.

    LIKEWISE_DATA=... python bench/accuracy/run.py --data ml-1m-ultragcn --budget 10m
    python bench/accuracy/run.py --data online-retail --budget 5m

Which files a set needs, and how it is cut: `likewise.data.public_sets`. The budget is each model's.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import matplotlib.pyplot as plt

import records
from likewise import Split, compare, global_time, load_sample
from likewise.cli.options import seconds
from likewise.data.public_sets import PUBLIC_SETS, load_split
from likewise.data.split import also_bought_split
from likewise.evaluate import report
from likewise.evaluate.comparison import Comparison
from likewise.recommend.line_up import STOCHASTIC, line_up
from likewise.recommend.recency import choose_half_life

METRICS = ("recall@20", "ndcg@20", "recall_capped@20", "recall_capped@50", "ndcg@100")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, choices=[*PUBLIC_SETS, "online-retail"])
    parser.add_argument("--models", help="names, separated by commas; all if not given")
    parser.add_argument("--budget", type=seconds, default=60.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--also-bought", action="store_true")
    arguments = parser.parse_args()
    split = online_retail() if arguments.data == "online-retail" else load_split(arguments.data)
    split = also_bought_split(split) if arguments.also_bought else split
    names = arguments.models.split(",") if arguments.models else None
    comparison = compare(
        split,
        line_up(split, names, budget=arguments.budget),
        stochastic=STOCHASTIC,
        seeds=arguments.seeds,
        metrics=METRICS,
        progress=lambda model, n, total: print(f"{n + 1}/{total} {model}", file=sys.stderr),
    )
    print(report.text(comparison))
    name = f"accuracy-{arguments.data}" + ("-also-bought" if arguments.also_bought else "")
    settings = {"budget": arguments.budget, "half_life": split.half_life}
    records.write(name, settings | report.as_dict(comparison))
    figure(comparison, name, records.RESULTS / f"{name}.svg")


def online_retail() -> Split:
    """Cut by time, with the half-life of purchases that validation chose."""
    log = load_sample()

    def parts(half_life: float | None) -> tuple:
        cut = global_time(log, half_life=half_life)
        return cut.train, cut.validation

    half_life, _ = choose_half_life(parts, max_seconds=60.0)
    return global_time(log, half_life=half_life)


def pareto(points: list[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Return the (seconds, quality, name) that no quicker one is as good as, quickest first."""
    front: list[tuple[float, float, str]] = []
    for point in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or point[1] > front[-1][1]:
            front.append(point)
    return front


def figure(comparison: Comparison, title: str, path: Path, metric: str = "ndcg@100") -> None:
    """Draw quality against seconds, settings chosen included, and the Pareto front."""
    points = [(r.cost.seconds, r.intervals[metric].mean, r.model) for r in comparison.rows]
    fig, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for spent, value, model in points:
        ax.plot(max(spent, 1e-2), value, "o", color="C0")
        ax.annotate(model, (max(spent, 1e-2), value), (4, 4), textcoords="offset points")
    front = pareto(points)
    ax.step([max(p[0], 1e-2) for p in front], [p[1] for p in front], where="post", color="C1")
    ax.set(xscale="log", xlabel="seconds to choose and to train", ylabel=metric, title=title)
    fig.savefig(path)


if __name__ == "__main__":
    main()
