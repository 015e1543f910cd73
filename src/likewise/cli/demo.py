"""`likewise demo`: the main job on the real log that ships with likewise."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli import options as o
from likewise.cli.evaluate import keep, show
from likewise.cli.output import Output, as_scores, write_picture
from likewise.errors import InputError
from likewise.extras import how_to_install, is_installed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from likewise.data.log import Log
    from likewise.evaluate.comparison import Comparison, Fit
    from likewise.recommend.recommender import Recommender

CUSTOMERS = ("12361", "12355", "12442")
PRODUCTS = ("85123A", "22423", "20725")
"""A white hanging heart, a cakestand, a lunch bag: what this shop sold most."""

MODELS = (
    "popularity", "recent popularity", "item k-NN", "Mult-DAE", "Mult-VAE", "linear", "auto",
)  # fmt: skip
SEARCH_SECONDS = 12.0
"""For each model, to choose its settings or to train: the whole is to take under three minutes."""
FIT_SECONDS = 30.0
"""For the model that is kept."""


def command(
    out: Annotated[Path, typer.Option(help="Folder for the model and the pictures.")] = Path(
        "likewise-demo"
    ),
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Show the main job on a real purchase log.

    The log is UCI Online Retail: a year of a UK gift shop, 541,909 invoice lines.

    Example:

      likewise demo --out likewise-demo
    """
    from likewise.data.datasets import load_sample
    from likewise.evaluate.report import as_dict

    output, model = Output(as_json, quiet), out / "shop.model"
    _make_folder(out)
    output.note("1  Reading a real log: UCI Online Retail, a year of a UK gift shop")
    log = load_sample()
    output.note(*(f"   {line}" for line in log.report.lines()))
    output.note("", "2  Learning from it")
    recommender = _learned(log, output)
    recommender.save(model)
    answers = _answers(recommender, log, output)
    output.note("", "3  Comparing models: each learns from before a day, and is judged by after")
    comparison, fitted = _compared(log, output)
    keep(comparison, model)
    if not as_json:
        show(comparison, output)
    pictures = _pictures(out, recommender, comparison, fitted, output)
    output.lines("", f"Pictures: {', '.join(pictures)}", f"Model:    {model}", "", *_next(model))
    output.json(
        {
            "log": log.report.as_dict(),
            "model": str(model),
            **answers,
            "quality": as_dict(comparison),
            "pictures": pictures,
        }
    )


def _make_folder(out: Path) -> None:
    from likewise.artifact import require_replaceable

    try:
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InputError(f"--out {out} is a file; name a folder") from error
    require_replaceable(out / "shop.model")


def _learned(log: "Log", output: Output) -> "Recommender":
    from likewise.cli.choosing import found
    from likewise.recommend.classic import Classic
    from likewise.recommend.places import item_places

    recommender = found(log, output, budget=FIT_SECONDS)
    recommender.classic_ = Classic.of(log.interactions())
    recommender.places_ = item_places(recommender)
    return recommender


def _answers(recommender: "Recommender", log: "Log", output: Output) -> dict[str, Any]:
    """Print what is recommended to some customers, and bought with some products."""
    matrix = log.interactions().matrix
    rows = log.users.encode(CUSTOMERS)
    baskets = [log.items.decode(matrix[[row]].indices).tolist() for row in rows]
    for_you = dict(zip(CUSTOMERS, recommender.recommend(baskets, 5), strict=True))
    also = recommender.also_bought(list(PRODUCTS), 5)
    for (customer, found), basket in zip(for_you.items(), baskets, strict=True):
        had = ", ".join(recommender.catalogue_.title_of(item) for item in basket[:3])
        output.lines(f"Recommended for customer {customer}, who has {len(basket)} items ({had}, …)")
        scores = as_scores([r.score for r in found])
        output.table(
            ["item", "score", "title"],
            [[str(r.item), score, r.title] for r, score in zip(found, scores, strict=True)],
        )
    for item, others in also.items():
        output.lines(f"Customers who bought {recommender.catalogue_.title_of(item)} also bought")
        scores = as_scores([r.score for r in others])
        output.table(
            ["item", "score", "support", "title"],
            [
                [str(r.item), score, str(r.support), r.title]
                for r, score in zip(others, scores, strict=True)
            ],
        )
    return {
        "recommended": {c: [r._asdict() for r in found] for c, found in for_you.items()},
        "also_bought": {str(i): [r._asdict() for r in others] for i, others in also.items()},
    }


def _compared(log: "Log", output: Output) -> tuple["Comparison", dict[str, "Recommender"]]:
    """Compare the models, and keep the neural ones for the pictures."""
    from likewise.evaluate.comparison import compare
    from likewise.recommend.line_up import line_up
    from likewise.recommend.recency import cut_by_time

    split, _ = cut_by_time(log)
    fits = line_up(split, MODELS, budget=SEARCH_SECONDS)
    kept: dict[str, Any] = {}

    def keeping(name: str, fit: "Fit") -> "Fit":
        def run(split: Any, seed: int) -> Any:
            kept[name] = fit(split, seed)
            return kept[name]

        return run

    with output.bar("comparing") as move:
        comparison = compare(
            split,
            {name: keeping(name, fit) for name, fit in fits.items()},
            progress=lambda model, number, total: move(number / total, model),
        )
    return comparison, {name: kept[name] for name in ("Mult-DAE", "Mult-VAE")}


def _pictures(
    out: Path,
    recommender: "Recommender",
    comparison: "Comparison",
    fitted: dict[str, "Recommender"],
    output: Output,
) -> list[str]:
    import numpy as np

    from likewise import plots

    with output.bar("drawing") as move:
        catalogue, places = recommender.catalogue_, np.asarray(recommender.places_)
        titles = [catalogue.title(row) for row in range(len(catalogue))]
        figures: dict[str, Callable[[], Figure]] = {
            "learning-curve.png": lambda: plots.learning_curve(
                {name: one.model_.history_ for name, one in fitted.items()}
            ),
            "recall-by-model.png": lambda: plots.metric_by_model(comparison, "recall@20"),
            "product-map.png": lambda: plots.item_map(places, catalogue.counts, titles),
        }
        for number, (name, draw) in enumerate(figures.items()):
            move(number / len(figures), name)
            write_picture(draw(), out / name)
    return [str(out / name) for name in figures]


def _next(model: Path) -> list[str]:
    likewise = _as_typed()
    return [
        "Next:",
        f"  {likewise} recommend {model} --basket {PRODUCTS[0]},{PRODUCTS[1]} --why",
        f"  {likewise} also-bought {model} {PRODUCTS[2]}",
        f"  {likewise} steps {model} --basket {PRODUCTS[0]},{PRODUCTS[1]}",
        f"  {likewise} serve {model}{_first('serve')}",
        f"  {likewise} fit your-orders.csv --out shop.model",
        f"  {likewise} evaluate your-orders.csv",
    ]


def _first(extra: str) -> str:
    """Return, as a comment of the shell, what is to be installed before; nothing if it is."""
    return "" if is_installed(extra) else f"  # first: {how_to_install(extra)}"


def _as_typed() -> str:
    """Return what the command is called from here: its path, where the shell would not find it."""
    ran = Path(sys.argv[0])
    return str(ran) if ran.stem == "likewise" and shutil.which("likewise") is None else "likewise"
