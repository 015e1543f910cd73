"""`likewise steps`: the seven training steps with the numbers of one basket."""

from pathlib import Path
from typing import Annotated

import typer

from likewise.cli import options as o
from likewise.cli.output import Output, require_writable


def command(
    model: o.ModelArgument,
    basket: Annotated[str, o.BASKET_ITEMS],
    out: Annotated[Path | None, typer.Option(help="Write the steps as one HTML file.")] = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Show how an autoencoder learns, in seven steps.

    The numbers are those of the model if it is a classic autoencoder, and else of a small one that
    `fit` trained beside it, row by row, on the items bought most.

    Examples
    --------
      likewise steps shop.model --basket 85123A,22423

      likewise steps shop.model --basket 85123A --out steps.html
    """
    from likewise.recommend.steps_html import steps_html
    from likewise.recommend.steps_text import steps_lines

    require_writable(out, (".html",))
    items = o.basket(basket)
    output = Output(as_json, quiet)
    steps = o.load_recommender(model).steps(items)
    if out is not None:
        from likewise.cli.report import write_text

        write_text(out, steps_html(steps))
        output.note(f"wrote {out}")
    output.lines(*steps_lines(steps))
    output.json(steps.as_dict())
