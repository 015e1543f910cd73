"""What the commands on tables share: reading the table, making the model, training it."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli import options as o
from likewise.cli.output import TABLES, Output, require_writable
from likewise.errors import InputError, counted

if TYPE_CHECKING:
    import pyarrow as pa

    from likewise.autoencoders import Autoencoder

TableArgument = Annotated[
    Path, typer.Argument(metavar="TABLE", help="A csv, tsv, jsonl or parquet file.")
]
Without = Annotated[
    str | None, typer.Option(metavar="A,B,...", help="Columns to leave out, such as ids and names.")
]
Type = Annotated[str, typer.Option("--type", help="The type of autoencoder; likewise types.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A setting of the type, such as hidden=64,16"),
]
Categories = Annotated[
    int,
    typer.Option(
        "--max-categories", min=1, help="Different texts that a column may have, and no more."
    ),
]
Seconds = Annotated[float, typer.Option(help="Longest time to train.")]
Save = Annotated[Path | None, typer.Option(help="Write the model folder too.")]


def read(path: Path, without: str | None, output: Output) -> "pa.Table":
    """Read a table but for the columns that were named, and say what was taken."""
    from likewise.data.read_table import read_table
    from likewise.data.table_columns import DECIMAL_COMMAS, with_decimal_commas

    table = read_table(path)
    left_out = o.names(without or "")
    for name in left_out:
        require_column(table, name, "--without")
    table = table.drop_columns(left_out)
    for name in with_decimal_commas(table):
        output.note(f"column {name!r} is read as texts: {DECIMAL_COMMAS}")
    for name in _row_numbers(table):
        output.note(f"column {name!r} numbers the rows; --without {_quoted(name)} leaves it out")
    kinds = Counter(map(_word, table.columns))
    output.note(
        f"read {counted(table.num_rows, 'row')} and {counted(table.num_columns, 'column')} "
        f"of {path} (" + ", ".join(f"{count} {kind}" for kind, count in kinds.items()) + ")"
    )
    return table


def require_column(table: "pa.Table", name: str, option: str) -> None:
    """Refuse an option that names a column which is not there."""
    if name not in table.column_names:
        raise InputError(
            f"{option} {name}: the table has the columns "
            + ", ".join(map(_quoted, table.column_names))
        )


def _quoted(name: str) -> str:
    """Return a name as --without takes it."""
    return f'"{name}"' if "," in name else name


def _row_numbers(table: "pa.Table") -> list[str]:
    """Return the columns that count the rows from 0 or 1 on, as pandas writes its index."""
    import numpy as np
    import pyarrow as pa

    def counts(column: "pa.ChunkedArray") -> bool:
        if not pa.types.is_integer(column.type) or column[0].as_py() not in (0, 1):
            return False
        return bool(np.array_equal(column.to_numpy() - column[0].as_py(), np.arange(len(column))))

    return [name for name in table.column_names if len(table) > 2 and counts(table[name])]


def set_apart(
    table: "pa.Table", name: str | None, option: str
) -> tuple["pa.ChunkedArray | None", "pa.Table"]:
    """Return the column that an option names, if it names one, and the table without it."""
    from likewise.data.arrow_values import require_plain

    if name is None:
        return None, table
    require_column(table, name, option)
    require_plain(table.select([name]))
    return table[name], table.drop_columns([name])


def new_model(
    kind: str,
    settings: Sequence[str] | None,
    suited: Callable[[type["Autoencoder"]], "Autoencoder"],
    **run: Any,
) -> "Autoencoder":
    """Return an autoencoder of the type that was named, with these settings.

    `suited` makes one of the type with the settings that the command thinks best.
    """
    from likewise.autoencoders import TYPES
    from likewise.cli.models import configured

    if kind not in TYPES:
        raise InputError(f"--type {kind} is none of {', '.join(TYPES)}")
    return configured(suited(TYPES[kind]), settings, **run)


def require_code(kind: str) -> None:
    """Refuse a type whose code is the row itself."""
    from likewise.autoencoders import TYPES

    if kind in TYPES and "n_latent" not in TYPES[kind]._get_param_names():
        raise InputError(f"--type {kind}: {kind} has no code; name another type")


def refuse_given(context: typer.Context, names: Sequence[str], why: str) -> None:
    """Refuse options that were given, where they would change nothing."""
    given = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in names
        and (source := context.get_parameter_source(parameter.name)) is not None
        and source.name != "DEFAULT"
    ]
    if given:
        raise InputError(f"{why} {', '.join(given)}")


def check(out: Path | None, save: Path | None, seconds: float) -> None:
    """Refuse what could not be written after the work, before it."""
    from likewise.artifact import require_replaceable

    o.require_seconds(seconds, "--seconds")
    require_writable(out, TABLES)
    if save is not None:
        require_replaceable(save)


def require_dimensions(dimensions: int) -> None:
    """Refuse a code of no length."""
    if dimensions < 1:
        raise InputError(f"--dimensions {dimensions} given; give 1 or more")


def _word(column: "pa.ChunkedArray") -> str:
    import pyarrow as pa

    if column.null_count == len(column):
        return "empty"

    words = {
        "text": pa.types.is_string, "whole number": pa.types.is_integer,
        "number": lambda t: pa.types.is_floating(t) or pa.types.is_decimal(t),
        "yes or no": pa.types.is_boolean, "duration": pa.types.is_duration,
        "time": pa.types.is_temporal,
    }  # fmt: skip
    return next((word for word, test in words.items() if test(column.type)), str(column.type))
