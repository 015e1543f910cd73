"""Printing: results to stdout, notes and progress to stderr."""

import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from likewise.errors import InputError, MachineError

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure


TABLES = (".parquet", ".csv", ".tsv", ".jsonl")
"""The endings that a result table may have."""

_PYTHON_AND_FLAG = re.compile(r"\b[a-z_]+=(?:'[^']*'|\{[^}]*\}|\w+)? ?\((-[^()]*)\)")
"""What Python takes with the flag for it behind, as in bad_rows='skip' (--skip-bad-rows)."""

Move = Callable[[float, str], None]
"""Moves a progress bar to a share of the whole, with words beside it."""


def fail(message: str, code: int) -> NoReturn:
    """Say in one line what went wrong, and exit."""
    print(f"error: {as_flags(' '.join(message.split()))}", file=sys.stderr)
    sys.exit(code)


def as_flags(message: str) -> str:
    """Return a message of the library in the words of the command line.

    Examples
    --------
    >>> as_flags("leave them out with bad_rows='skip' (--skip-bad-rows)")
    'leave them out with --skip-bad-rows'
    """
    return _PYTHON_AND_FLAG.sub(r"\1", message)


def named(names: Sequence[str], most: int = 3) -> str:
    """Return names, the first few of many.

    Examples
    --------
    >>> named(["tea", "ink"]), named(["tea", "ink", "jam", "oil", "rye"])
    ('tea, ink', 'tea, ink, jam and 2 more')
    """
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


@dataclass(frozen=True)
class Output:
    """How a command prints.

    Parameters
    ----------
    as_json : bool
        The result is one JSON document on stdout.
    quiet : bool
        No notes and no progress.
    """

    as_json: bool = False
    quiet: bool = False

    def note(self, *lines: str) -> None:
        """Print lines to stderr, unless quiet."""
        if not self.quiet:
            for line in lines:
                print(as_flags(line), file=sys.stderr)

    def lines(self, *lines: str) -> None:
        """Print result lines, unless the result is JSON."""
        if not self.as_json:
            for line in lines:
                print(line)

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a result table, unless the result is JSON."""
        if self.as_json:
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console()
        if not console.is_terminal:
            console.width = 200
        table = Table(box=box.SIMPLE_HEAD)
        numeric = [_is_numeric([row[n] for row in rows]) for n in range(len(headers))]
        for name, right in zip(headers, numeric, strict=True):
            table.add_column(name, justify="right" if right else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))  # as Text, or rich takes ":tea:" and "[b]" for its own
        console.print(table)

    def json(self, document: Any) -> None:
        """Print the result as JSON, if that was asked for."""
        if self.as_json:
            print(json.dumps(document, indent=2, ensure_ascii=False, default=_plain))

    def frame(self, table: "pa.Table", out: Path | None) -> None:
        """Write a result table to a file and say so; without a file it is printed as JSON."""
        if out is not None:
            write_table(table, out)
            self.lines(f"wrote {out}: {table.num_rows:,} rows")
        self.json(table.to_pylist() if out is None else {"out": str(out), "rows": table.num_rows})

    @contextmanager
    def bar(self, what: str) -> Iterator[Move]:
        """Show a progress bar where there is a terminal; yield what moves it (share, words)."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda _share, _words: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}"),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(what, total=1.0, words="")
            yield lambda share, words: progress.update(task, completed=share, words=words)


def write_table(table: "pa.Table", path: Path) -> None:
    """Write a table by the path's extension: parquet, csv, tsv or jsonl."""
    from likewise.data.table_file import TableFile

    with TableFile(path) as file:
        file.write(table)


def write_picture(figure: "Figure", path: Path) -> None:
    """Write a figure by the path's extension."""
    try:
        figure.savefig(path)
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error.strerror or error}") from error


def require_writable(path: Path | None, kinds: Sequence[str], option: str = "--out") -> None:
    """Refuse an output path before the work starts, if it could not be written after it."""
    if path is None:
        return
    from likewise.artifact import require_room

    if path.suffix.lower() not in kinds:
        raise InputError(f"{option} {path} has no known ending; it is one of {', '.join(kinds)}")
    if path.is_dir():
        raise InputError(f"{option} {path} is a folder; name a file")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise InputError(
            f"{option} {path}: there is no folder {path.parent}; make it, or name another"
        )
    if path.is_file() or not path.exists():  # a device is written in its place
        require_room(folder, f"{option} {path}")


def as_scores(scores: Sequence[float]) -> list[str]:
    """Return scores of a list as people read them: four decimals, more where all are small.

    What is not 0 is not shown as 0: behind a large score, small ones are powers of ten.

    Examples
    --------
    >>> as_scores([0.28, -0.1]), as_scores([0.000281, 0.0001]), as_scores([0.98, 0.0000123])
    (['0.2800', '-0.1000'], ['0.000281', '0.000100'], ['0.9800', '1.2e-05'])
    """
    largest = max(map(abs, scores), default=0.0)
    decimals = max(4, 2 - math.floor(math.log10(largest))) if 0 < largest < math.inf else 4
    least = 0.5 * 10.0**-decimals
    return [
        f"{score:.1e}" if 0 < abs(score) < least else f"{score:.{decimals}f}" for score in scores
    ]


def _is_numeric(cells: Sequence[str]) -> bool:
    return all(cell[:1] in "+-.0123456789" for cell in cells if cell)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
