"""Every model on a public set, settings chosen on validation, the test read once: table and figure.

    LIKEWISE_DATA=... python bench/accuracy/run.py --data ml-1m-ultragcn --budget 10m
    LIKEWISE_DATA=... python bench/accuracy/run.py --data gowalla --budget 30m
    LIKEWISE_DATA=... python bench/accuracy/run.py --data ml-1m --budget 10m
    python bench/accuracy/run.py --data online-retail --budget 5m
    LIKEWISE_DATA=... python bench/accuracy/run.py --data ml-1m --budget 5m --peers
    LIKEWISE_DATA=... python bench/accuracy/run.py --data gowalla --models "" --l2 80

Which files a set needs, and how it is cut: `likewise.data.public_sets`. The budget is each model's,
for each seed. `--peers` puts models of RecBole, cornac and implicit into the same table (beside.py;
bench/peers/setup.sh makes their environments). `--quick` tries the command: three seconds a model,
one seed, judged on validation (the test is not read), nothing written. `--cpu`, on one thread: the
seconds of budgets and fits are of processor time; those of peers are not. Results are written to
bench/results/accuracy-SET.json, of some models (`--models`, `--l2`) to accuracy-SET-some.json.

A model that was fitted is kept in bench/.cache/accuracy: the same command at the same commit goes
on where it was cut off. Where src or bench differ from the commit, nothing is kept.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import beside
import matplotlib.pyplot as plt
import numpy as np
import published
import typer
from kept import runs_of
from sklearn.isotonic import isotonic_regression

import records
from likewise import LinearAutoencoder, Recommender, Split, compare, load_sample
from likewise.cli.options import require_seconds, seconds
from likewise.data.public_sets import PUBLIC_SETS, load_split
from likewise.data.split import also_bought_split
from likewise.errors import InputError, LikewiseError
from likewise.evaluate import report
from likewise.evaluate.comparison import Comparison, Fit
from likewise.evaluate.metrics import parse_metric
from likewise.recommend.line_up import STOCHASTIC, every, line_up, require_known
from likewise.recommend.recency import cut_by_time

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "accuracy"
MODELS = (
    "popularity", "recent popularity", "personal frequency", "item k-NN", "RP3beta",
    "EASE", "EDLAE", "RDLAE", "DAN", "linear", "recent linear", "kernel", "spectral",
    "LLE", "ALS", "cosine", "Mult-DAE", "Mult-VAE", "RecVAE", "H+Vamp", published.NAME, "blend",
    "auto", "auto for repeats",
)  # fmt: skip
OTHERS = (published.NAME, *beside.ROWS)
"""The models that are not of likewise's own line-up."""
QUICK = 3.0
LEAST_SECONDS = 1e-2
"""What is quicker is drawn there."""
METRICS = (
    "recall@20", "ndcg@20", "recall_capped@20", "recall@50", "recall_capped@50",
    "ndcg@10", "ndcg@100",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, choices=[*PUBLIC_SETS, "online-retail"])
    parser.add_argument(
        "--models", type=_models, help="names, separated by commas; all if not given"
    )
    parser.add_argument("--budget", type=_budget, default=60.0)
    parser.add_argument("--seeds", type=_seeds, default=3)
    parser.add_argument("--peers", action="store_true", help="beside RecBole, cornac and implicit")
    parser.add_argument("--also-bought", action="store_true")
    parser.add_argument("--l2", type=_l2, help="one more model: EASE with this l2, nothing chosen")
    parser.add_argument(
        "--metric", type=_metric, default="ndcg@20", help="what settings are chosen by"
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cpu", action="store_true", help="seconds are of processor time")
    arguments = parser.parse_args()
    if arguments.cpu:
        records.count_processor_seconds()
    budget, seeds = arguments.budget, arguments.seeds
    if arguments.quick:
        budget, seeds = QUICK, 1
    split = (
        cut_by_time(load_sample())[0]
        if arguments.data == "online-retail"
        else load_split(arguments.data)
    )
    split = also_bought_split(split) if arguments.also_bought else split
    if arguments.quick:
        split = without_test(split)
    names = there_are(split, budget) if arguments.models is None else arguments.models
    names = [*names, *(beside.ROWS if arguments.peers else ())]
    name = f"accuracy-{arguments.data}" + ("-also-bought" if arguments.also_bought else "")
    if arguments.models is not None or arguments.l2 is not None:
        name += "-some"  # the whole table is not written over
    own = [one for one in names if one not in OTHERS]
    models = line_up(split, own, budget=budget, metric=arguments.metric)
    if published.NAME in names:
        models[published.NAME] = published.blend(budget, arguments.metric)
    if not beside.ROWS.keys().isdisjoint(names):
        models |= beside.line_up(split, names, f"{name}-quick" if arguments.quick else name, budget)
    if arguments.l2 is not None:
        models[f"EASE, l2 {arguments.l2:g}"] = ease(arguments.l2)
    settings = {
        "data": arguments.data, "budget": budget, "seeds": seeds, "metric": arguments.metric,
        "half_life": split.half_life, "cpu": arguments.cpu,
    }  # fmt: skip
    commit = records.provenance()["commit"]
    kept = {} if arguments.quick else runs_of(commit, CACHE / name, settings)
    comparison = compare(
        split,
        models,
        stochastic=[
            one for one in (*STOCHASTIC, published.NAME, *beside.STOCHASTIC) if one in models
        ],
        seeds=seeds,
        metrics=METRICS,
        progress=lambda model, n, total: print(f"{n + 1}/{total} {model}", file=sys.stderr),
        runs=kept,
    )
    comparison = beside.with_own_memory(comparison, models)
    apart = beside.differences(comparison)
    print(report.text(comparison), beside.text(apart, arguments.metric), sep="\n\n")
    if not arguments.quick:
        records.write(name, settings | report.as_dict(comparison) | {"beside": apart})
        figure(comparison, name, records.RESULTS / f"{name}.svg")


def _budget(text: str) -> float:
    try:
        budget = seconds(text)
        require_seconds(budget, "--budget")
    except (typer.BadParameter, InputError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return budget


def _l2(text: str) -> float:
    try:
        l2 = float(text)
        LinearAutoencoder(l2=l2)._validate_params()
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return l2


def _seeds(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} given; give a whole number, 1 or more")
    return int(text)


def _metric(text: str) -> str:
    try:
        parse_metric(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _models(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    try:
        require_known([name for name in names if name not in OTHERS])
    except InputError as error:
        raise argparse.ArgumentTypeError(f"{error}, {', '.join(OTHERS)}") from None
    return names


def there_are(split: Split, budget: float) -> list[str]:
    """Return the names of the models that the split has what they need for."""
    there = every(split, budget)
    return [name for name in MODELS if name in there or name == published.NAME]


def without_test(split: Split) -> Split:
    """Return a split that is judged on its validation part, for a quick look."""
    fading = None if split.fading is None else without_test(split.fading)
    return replace(split, refit=split.train, test=split.validation, recent=None, fading=fading)


def ease(l2: float) -> Fit:
    """Return EASE as published, one fit: how a published row is reproduced on large catalogues."""

    def fit(split: Split, _: int) -> Recommender:
        return Recommender(LinearAutoencoder(l2=l2)).fit(split.refit, support=False)

    return fit


def pareto(points: list[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """Return the (seconds, quality, name) that no quicker one is as good as, quickest first."""
    front: list[tuple[float, float, str]] = []
    for point in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or point[1] > front[-1][1]:
            front.append(point)
    return front


def figure(comparison: Comparison, title: str, path: Path, metric: str = "ndcg@100") -> None:
    """Draw quality, with its interval, against seconds, settings chosen included, and the front."""
    rows = sorted(comparison.rows, key=lambda row: row.intervals[metric].mean)
    found = [row.intervals[metric] for row in rows]
    seconds = [max(row.cost.seconds, LEAST_SECONDS) for row in rows]
    front = pareto(
        [(s, one.mean, row.model) for s, one, row in zip(seconds, found, rows, strict=True)]
    )
    leaders = {name for *_, name in front}
    fig, ax = plt.subplots(figsize=(8, max(4, 0.27 * len(rows))), layout="constrained")
    ends = [*(s for s, *_ in front), max(seconds)]
    ax.step(ends, [*(v for _, v, _ in front), front[-1][1]], where="post", color="C1", zorder=1)
    heights = apart([one.mean for one in found], max(one.high for one in found) / 22)
    for row, s, one, height in zip(rows, seconds, found, heights, strict=True):
        color = "C1" if row.model in leaders else "C0"
        ax.errorbar(s, one.mean, [[one.mean - one.low], [one.high - one.mean]], fmt="o",
                    color=color, elinewidth=1, markersize=5)  # fmt: skip
        ax.annotate(
            f"{row.model}  {one.mean:.3f}", (s, one.mean), (1.04, height),
            textcoords=("axes fraction", "data"), va="center", color=color, fontsize=9,
            arrowprops={"arrowstyle": "-", "color": "0.8", "lw": 0.6, "zorder": 0},
        )  # fmt: skip
    margin = heights[-1] / 50
    low, high = min(0.0, heights[0]) - margin, max(heights[-1], found[-1].high) + margin
    ax.set(xscale="log", xlabel="seconds to choose and to train", ylabel=metric, title=title,
           ylim=(low, high))  # fmt: skip
    ax.spines[["top", "right"]].set_visible(False)
    fig.savefig(path)


def apart(heights: list[float], gap: float) -> list[float]:
    """Return rising heights, moved as little as it takes for a gap between each two."""
    steps = gap * np.arange(len(heights))
    return list(isotonic_regression(np.array(heights) - steps) + steps)


if __name__ == "__main__":
    try:
        main()
    except LikewiseError as error:
        sys.exit(f"error: {error}")
