"""`likewise features`: a table's codes as features for another model."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli import options as o
from likewise.cli import table as t
from likewise.cli.output import Output, write_table
from likewise.errors import InputError


def command(
    table: t.TableArgument,
    out: Annotated[Path | None, typer.Option(help="Where to write them, row by row.")] = None,
    dimensions: Annotated[int, typer.Option(help="How many features.")] = 32,
    target: Annotated[
        str | None,
        typer.Option(help="A column to be told from the features; they never learn from it."),
    ] = None,
    without: t.Without = None,
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
    from likewise.cli.models import show_progress
    from likewise.tables.autoencoder import TableAutoencoder
    from likewise.tables.features import FOLDS, probe
    from likewise.tables.settings import describer

    output = Output(as_json, quiet)
    t.require_dimensions(dimensions)
    if out is None and target is None and save is None:
        raise InputError("name --out, --target or --save: there is nothing to do")
    t.check(out, save, seconds)
    t.require_code(kind)
    told, rows = t.set_apart(t.read(table, without, output), target, "--target")
    model = t.new_model(
        kind, settings, lambda named: describer(dimensions, rows.num_rows, named),
        random_state=seed, max_seconds=seconds / (1 + FOLDS * (target is not None)),
    )  # fmt: skip
    document: dict[str, object] = {"dimensions": dimensions}
    if told is not None:
        with output.bar("learning to tell the target"):
            probes = probe(rows, told, model, seed=seed)
        output.lines(probes.line())
        document |= {"target": target, **probes.as_dict()}
    with output.bar("learning features") as move:
        show_progress(model, move)
        learned = TableAutoencoder(model).fit(rows)
    if out is not None:
        import pyarrow as pa

        codes = {f"feature{n}": one for n, one in enumerate(learned.transform(rows).T, 1)}
        write_table(pa.table(codes | ({} if told is None else {"target": told})), out)
    if save is not None:
        learned.save(save)
    written = [str(path) for path in (out, save) if path is not None]
    output.note(*(f"wrote {path}" for path in written))
    output.json(document | {"wrote": written})
