"""`likewise evaluate`: models and baselines in one honest table."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli import options as o
from likewise.cli.choosing import days_given, require_times, say_half_life
from likewise.cli.output import Output, require_writable
from likewise.errors import InputError

if TYPE_CHECKING:
    from likewise.data.log import Log
    from likewise.data.split import Split
    from likewise.evaluate.comparison import Comparison
    from likewise.recommend.recency import Days
    from likewise.recommend.recommender import Recommender


class How(StrEnum):
    """How the log is cut."""

    TIME = "time"
    USERS = "users"
    LAST = "last"


def command(
    log: o.LogArgument,
    split: Annotated[
        How | None,
        typer.Option(
            help="time (the default if there are times), users (the default if not), last."
        ),
    ] = None,
    half_life: Annotated[
        str | None,
        typer.Option(
            help="Days after which a purchase counts half to auto and recent linear, auto to choose"
            " them before the test, or none; if not given, auto where the log is cut in time."
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Fits of each model that has chance in it.")] = 3,
    models: Annotated[
        str | None, typer.Option(help="Names of models, separated by commas; all if not given.")
    ] = None,
    budget: Annotated[
        float,
        typer.Option(
            help="Time for each model to choose settings or to train: 90, 10m, 2h.",
            parser=o.seconds,
            metavar="TIME",
        ),
    ] = 60.0,
    also_bought: Annotated[
        bool, typer.Option("--also-bought", help="Judge items found from one item of a basket.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the report as one HTML file.")] = None,
    keep_in: Annotated[
        Path | None,
        typer.Option(help="Keep the results in this model folder, for `serve` to show."),
    ] = None,
    memory: o.Memory = None,
    threads: o.Threads = None,
    user: o.User = None,
    item: o.Item = None,
    time: o.Time = None,
    weight: o.Weight = None,
    title: o.Title = None,
    basket: o.Basket = None,
    min_weight: o.MinWeight = None,
    drop: o.Drop = None,
    titles: o.Titles = None,
    query: o.Query = None,
    time_format: o.TimeFormat = None,
    skip_bad_rows: o.SkipBadRows = False,
    cache: o.Cache = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Compare models with baselines, and say which is better.

    Each is judged on customers, or on days, that it has not seen.

    Settings are chosen on validation customers, each model with the same budget; the test is read
    once; which differences are real is said in words.

    Examples
    --------
      likewise evaluate orders.csv

      likewise evaluate orders.csv --split users --seeds 3 --out report.html

      likewise evaluate orders.csv --models "popularity,item k-NN,linear" --also-bought

      likewise evaluate orders.csv --keep-in shop.model
    """
    from likewise.recommend.line_up import require_known

    output = Output(as_json, quiet)
    o.limit(memory, threads, output)
    require_writable(out, (".html",))
    if keep_in is not None:
        recommender_in(keep_in)  # refuses a wrong folder before the work
    o.require_seconds(budget, "--budget")
    if seeds < 1:
        raise InputError(f"--seeds {seeds} given; give 1 or more")
    if models is not None:
        require_known(o.names(models))
    days = days_given(half_life)
    if isinstance(days, float) and split in {How.USERS, How.LAST}:
        raise InputError(
            f"--half-life {days:g} needs a log that is cut in time; give it with --split time"
        )
    events = o.read(
        log, output, user=user, item=item, time=time, weight=weight, title=title, basket=basket,
        min_weight=min_weight, drop=drop, titles=titles, query=query, time_format=time_format,
        skip_bad_rows=skip_bad_rows, threads=threads, cache=cache,
    )  # fmt: skip
    if half_life is None and heeds_time(models):
        days = "auto"
    cut = cut_log(events, split, days, output)
    comparison = run(cut, models, seeds, budget, also_bought, output)
    show(comparison, output)
    if out is not None:
        from likewise.cli.report import write_report

        write_report(comparison, out)
        output.lines(f"wrote {out}")
    if keep_in is not None:
        keep(comparison, keep_in)
        output.lines(f"kept the results in {keep_in}")


def recommender_in(folder: Path) -> "Recommender":
    """Return the recommender of a model folder."""
    from likewise.recommend.folder import load
    from likewise.recommend.recommender import Recommender

    found = load(folder)
    if not isinstance(found, Recommender):
        raise InputError(f"{folder} holds a bare autoencoder; give what `likewise fit` wrote")
    return found


def keep(comparison: "Comparison", folder: Path) -> None:
    """Put a comparison beside a recommender, in its folder's metrics.json."""
    from likewise.evaluate.report import as_dict

    recommender = recommender_in(folder)
    recommender.metrics["comparison"] = as_dict(comparison)
    recommender.save(folder)


def heeds_time(models: str | None) -> bool:
    """Say whether a half-life is something to one of these models."""
    from likewise.recommend.line_up import FADING, letters

    return models is None or any(letters(name) in map(letters, FADING) for name in o.names(models))


def cut_log(log: "Log", how: How | None, half_life: "Days", output: Output) -> "Split":
    """Cut a log as named, or by time where it has times and by users where not."""
    from likewise.data.liang import strong_generalisation
    from likewise.data.split import leave_last_out
    from likewise.evaluate.protocol import METRIC
    from likewise.recommend.recency import cut_by_time

    if how is None:
        how = How.USERS if log.time is None else How.TIME
    if how is How.TIME:
        split, chosen = cut_by_time(log, half_life)
        if half_life == "auto":
            say_half_life(chosen.as_dict(), METRIC, output)
        return split
    if isinstance(half_life, float):
        require_times(log, repeats=False, half_life=f"{half_life:g}")
    return leave_last_out(log) if how is How.LAST else strong_generalisation(log)


def run(
    split: "Split",
    models: str | None,
    seeds: int,
    budget: float,
    also_bought: bool,
    output: Output,
) -> "Comparison":
    """Fit and judge the line-up, with a bar."""
    from likewise.data.split import also_bought_split
    from likewise.evaluate.comparison import compare
    from likewise.recommend.line_up import STOCHASTIC, line_up

    if also_bought:
        split = also_bought_split(split)
    names = o.names(models) if models is not None else None
    fits = line_up(split, names, budget=budget)
    with output.bar("comparing") as move:
        return compare(
            split,
            fits,
            stochastic=[name for name in STOCHASTIC if name in fits],
            seeds=seeds,
            progress=lambda model, number, total: move(number / total, model),
        )


def show(comparison: "Comparison", output: Output) -> None:
    """Print a comparison: tables, then words."""
    from likewise.evaluate import report

    output.lines(report.title(comparison))
    output.table(report.headers(comparison), report.rows(comparison))
    output.lines(*report.sentences(comparison))
    if comparison.with_repeats is not None:
        output.lines("")
        show(comparison.with_repeats, Output(output.as_json, output.quiet))
    if not comparison.repeats:
        output.note("", *report.notes(), "A model that its --budget cut off is judged as it stood.")
        output.json(report.as_dict(comparison))
