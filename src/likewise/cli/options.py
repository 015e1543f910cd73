"""Options that several commands have."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli.output import Output
from likewise.errors import InputError

if TYPE_CHECKING:
    from likewise.data.log import Log
    from likewise.recommend.recommender import Recommender

LogArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="LOG",
        help="Files (csv, tsv, jsonl, parquet; also .gz, .zst), a pattern, or a database address.",
    ),
]
ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder.")]
User = Annotated[str | None, typer.Option(help="Column of users; found by name if not given.")]
Item = Annotated[str | None, typer.Option(help="Column of items.")]
Time = Annotated[str | None, typer.Option(help="Column of times.")]
Weight = Annotated[str | None, typer.Option(help="Column of quantities, counts or ratings.")]
Title = Annotated[str | None, typer.Option(help="Column of titles.")]
Basket = Annotated[
    str | None, typer.Option(help="Column of invoices, which stand in for unknown users.")
]
MinWeight = Annotated[
    float | None, typer.Option(help="Keep rows with this weight or more, such as ratings from 4.")
]
Drop = Annotated[
    list[str] | None,
    typer.Option(
        metavar="REASON=SQL",
        help="Leave out rows for which the SQL condition holds; may be given several times.",
    ),
]
Titles = Annotated[
    Path | None, typer.Option(help="A table of items and titles, where they are kept apart.")
]
Query = Annotated[str | None, typer.Option(help="SQL that gives the log, for a database.")]
TimeFormat = Annotated[str | None, typer.Option(help="How times are written, as in strptime.")]
SkipBadRows = Annotated[
    bool,
    typer.Option("--skip-bad-rows", help="Leave out rows that cannot be read; they are counted."),
]
Cache = Annotated[
    Path | None, typer.Option(help="A folder in which what is read of files is kept.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No notes, no progress.")]
BASKET_ITEMS = typer.Option(
    "--basket",
    metavar="A,B,...",
    help="Item ids, separated by commas; an id with a comma in it stands in double quotes.",
)
BasketItems = Annotated[list[str] | None, BASKET_ITEMS]
_FIELD = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*|([^,]*))(?:,|$)')
K = Annotated[int, typer.Option("-k", help="How many items for each.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Decides everything random.")]
Memory = Annotated[
    str | None, typer.Option(help="The most to take, as 8GB or 500MB; what is free if not given.")
]
MOST_THREADS = 256
"""Of more, starting them takes longer than what they do."""

Threads = Annotated[
    int | None,
    typer.Option(min=1, max=MOST_THREADS, help="Threads to compute with; all cores if not given."),
]
ImageSize = Annotated[
    str | None, typer.Option(metavar="HEIGHTxWIDTH", help="Resize every image of a folder.")
]
ImageMode = Annotated[
    str | None, typer.Option(help="Convert every image of a folder: grey or colour.")
]


def read(
    log: Sequence[str],
    output: Output,
    *,
    drop: Sequence[str] | None = None,
    skip_bad_rows: bool = False,
    **columns: Any,
) -> "Log":
    """Read the log that a command was given, and say what was taken."""
    from likewise.data.log import read_log

    source: Any = log[0] if len(log) == 1 else list(log)
    read = read_log(
        source,
        drop=_drops(drop or ()),
        bad_rows="skip" if skip_bad_rows else "refuse",
        **columns,
    )
    output.note(*read.report.lines())
    return read


def load_recommender(folder: Path) -> "Recommender":
    """Load a model folder that recommends."""
    from likewise.recommend.folder import load
    from likewise.recommend.recommender import Recommender

    model = load(folder)
    if not isinstance(model, Recommender):
        raise InputError(f"{folder} holds a bare autoencoder; give a folder that `fit` wrote")
    return model


def limit(memory: str | None, threads: int | None, output: Output) -> None:
    """Keep to --memory and --threads; say where there are more threads than cores."""
    from likewise.memory import limit_memory

    limit_memory(None if memory is None else _bytes(memory), f"--memory {memory}")
    if threads is not None:
        import scipy.linalg  # noqa: F401 - a limit holds for the libraries that are loaded
        import torch
        from threadpoolctl import threadpool_limits

        from likewise.data.engine import limit_threads

        torch.set_num_threads(threads)
        threadpool_limits(threads)
        limit_threads(threads)
        if threads > (cores := _cores()):
            output.note(
                f"--threads {threads} is more than the cores here, {cores}: so many threads take "
                "memory, and gain no time"
            )


def _cores() -> int:
    """Count the cores that this process may use, where the system tells; else all that are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _bytes(text: str) -> int:
    units = {"KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
    plain = text.upper().replace("IB", "B")  # as messages write sizes
    number, unit = plain[:-2], plain[-2:]
    try:
        size = float(number) * units[unit]
        if not 0 < size < 1 << 62:
            raise ValueError(size)
    except (KeyError, ValueError) as error:
        raise InputError(f"--memory {text} given; give a size such as 8GB or 500MB") from error
    return int(size)


def names(text: str) -> list[str]:
    """Split names separated by commas, each once; one with a comma in it is in double quotes.

    Examples
    --------
    >>> names('sold, "sq ft, total",sold')
    ['sold', 'sq ft, total']
    """
    return list(dict.fromkeys(_cells(text)))


def image_size(text: str | None) -> tuple[int, int] | None:
    """Return the height and width that --size says, if it was given."""
    if text is None:
        return None
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise InputError(f"--size {text} given; give HEIGHTxWIDTH, such as 64x64")
    return int(height), int(width)


def basket(given: Sequence[str]) -> list[str]:
    """Return the item ids of --basket; one with a comma in it is in double quotes, as in CSV.

    Given twice it may be meant as one basket or as two: neither is guessed.
    """
    if len(given) > 1:
        raise InputError(
            f"--basket is given {len(given)} times, and it is one basket; name all of its items at "
            "once, as --basket A,B; several baskets go in a table, `likewise recommend --baskets`"
        )
    if not (items := _cells(given[0])):
        raise InputError("--basket is empty; give item ids, separated by commas")
    return items


def _cells(text: str) -> list[str]:
    """Return the fields of a line of CSV that hold something; quotes keep the spaces in them.

    Examples
    --------
    >>> _cells('tea, cup , " pot","a ""b"", c",')
    ['tea', 'cup', ' pot', 'a "b", c']
    """
    fields = _FIELD.findall(" ".join(text.splitlines()))  # csv.reader does not tell what was quoted
    cells = [quoted.replace('""', '"') or plain.strip() for quoted, plain in fields]
    return [cell for cell in cells if cell.strip()]


def seconds(text: str | float) -> float:
    """Read a time: 90, 90s, 10m or 2h, in seconds.

    Examples
    --------
    >>> seconds("10m"), seconds("90")
    (600.0, 90.0)
    """
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    number, unit = (str(text)[:-1], str(text)[-1:]) if str(text)[-1:] in units else (text, "s")
    try:
        return float(number) * units[unit]
    except ValueError:
        raise typer.BadParameter(f"{text} is no time; give one such as 90, 10m or 2h") from None


def require_seconds(seconds: float, option: str) -> None:
    """Refuse an option's time that is none."""
    if not 0 < seconds < float("inf"):
        raise InputError(f"{option} {seconds:g} given; give seconds, more than 0")


def _drops(given: Sequence[str]) -> dict[str, str]:
    """Return reason -> condition of --drop; a reason that is given twice would lose one."""
    drops: dict[str, str] = {}
    for reason, condition in map(_named, given):
        if reason in drops:
            raise InputError(
                f"--drop gives the reason {reason!r} twice; name each its own, or join them: "
                f'--drop "{reason}=({drops[reason]}) OR ({condition})"'
            )
        drops[reason] = condition
    return drops


def _named(condition: str) -> tuple[str, str]:
    reason, separator, sql = condition.partition("=")
    if not separator or not reason.strip() or not sql.strip():
        raise InputError(
            f"--drop {condition!r} has no reason or no condition; "
            'write it as --drop "returns=quantity < 0"'
        )
    return reason.strip(), sql.strip()
