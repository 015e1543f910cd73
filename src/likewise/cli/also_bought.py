"""`likewise also-bought`: what those who bought an item bought too."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli import options as o
from likewise.cli.output import TABLES, Output, as_scores, require_writable
from likewise.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from likewise.recommend.recommender import Recommender


def command(
    model: o.ModelArgument,
    item: Annotated[list[str] | None, typer.Argument(metavar="ITEM", help="Item ids.")] = None,
    items: Annotated[Path | None, typer.Option(help="A table with a column item.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write item, other, score, support, rank.")
    ] = None,
    k: o.K = 10,
    memory: o.Memory = None,
    threads: o.Threads = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Print what those who bought an item bought too.

    Support is the number of baskets that held both.

    Examples
    --------
      likewise also-bought shop.model 85123A -k 5

      likewise also-bought shop.model --items items.parquet -k 20 --out also.parquet
    """
    if bool(item) == (items is not None):
        raise InputError("give item ids, or --items TABLE, one of the two")
    if items is not None and out is None and not as_json:
        raise InputError("--items needs --out TABLE (or --json)")
    if items is None and out is not None:
        raise InputError("--out is for --items TABLE; items by name are printed (or --json)")
    require_writable(out, TABLES)
    output = Output(as_json, quiet)
    o.limit(memory, threads, output)
    recommender = o.load_recommender(model)
    if items is not None:
        output.frame(recommender.also_bought(_known(items, recommender, output), k), out)
        return
    answers = recommender.also_bought(item or [], k)
    for id_, others in answers.items():
        output.lines(f"Customers who bought {recommender.catalogue_.title_of(id_)} also bought")
        scores = as_scores([r.score for r in others])
        output.table(
            ["rank", "item", "score", "support", "title"],
            [
                [str(rank), str(r.item), score, str(r.support), r.title]
                for rank, (r, score) in enumerate(zip(others, scores, strict=True), 1)
            ],
        )
    output.json({str(id_): [r._asdict() for r in others] for id_, others in answers.items()})


def _known(items: Path, recommender: "Recommender", output: Output) -> "pa.Table":
    """Read a table of items, and leave out, with a note, those that the model does not know."""
    from likewise.data.tables import read_ids

    table = read_ids(items, ("item",))
    ids = table["item"].to_pylist()
    known = recommender.catalogue_.items.encode(ids) >= 0
    if not known.any():
        recommender.catalogue_.rows_of(table)  # refuses, and says why
    if n_unknown := int((~known).sum()):
        output.note(f"not in the catalogue, left out: {n_unknown:,} of {len(ids):,} items")
    return table.filter(known)
