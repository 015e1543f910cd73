"""`likewise recommend`: items for baskets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli import options as o
from likewise.cli.output import TABLES, Output, as_scores, require_writable
from likewise.errors import InputError

if TYPE_CHECKING:
    from likewise.recommend.explain import Reason


def command(
    model: o.ModelArgument,
    basket: o.BasketItems = None,
    baskets: Annotated[
        Path | None, typer.Option(help="A table with the columns user and item.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write user, item, score, fallback, rank.")
    ] = None,
    k: o.K = 10,
    keep_seen: Annotated[
        bool, typer.Option("--keep-seen", help="Do not leave out what is in the basket.")
    ] = False,
    why: Annotated[
        bool, typer.Option("--why", help="Say which items of the basket raised each score.")
    ] = False,
    memory: o.Memory = None,
    threads: o.Threads = None,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Recommend items for one basket, or for a table of baskets.

    Examples
    --------
      likewise recommend shop.model --basket 85123A,71053 -k 5

      likewise recommend shop.model --basket 85123A --why

      likewise recommend shop.model --baskets baskets.parquet -k 100 --out recs.parquet
    """
    if (basket is None) == (baskets is None):
        raise InputError("give --basket A,B or --baskets TABLE, one of the two")
    if baskets is not None and out is None and not as_json:
        raise InputError("--baskets needs --out TABLE (or --json)")
    if baskets is None and out is not None:
        raise InputError(
            "--out is for --baskets TABLE; one basket is printed (--json for programs)"
        )
    if baskets is not None and why:
        raise InputError("--why explains one basket; give it as --basket A,B")
    require_writable(out, TABLES)
    output = Output(as_json, quiet)
    o.limit(memory, threads, output)
    if baskets is not None:
        _table(model, baskets, out, k, keep_seen, output)
    else:
        _one(model, o.basket(basket or []), k, keep_seen, why, output)


def _one(
    folder: Path, basket: list[str], k: int, keep_seen: bool, why: bool, output: Output
) -> None:
    recommender = o.load_recommender(folder)
    (found,) = recommender.recommend([basket], k, filter_seen=not keep_seen)
    if found.unknown:
        output.note(f"not in the catalogue, left out: {', '.join(map(str, found.unknown))}")
    if found.fallback:
        output.note(
            "no item of the basket is known: these are the most popular items, and their scores "
            "say how often each was bought"
        )
    each = recommender.explain_each(basket, [r.item for r in found]) if why else [[]] * len(found)
    reasons = [_raised(because) for because in each]
    headers = ["rank", "item", "score", "title", *(["because of"] if why else [])]
    scores = as_scores([r.score for r in found])
    rows = [
        [
            str(rank),
            str(r.item),
            score,
            r.title,
            *([", ".join(f"{x.title} ({x.effect:+.3f})" for x in because)] if why else []),
        ]
        for rank, (r, score, because) in enumerate(zip(found, scores, reasons, strict=True), 1)
    ]
    output.table(headers, rows)
    output.json(
        {
            "basket": basket,
            "unknown": list(found.unknown),
            "fallback": found.fallback,
            "items": [
                r._asdict() | ({"because": [x._asdict() for x in because]} if why else {})
                for r, because in zip(found, reasons, strict=True)
            ],
        }
    )


def _raised(because: "list[Reason]") -> "list[Reason]":
    """Return the items of the basket that raised the score most, three at most."""
    return [reason for reason in because if reason.effect > 0][:3]


def _table(
    folder: Path, baskets: Path, out: Path | None, k: int, keep_seen: bool, output: Output
) -> None:
    recommender = o.load_recommender(folder)
    if out is None:
        from likewise.data.tables import read_ids

        table = read_ids(baskets, ("user", "item"))
        found = recommender.recommend(table, k, filter_seen=not keep_seen)
        _note_fallbacks(len(found.filter(found["fallback"])["user"].unique()), output)
        output.json(found.to_pylist())
        return
    from likewise.recommend.bulk import recommend_file

    with output.bar("recommending") as move:
        written = recommend_file(
            recommender, baskets, out, k, filter_seen=not keep_seen,
            progress=lambda done, n: move(done / n, f"{done:,} of {n:,} baskets"),
        )  # fmt: skip
    _note_fallbacks(written.n_fallback, output)
    output.lines(f"wrote {out}: {written.n_rows:,} rows")
    output.json({"out": str(out), "rows": written.n_rows})


def _note_fallbacks(n_fallback: int, output: Output) -> None:
    if n_fallback:
        output.note(
            f"baskets without a known item: {n_fallback:,}; they got the most popular items, "
            "and as scores how often each was bought"
        )
