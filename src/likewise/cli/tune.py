"""`likewise tune`: the settings of one type, looked for in a space of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli import options as o
from likewise.cli.fit import MODELS
from likewise.cli.output import Output
from likewise.errors import InputError, counted


def command(
    log: o.LogArgument,
    out: Annotated[Path, typer.Option(help="The model folder to write.")],
    model: Annotated[str, typer.Option(help=f"One of {', '.join(MODELS)}.")] = "linear",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=SPACE",
            help="What may be tried: l2=10..1000:log, dropout=0|0.2|0.5, or one value.",
        ),
    ] = None,
    space: Annotated[
        Path | None, typer.Option(help="A TOML file with the same, a line each.")
    ] = None,
    trials: Annotated[int, typer.Option(help="Trials in the study when it ends.")] = 50,
    budget: Annotated[
        float | None,
        typer.Option(
            help="Time after which no trial is started: 90, 10m, 2h.",
            parser=o.seconds,
            metavar="TIME",
        ),
    ] = None,
    study: Annotated[
        Path | None, typer.Option(help="SQLite file that the study is kept in, and gone on from.")
    ] = None,
    metric: Annotated[str, typer.Option(help="What is to be high.")] = "ndcg@100",
    weighting: Annotated[
        str, typer.Option(help="What a weight is to the model: binary, log or linear.")
    ] = "binary",
    memory: o.Memory = None,
    threads: o.Threads = None,
    seed: o.Seed = 0,
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
    """Tune the settings of one type within a space of your own, by Optuna.

    Every trial is judged on held-out customers, and printed; the best one is fitted on everything.
    It needs the package optuna: pip install 'likewise[tune]'.

    Examples
    --------
      likewise tune orders.csv --set l2=10..1000:log --set "dropout=0|0.2|0.5" --out tuned.model

      likewise tune orders.csv --space space.toml --study study.db --trials 20 --out tuned.model
    """
    import math

    from likewise.artifact import require_replaceable
    from likewise.autoencoders.base import RUN_OPTIONS
    from likewise.cli import space as spaces
    from likewise.cli.choosing import require_judges
    from likewise.cli.models import NOT_SET, require_settings
    from likewise.evaluate.metrics import parse_metric
    from likewise.recommend.folder import ALL_TYPES
    from likewise.recommend.recommender import Recommender
    from likewise.recommend.tuning import require_optuna, tune

    output = Output(as_json, quiet)
    o.limit(memory, threads, output)
    require_replaceable(out)
    if model not in MODELS:
        raise InputError(f"--model {model} is none of {', '.join(MODELS)}")
    if trials < 1:
        raise InputError(f"--trials {trials} given; give 1 or more")
    if budget is not None:
        o.require_seconds(budget, "--budget")
    named = ALL_TYPES[model]()
    run = {*NOT_SET, *RUN_OPTIONS, "random_state"}  # none of them is better than another
    tunable = sorted(set(named.get_params(deep=False)) - run)
    require_settings(tunable, model, f"likewise fit --model {model} learns it as it is")
    texts = [*(spaces.from_file(space) if space is not None else ()), *(settings or ())]
    fixed, free = spaces.read(texts, named)
    if not free:
        raise InputError(
            "there is nothing to try: give --set NAME=LOW..HIGH, NAME=LOW..HIGH:log or NAME=A|B|C, "
            f"or a file with --space; {model} has the settings {', '.join(tunable)}"
        )
    if "random_state" in named.get_params(deep=False):
        named.set_params(random_state=seed)
    named.set_params(**fixed)
    Recommender(named, weighting=weighting)  # refuses a weighting that there is not
    parse_metric(metric)
    optuna = require_optuna()
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # the trials are printed here
    events = o.read(
        log, output, user=user, item=item, time=time, weight=weight, title=title, basket=basket,
        min_weight=min_weight, drop=drop, titles=titles, query=query, time_format=time_format,
        skip_bad_rows=skip_bad_rows, threads=threads, cache=cache,
    )  # fmt: skip
    interactions = events.interactions()
    require_judges(interactions)
    best, tried = tune(
        named, free, interactions, n_trials=trials,
        max_seconds=math.inf if budget is None else budget, study=study, metric=metric,
        weighting=weighting, seed=seed,
        on_trial=lambda trial: output.note(
            f"{_words(trial.parameters)}: {trial.refused}"
            if trial.refused
            else f"{metric} {trial.score:.4f}  {_words(trial.parameters)}"
        ),
    )  # fmt: skip
    top = max(tried, key=lambda trial: trial.score)
    if len(tried) < trials:
        output.note(
            f"the budget ended it after {len(tried)} of {counted(trials, 'trial')}; give a longer "
            "--budget, or go on with --study"
        )
    output.note(f"chose {_words(top.parameters)}: best of {counted(len(tried), 'trial')}")
    recommender = Recommender(best, weighting=weighting).fit(interactions)
    recommender.metrics |= {
        "log": events.report.as_dict(),
        "choice": {
            "protocol": "settings chosen on held-out customers",
            "metric": metric,
            "score": top.score,
            "trials": [
                {"parameters": t.parameters, "score": t.score if math.isfinite(t.score) else None}
                for t in tried
            ],
        },
    }
    recommender.save(out)
    output.lines(f"wrote {out}: {model} over {recommender.n_items:,} items")
    output.json({"out": str(out), "model": model, **recommender.metrics})


def _words(parameters: dict[str, object]) -> str:
    return ", ".join(
        f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in parameters.items()
    )
