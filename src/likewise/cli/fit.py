"""`likewise fit`: from a log to a model folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli import options as o
from likewise.cli.choosing import (
    found,
    half_life_asked_for,
    half_life_of,
    require_judges,
    require_times,
)
from likewise.cli.density import enough_for, lost, without_pairs
from likewise.cli.dry_run import report
from likewise.cli.output import Output
from likewise.errors import InputError, counted

if TYPE_CHECKING:
    from likewise.autoencoders.base import Autoencoder
    from likewise.data.interactions import Interactions
    from likewise.nn.plan import Progress
    from likewise.recommend.recommender import Recommender

BUDGET = 60.0
WEIGHTINGS = ("binary", "log", "linear")
MODELS = (
    "linear", "neighbourhood", "kernel", "spectral", "lle", "als", "denoising", "variational",
    "recvae", "hvamp", "cosine", "undercomplete", "sparse", "contractive", "stacked", "deep",
    "item-knn", "rp3beta", "popularity",
)  # fmt: skip


def command(
    log: o.LogArgument,
    out: Annotated[Path | None, typer.Option(help="The model folder to write.")] = None,
    model: Annotated[
        str,
        typer.Option(help=f"auto, the best that is found, or one of {', '.join(MODELS)}."),
    ] = "auto",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of the model, such as l2=200."),
    ] = None,
    weighting: Annotated[
        str, typer.Option(help="What a weight is to the model: binary, log or linear.")
    ] = "binary",
    budget: Annotated[
        float | None,
        typer.Option(
            help="Time to choose settings, or to train: 90, 10m, 2h; 60 seconds if not given.",
            parser=o.seconds,
            metavar="TIME",
        ),
    ] = None,
    half_life: Annotated[
        str | None,
        typer.Option(
            help="Days after which a purchase counts half, auto to choose them, or none; if not "
            "given, auto with --model auto where the log has times, else none."
        ),
    ] = None,
    repeats: Annotated[
        bool,
        typer.Option(
            "--repeats", help="Let buying again count; ask with `recommend --keep-seen` then."
        ),
    ] = False,
    trials: Annotated[
        Path | None,
        typer.Option(help="Folder that the trials of auto are kept in, and gone on from."),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="File that training is saved to, and resumed from.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Read the log, say what memory and time it would take, write nothing."
        ),
    ] = False,
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
    """Learn from a log of purchases and write a model folder.

    Columns are found by their names (customer, sku, date, qty, ...) or named by options; what was
    taken is printed. Closed forms and neural autoencoders are tried on held-out customers within
    --budget, and the best of them, or a blend, is fitted on everything; --model names one instead.

    Examples
    --------
      likewise fit orders.csv --out shop.model

      likewise fit "2025-*.parquet" --user customer --item sku --out shop.model

      likewise fit ratings.csv --min-weight 4 --titles films.csv --out films.model

      likewise fit orders.csv --budget 10m --out shop.model

      likewise fit orders.csv --memory 8GB --dry-run

      likewise fit orders.csv --drop "returns=qty < 0" --model variational --out shop.model
    """
    from likewise.nn.device import resolve_device
    from likewise.recommend.checks import require_learnable
    from likewise.recommend.kept import densities_of
    from likewise.recommend.places import item_places
    from likewise.recommend.recency import fading
    from likewise.recommend.recommender import Recommender

    output = Output(as_json, quiet)
    o.limit(memory, threads, output)
    _check(model, settings, weighting, budget, trials, checkpoint, repeats)
    folder = _folder(out, dry_run)
    seconds = BUDGET if budget is None else budget
    run = {"random_state": seed, "max_seconds": budget, "device": device, "checkpoint": checkpoint}
    given = half_life_asked_for(model, weighting, half_life)
    if model == "auto":
        resolve_device(device)  # refuses one that is not there before the work
        named = None
    else:
        of = weighting if given is None else "recent"
        named = Recommender(_model(model, settings or [], run), weighting=of)
    events = o.read(
        log, output, user=user, item=item, time=time, weight=weight, title=title, basket=basket,
        min_weight=min_weight, drop=drop, titles=titles, query=query, time_format=time_format,
        skip_bad_rows=skip_bad_rows, threads=threads, cache=cache,
    )  # fmt: skip
    require_times(events, repeats, half_life)
    is_chosen_later = named is None or (dry_run and given == "auto")
    fades = half_life_of(events, None if is_chosen_later else given, output)
    interactions = (fading(events, fades.days) if fades.days else events).interactions()
    require_learnable(interactions)
    if named is None:
        require_judges(interactions)
    if dry_run:
        report(interactions, named, seconds, None if events.time is None else given, output)
        return
    if named is None:
        recommender = found(
            events, output, weighting=weighting, half_life=given, budget=seconds, seed=seed,
            device=device, trials=trials, repeats=repeats,
        )  # fmt: skip
    else:
        recommender = _trained(named, interactions, output)
        recommender.metrics["half_life"] = fades.as_dict()
    output.note(*without_pairs(recommender))
    _add_classic(recommender, interactions, seed, output)
    with output.bar("placing the items on the map"):
        recommender.places_ = item_places(recommender)
    if dense := densities_of(recommender.model_):  # of several, a part each
        recommender.metrics["density"] = dense if len(dense) > 1 else dense[0]
    recommender.metrics["log"] = events.report.as_dict()
    recommender.save(folder)
    output.lines(
        f"wrote {folder}: {recommender.model_.type_name} over {recommender.n_items:,} items, "
        f"learned from {interactions.n_users:,} baskets"
    )
    said = {"parameters": recommender.contents().parameters, "items": recommender.n_items}
    output.json(
        {"out": str(folder), "model": recommender.model_.type_name, **said,
         "baskets": interactions.n_users, **recommender.metrics}
    )  # fmt: skip


def _folder(out: Path | None, dry_run: bool) -> Path:
    """Return the folder to write, which has to be one that may be; a dry run needs none."""
    from likewise.artifact import require_replaceable

    if out is not None:
        require_replaceable(out)
    elif not dry_run:
        raise InputError("--out is missing: name the model folder to write, as --out shop.model")
    return out or Path()


def _check(
    model: str,
    settings: list[str] | None,
    weighting: str,
    budget: float | None,
    trials: Path | None,
    checkpoint: Path | None,
    repeats: bool,
) -> None:
    from likewise.recommend.remembered import require_folder

    if model != "auto" and model not in MODELS:
        raise InputError(f"--model {model} is none of auto, {', '.join(MODELS)}")
    if weighting not in WEIGHTINGS:
        raise InputError(f"--weighting {weighting} is none of {', '.join(WEIGHTINGS)}")
    if settings and model == "auto":
        raise InputError("--set needs --model with a type; auto chooses settings by validation")
    if checkpoint is not None and model == "auto":
        raise InputError("--checkpoint needs --model with a type; auto is resumed from --trials")
    if repeats and model != "auto":
        raise InputError("--repeats says what --model auto chooses by; give it with that")
    if trials is not None and model != "auto":
        raise InputError("--trials keeps the trials of --model auto; give it with that")
    if trials is not None:
        require_folder(trials)
    if budget is not None:
        o.require_seconds(budget, "--budget")


def _trained(
    recommender: "Recommender", interactions: "Interactions", output: Output
) -> "Recommender":
    """Fit the model that was named, and say how its training went."""
    from likewise.cli.models import show_progress

    model: Any = recommender.model
    # said after the fit, but of the memory that there is before it
    room = model.room_on(interactions.matrix) if hasattr(model, "room_on") else None
    enough = "" if room is None else enough_for(room)
    with output.bar(f"training {model.type_name}") as move:
        show_progress(model, move, _words)
        recommender.fit(interactions)
    if room is not None:
        output.note(*lost(recommender, room, enough))
    if hasattr(recommender.model_, "history_"):
        history = recommender.model_.history_
        recommender.metrics["training"] = {
            "epochs": history.epochs,
            "best_epoch": history.best_epoch,
            "stopped": history.stopped,
        }
        output.note(
            f"trained {counted(len(history.epochs), 'epoch')}, kept the weights after "
            f"{history.best_epoch} (stopped by {history.stopped})"
        )
    return recommender


def _add_classic(
    recommender: "Recommender", interactions: "Interactions", seed: int, output: Output
) -> None:
    """Train what `likewise steps` shows: last, so that whatever is refused is refused before."""
    from likewise.recommend.classic import Classic

    with output.bar("training the classic autoencoder of likewise steps"):
        recommender.classic_ = Classic.of(interactions, seed=seed)
    if recommender.classic_.model.history_.stopped == "interrupt":
        output.note("the classic autoencoder was interrupted; it is kept as it stood")


def _model(name: str, settings: list[str], run: dict[str, Any]) -> "Autoencoder":
    """Return the model of that name with these settings; refuse what it could not heed."""
    from likewise.cli.models import configured
    from likewise.recommend.folder import ALL_TYPES

    kind = ALL_TYPES[name]
    known = kind().get_params()
    for option, key in (("checkpoint",) * 2, ("device",) * 2, ("budget", "max_seconds")):
        if key not in known and run[key] not in {None, "auto"}:
            raise InputError(f"--{option} is for models trained by epochs, and {name} is not one")
    return configured(kind(), settings, **run | {"max_seconds": run["max_seconds"] or BUDGET})


def _words(at: "Progress") -> str:
    score = "" if at.validation is None else f", nDCG {at.validation:.4f}"
    return (
        f"epoch {at.epoch}/{at.max_epochs}, {at.rows_per_second:,.0f} rows/s, "
        f"{at.seconds_left:.0f} s left, loss {at.loss:.2f}{score}"
    )
