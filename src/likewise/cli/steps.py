"""`likewise steps`: the seven training steps, with the numbers of a basket, an image or a row."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli import options as o
from likewise.cli.output import Output, require_writable, write_picture
from likewise.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from likewise.tables.autoencoder import TableAutoencoder


def command(
    model: o.ModelArgument,
    basket: o.BasketItems = None,
    images: Annotated[
        Path | None, typer.Option(help="Images, for a model that `likewise images` wrote.")
    ] = None,
    size: o.ImageSize = None,
    mode: o.ImageMode = None,
    table: Annotated[
        Path | None,
        typer.Option(help="A table, for a model that `reduce`, `features` or `anomalies` saved."),
    ] = None,
    row: Annotated[
        int, typer.Option(min=1, help="Which of the images or rows, the first being 1.")
    ] = 1,
    out: Annotated[
        Path | None, typer.Option(help="Write the steps as one HTML file; of an image, a picture.")
    ] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Show how an autoencoder learns, in seven steps.

    The numbers are those of the model if it is a classic autoencoder, and else of a small one that
    `fit` trained beside it, row by row, on the items bought most. A model of images is shown an
    image, a model of a table one of its rows.

    Examples
    --------
      likewise steps shop.model --basket 85123A,22423

      likewise steps shop.model --basket 85123A --out steps.html

      likewise steps houses.model --table houses.csv --row 42
    """
    if [basket, images, table].count(None) != 2:
        raise InputError(
            "give --basket, or --images for a model of images, or --table for a model of a table, "
            "and only one of them"
        )
    if images is None and (size is not None or mode is not None):
        raise InputError("--size and --mode are of --images, which is not given; leave them out")
    output = Output(as_json, quiet)
    if images is not None:
        made_alike = {"size": o.image_size(size), "mode": mode}
        _of_image(model, images, made_alike, row, out, output)
    elif table is not None:
        _of_row(model, table, row, out, output)
    else:
        _of_basket(model, o.basket(basket or []), out, output)


def _of_basket(model: Path, basket: list[str], out: Path | None, output: Output) -> None:
    from likewise.recommend.steps_html import steps_html
    from likewise.recommend.steps_text import steps_lines

    require_writable(out, (".html",))
    steps = o.load_recommender(model).steps(basket)
    _write_page(out, lambda: steps_html(steps), output)
    output.lines(*steps_lines(steps))
    output.json(steps.as_dict())


def _of_image(
    model: Path,
    images: Path,
    made_alike: dict[str, Any],
    row: int,
    out: Path | None,
    output: Output,
) -> None:
    from likewise.autoencoders.neural import NeuralAutoencoder
    from likewise.data.images import read_images
    from likewise.recommend.folder import load
    from likewise.steps import image_steps, image_steps_lines

    require_writable(out, (".png", ".svg", ".pdf"))
    loaded = load(model)
    if not isinstance(loaded, NeuralAutoencoder):
        raise InputError(
            f"{model} holds no autoencoder of images; `likewise images` writes one as images.model"
        )
    found = read_images(images, **made_alike)
    _require_row(row, len(found), f"{images} has {len(found):,} images")
    steps = image_steps(loaded, found.pixels[row - 1])
    if out is not None:
        from likewise.plots import image_steps_figure

        write_picture(image_steps_figure(steps), out)
        output.note(f"wrote {out}")
    output.lines(*image_steps_lines(steps))
    output.json(steps.as_dict())


def _of_row(model: Path, table: Path, row: int, out: Path | None, output: Output) -> None:
    from likewise.data.read_table import read_table
    from likewise.steps import table_steps, table_steps_html, table_steps_lines

    require_writable(out, (".html",))
    learned = _of_tables(model)
    rows = _known_columns(learned, read_table(table))
    _require_row(row, rows.num_rows, f"{table} has {rows.num_rows:,} rows")
    steps = table_steps(learned, rows.slice(row - 1, 1))
    _write_page(out, lambda: table_steps_html(steps), output)
    output.lines(*table_steps_lines(steps))
    output.json(steps.as_dict())


def _of_tables(folder: Path) -> "TableAutoencoder":
    """Return the autoencoder of a folder that a command on tables saved."""
    from likewise.recommend.folder import load
    from likewise.tables.anomalies import AnomalyDetector
    from likewise.tables.autoencoder import TableAutoencoder

    loaded = load(folder)
    if isinstance(loaded, AnomalyDetector):
        return loaded.table_
    if not isinstance(loaded, TableAutoencoder):
        raise InputError(
            f"{folder} holds no autoencoder of a table; `likewise reduce`, `features` and "
            "`anomalies` write one with --save"
        )
    return loaded


def _known_columns(model: "TableAutoencoder", table: "pa.Table") -> "pa.Table":
    from likewise.cli.table import require_column

    names = [column.name for column in model.encoder_.columns_]
    for name in names:
        require_column(table, name, "the model needs the column")
    return table.select(names)


def _require_row(row: int, n: int, what: str) -> None:
    if row > n:
        raise InputError(f"--row {row} given; {what}, the first is row 1")


def _write_page(out: Path | None, page: Any, output: Output) -> None:
    if out is not None:
        from likewise.cli.report import write_text

        write_text(out, page())
        output.note(f"wrote {out}")
