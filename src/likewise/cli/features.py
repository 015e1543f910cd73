"""`likewise features`: a table's codes as features for another model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli import options as o
from likewise.cli import table as t
from likewise.cli.output import Output, write_table
from likewise.errors import InputError, counted

if TYPE_CHECKING:
    import pyarrow as pa

MOST_FEATURES = 32


def command(
    table: t.TableArgument,
    out: Annotated[Path | None, typer.Option(help="Where to write them, row by row.")] = None,
    dimensions: Annotated[
        int | None,
        typer.Option(help="How many features; half the encoded columns, 32 at most, if not given."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(help="A column to be told from the features; they never learn from it."),
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
    """Make features of a table for another model, and say what they are worth.

    With --target a linear model learns it from the columns, from PCA's numbers, from the features
    and from columns and features, and is judged on rows that none of them has seen.

    Examples
    --------
      likewise features houses.csv --out features.parquet

      likewise features houses.csv --target price --dimensions 8
    """
    from likewise.cli.models import cut_short, how_learned, show_progress, stopped
    from likewise.tables.autoencoder import TableAutoencoder
    from likewise.tables.features import FOLDS, probe
    from likewise.tables.settings import describer

    output = Output(as_json, quiet)
    if dimensions is not None:
        t.require_dimensions(dimensions)
    if out is None and target is None and save is None:
        raise InputError("name --out, --target or --save: there is nothing to do")
    t.check(out, save, seconds)
    t.require_code(kind)
    told, rows = t.set_apart(t.read(table, without, output), target, "--target")
    n_features = _half(rows, max_categories, output) if dimensions is None else dimensions
    n_trainings = 1 if target is None else 1 + FOLDS
    model = t.new_model(
        kind, settings, lambda named: describer(n_features, rows.num_rows, named),
        random_state=seed, max_seconds=seconds / n_trainings,
    )  # fmt: skip
    document: dict[str, object] = {"dimensions": n_features}
    if told is not None:
        known, answers = _answered(rows, told, output)
        with output.bar("learning to tell the target"):
            probes = probe(known, answers, model, max_categories=max_categories, seed=seed)
        output.lines(probes.line())
        document |= {"target": target, **probes.as_dict()}
    with output.bar("learning features") as move:
        show_progress(model, move)
        learned = TableAutoencoder(model, max_categories=max_categories).fit(rows)
    output.note(how_learned(learned))
    output.note(*cut_short(learned, "features tell more", share=_share(n_trainings)))
    if save is not None:
        learned.save(save)
    if out is not None:
        import pyarrow as pa

        codes = {f"feature{n}": one for n, one in enumerate(learned.transform(rows).T, 1)}
        write_table(pa.table(codes | ({} if told is None else {"target": told})), out)
    written = [str(path) for path in (out, save) if path is not None]
    output.note(*(f"wrote {path}" for path in written))
    output.json(document | {"stopped": stopped(learned), "wrote": written})


def _share(n_trainings: int) -> str:
    return f", shared by {n_trainings} trainings," if n_trainings > 1 else ""


def _answered(
    rows: "pa.Table", told: "pa.ChunkedArray", output: Output
) -> tuple["pa.Table", "pa.ChunkedArray"]:
    """Return the rows whose target is known; features are learned from the others too."""
    import pyarrow.compute as pc

    known = pc.invert(told.is_null(nan_is_null=True))
    missing = len(told) - pc.sum(known).as_py()
    if missing == len(told):
        raise InputError("the target is missing in all rows; name another, or fill it in")
    if missing:
        output.note(f"the target is missing in {counted(missing, 'row')}: only features use them")
    return rows.filter(known), told.filter(known)


def _half(rows: "pa.Table", max_categories: int, output: Output) -> int:
    """Return half the number of encoded columns, so that the code is shorter than the row."""
    from likewise.data.table_encoder import TableEncoder

    n_columns = len(TableEncoder(max_categories).fit(rows).source_)
    n_features = min(MOST_FEATURES, max(1, n_columns // 2))
    output.note(
        f"makes {counted(n_features, 'feature')} of "
        f"{counted(n_columns, 'encoded column')} (--dimensions)"
    )
    return n_features
