"""`likewise steps`: the seven training steps with the numbers of one basket or one image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli import options as o
from likewise.cli.output import Output, require_writable
from likewise.errors import InputError

if TYPE_CHECKING:
    from likewise.steps import ImageSteps


def command(
    model: o.ModelArgument,
    basket: Annotated[str | None, o.BASKET_ITEMS] = None,
    images: Annotated[
        Path | None, typer.Option(help="Images, for a model that `likewise images` wrote.")
    ] = None,
    row: Annotated[int, typer.Option(min=0, help="Which of the images, the first being 0.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write the steps as one HTML file; of an image, a picture.")
    ] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Show how an autoencoder learns, in seven steps.

    The numbers are those of the model if it is a classic autoencoder, and else of a small one that
    `fit` trained beside it, row by row, on the items bought most. A model of images is shown an
    image.

    Examples
    --------
      likewise steps shop.model --basket 85123A,22423

      likewise steps shop.model --basket 85123A --out steps.html
    """
    if (basket is None) == (images is None):
        raise InputError("give --basket, or --images for a model of images, and not both")
    output = Output(as_json, quiet)
    if images is not None:
        _of_image(model, images, row, out, output)
    else:
        _of_basket(model, basket or "", out, output)


def _of_basket(model: Path, basket: str, out: Path | None, output: Output) -> None:
    from likewise.recommend.steps_html import steps_html
    from likewise.recommend.steps_text import steps_lines

    require_writable(out, (".html",))
    items = o.basket(basket)
    steps = o.load_recommender(model).steps(items)
    if out is not None:
        from likewise.cli.report import write_text

        write_text(out, steps_html(steps))
        output.note(f"wrote {out}")
    output.lines(*steps_lines(steps))
    output.json(steps.as_dict())


def _of_image(model: Path, images: Path, row: int, out: Path | None, output: Output) -> None:
    from likewise.steps import image_steps_lines

    require_writable(out, (".png", ".svg", ".pdf"))
    steps = _walked(model, images, row)
    if out is not None:
        from likewise.plots import image_steps_figure

        image_steps_figure(steps).savefig(out)
        output.note(f"wrote {out}")
    output.lines(*image_steps_lines(steps))
    output.json(steps.as_dict())


def _walked(model: Path, images: Path, row: int) -> "ImageSteps":
    from likewise.autoencoders.neural import NeuralAutoencoder
    from likewise.data.images import read_images
    from likewise.recommend.folder import load
    from likewise.steps import image_steps

    loaded = load(model)
    if not isinstance(loaded, NeuralAutoencoder):
        raise InputError(f"{model} holds no autoencoder of images; `likewise images` writes one")
    found = read_images(images)
    if row >= len(found):
        raise InputError(f"--row {row} given; {images} has {len(found)} images, the first is row 0")
    return image_steps(loaded, found.pixels[row])
