"""`likewise anomalies`: the rows of a table that are like no others, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli import options as o
from likewise.cli import table as t
from likewise.cli.output import Output, write_table
from likewise.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from likewise.tables.anomalies import AnomalyDetector
    from likewise.tables.anomaly import Anomaly


LEARNING = ("kind", "settings", "seconds", "save", "seed", "without", "max_categories")
"""Parameters that say how to learn."""


def command(
    context: typer.Context,
    table: t.TableArgument,
    k: Annotated[int, typer.Option("-k", help="How many rows to print.")] = 20,
    out: Annotated[
        Path | None, typer.Option(help="Where to write all rows' scores and causes, ranked.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A folder that --save wrote: score by it, learn nothing.")
    ] = None,
    without: t.Without = None,
    max_categories: t.Categories = 100,
    kind: t.Type = "denoising",
    settings: t.Settings = None,
    seconds: t.Seconds = 60.0,
    save: t.Save = None,
    seed: o.Seed = 0,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Rank the rows of a table by how strange they are, with the columns that make them so.

    Each column is predicted from the others while it is hidden; what is far from what was expected
    adds to the row's score.

    Examples
    --------
      likewise anomalies houses.csv -k 5

      likewise anomalies houses.csv --out ranked.parquet --save houses.model

      likewise anomalies houses.csv --without zip --set corruption_level=0.3
    """
    from likewise.cli.models import stopped

    output = Output(as_json, quiet)
    if k < 1:
        raise InputError(f"-k {k} given; give 1 or more")
    if model is not None:
        t.refuse_given(context, LEARNING, "--model scores by a model that is there: leave out")
    t.check(out, save, seconds)
    rows = t.read(table, without, output)
    if model is None:
        detector = _learned(rows, max_categories, kind, settings, seconds, seed, output)
    else:
        detector, rows = _loaded(model, rows)
    ranked = detector.rank(rows, k if out is None else None)
    _print(ranked[:k], output)
    written = _write(detector, ranked, out, save)
    output.note(*(f"wrote {path}" for path in written))
    document = {"rows": rows.num_rows, "anomalies": _plain(ranked[:k]), "wrote": written}
    ended = {} if model else {"stopped": stopped(detector.table_)}
    output.json(document | ended)


def _learned(
    rows: "pa.Table",
    max_categories: int,
    kind: str,
    settings: list[str] | None,
    seconds: float,
    seed: int,
    output: Output,
) -> "AnomalyDetector":
    from likewise.cli.models import cut_short, how_learned, show_progress
    from likewise.tables.anomalies import AnomalyDetector
    from likewise.tables.settings import hider

    model = t.new_model(
        kind, settings, lambda named: hider(rows.num_rows, named), random_state=seed,
        max_seconds=seconds,
    )  # fmt: skip
    with output.bar("learning what rows are like") as move:
        show_progress(model, move)
        detector = AnomalyDetector(model, max_categories=max_categories, random_state=seed).fit(
            rows
        )
    output.note(how_learned(detector.table_))
    output.note(*cut_short(detector.table_, "anomalies stand out more"))
    return detector


def _loaded(folder: Path, rows: "pa.Table") -> tuple["AnomalyDetector", "pa.Table"]:
    """Return a saved detector, and the columns of the table that it knows."""
    from likewise.recommend.folder import load
    from likewise.tables.anomalies import AnomalyDetector

    detector = load(folder)
    if not isinstance(detector, AnomalyDetector):
        raise InputError(f"{folder} finds no anomalies; give one that `anomalies --save` wrote")
    if not hasattr(detector, "feature_names_in_"):
        raise InputError(
            f"{folder} learned from an array, whose columns have no names; ask it from Python "
            "(likewise.load, rank), or learn from a table"
        )
    names = detector.feature_names_in_.tolist()
    for name in names:
        t.require_column(rows, name, "--model needs the column")
    return detector, rows.select(names)


def _print(ranked: "list[Anomaly]", output: Output) -> None:
    rows = [[str(one.row + 1), f"{one.score:.2f}", _told(one)] for one in ranked]
    output.table(["row", "score", "because of (what was expected)"], rows)


def _told(anomaly: "Anomaly") -> str:
    from likewise.steps.tables_text import word

    return "; ".join(
        f"{cause.column} {word(cause.value)} ({word(cause.expected)})" for cause in anomaly.causes
    )


def _write(
    detector: "AnomalyDetector", ranked: "list[Anomaly]", out: Path | None, save: Path | None
) -> list[str]:
    import pyarrow as pa

    if save is not None:
        detector.save(save)
    if out is not None:
        columns = {
            "row": [one.row + 1 for one in ranked],
            "score": [one.score for one in ranked],
            "causes": [_told(one) for one in ranked],
        }
        write_table(pa.table(columns), out)
    return [str(path) for path in (out, save) if path is not None]


def _plain(ranked: "list[Anomaly]") -> list[dict[str, Any]]:
    return [
        {"row": one.row + 1, "score": one.score, "causes": [c._asdict() for c in one.causes]}
        for one in ranked
    ]
