"""`likewise reduce`: a table as a few numbers a row, beside PCA."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli import options as o
from likewise.cli import table as t
from likewise.cli.output import Output, require_writable, write_picture, write_table

if TYPE_CHECKING:
    from likewise.tables.reduction import Reduction


def command(
    table: t.TableArgument,
    dimensions: Annotated[int, typer.Option(help="Numbers that stand for a row.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Where to write the codes, row by row.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Where to draw the codes beside PCA's: png, svg or pdf.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="A column that colours the map and goes to --out; not learned from."),
    ] = None,
    without: t.Without = None,
    max_categories: t.Categories = 100,
    kind: t.Type = "undercomplete",
    settings: t.Settings = None,
    seconds: t.Seconds = 60.0,
    save: t.Save = None,
    seed: o.Seed = 0,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Reduce the rows of a table to a few numbers, and say how that compares with PCA.

    Both learn from four fifths of the rows and are judged by the others: what share of them they
    give back, and whether rows that are near stay near.

    Examples
    --------
      likewise reduce houses.csv --out codes.parquet

      likewise reduce houses.csv --label town --plot map.png

      likewise reduce houses.csv --dimensions 3 --without price --set hidden=64,16
    """
    from likewise.cli.models import cut_short, how_learned, show_progress, stopped
    from likewise.tables.autoencoder import TableAutoencoder
    from likewise.tables.reduction import reduce_table
    from likewise.tables.settings import for_tables

    output = Output(as_json, quiet)
    t.require_dimensions(dimensions)
    t.check(out, save, seconds)
    t.require_code(kind)
    require_writable(plot, (".png", ".svg", ".pdf"), "--plot")
    labels, rows = t.set_apart(t.read(table, without, output), label, "--label")
    model = t.new_model(
        kind, settings, lambda named: for_tables(named, dimensions, rows.num_rows),
        random_state=seed, max_seconds=seconds,
    )  # fmt: skip
    with output.bar("learning to reduce") as move:
        show_progress(model, move)
        table_model = TableAutoencoder(model, max_categories=max_categories)
        reduction = reduce_table(rows, table_model, seed=seed)
    output.note(how_learned(reduction.model))
    output.note(*cut_short(reduction.model, "the codes tell more"))
    output.lines(reduction.line())
    written = _write(reduction, labels, label or "", out, plot, save)
    output.note(*(f"wrote {path}" for path in written))
    output.json(
        {
            "dimensions": reduction.codes.shape[1],
            "held_out_rows": reduction.n_held,
            "stopped": stopped(reduction.model),
            reduction.model.model_.type_name: reduction.own.as_dict(),
            "pca": reduction.pca.as_dict(),
            "wrote": written,
        }
    )


def _write(
    reduction: "Reduction",
    labels: Any,
    label: str,
    out: Path | None,
    plot: Path | None,
    save: Path | None,
) -> list[str]:
    """Write what was asked for; return the paths."""
    import pyarrow as pa

    if save is not None:
        reduction.model.save(save)
    if out is not None:
        codes = {f"code{n}": column for n, column in enumerate(reduction.codes.T, 1)}
        write_table(pa.table(codes | ({} if labels is None else {"label": labels})), out)
    if plot is not None:
        from likewise.plots import reduction_map

        figure = reduction_map(
            reduction, None if labels is None else labels.to_pylist(), name=label
        )
        write_picture(figure, plot)
    return [str(path) for path in (out, plot, save) if path is not None]
