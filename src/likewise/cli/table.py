"""What the commands on tables share: reading the table, making the model, training it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from likewise.cli import options as o
from likewise.cli.output import Move, Output
from likewise.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from likewise.nn.plan import Progress
    from likewise.tables.autoencoder import TableAutoencoder

TABLES = (".parquet", ".csv", ".tsv", ".jsonl")

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
Seconds = Annotated[float, typer.Option(help="Longest time to train.")]
Save = Annotated[Path | None, typer.Option(help="Write the model folder too.")]


def read(path: Path, without: str | None, output: Output) -> "pa.Table":
    """Read a table but for the columns that were named, and say what was taken."""
    from likewise.data.read_table import read_table

    table = read_table(path)
    left_out = o.names(without or "")
    for name in left_out:
        require_column(table, name, "--without")
    table = table.drop_columns(left_out)
    kinds = Counter(_word(field.type) for field in table.schema)
    output.note(
        f"read {table.num_rows:,} rows and {table.num_columns:,} columns of {path} ("
        + ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        + ")"
    )
    return table


def require_column(table: "pa.Table", name: str, option: str) -> None:
    """Refuse an option that names a column which is not there."""
    if name not in table.column_names:
        raise InputError(
            f"{option} {name}: the table has the columns {', '.join(table.column_names)}"
        )


def new_model(
    kind: str,
    settings: Sequence[str] | None,
    n_latent: int,
    n_rows: int,
    *,
    needs_code: bool = True,
    **run: Any,
) -> "TableAutoencoder":
    """Return an autoencoder of tables of the type that was named, with these settings."""
    from likewise.autoencoders import TYPES
    from likewise.tables.autoencoder import TableAutoencoder, for_tables

    if kind not in TYPES:
        raise InputError(f"--type {kind} is none of {', '.join(TYPES)}")
    suited = for_tables(TYPES[kind], n_latent, n_rows)
    own: dict[str, Any] = suited.get_params()
    if needs_code and "n_latent" not in own:
        raise InputError(f"--type {kind}: {kind} has no code; name another type")
    run = {name: value for name, value in run.items() if name in own}
    known = {k: v for k, v in own.items() if k not in run and v is not None}
    given = dict(o.setting(text, known, kind) for text in settings or ())
    model = suited.set_params(**run | given)
    model._validate_params()
    return TableAutoencoder(model)


def show_progress(model: "TableAutoencoder", move: Move) -> None:
    """Let a model tell a progress bar how far it is, if it is trained by epochs."""
    inner: Any = model.model
    if "progress" in inner.get_params():
        inner.set_params(progress=lambda at: move(*words(at)))


def require_seconds(seconds: float) -> None:
    """Refuse a time that is none."""
    if not 0 < seconds < float("inf"):
        raise InputError(f"--seconds {seconds:g} given; give seconds, more than 0")


def words(at: "Progress") -> tuple[float, str]:
    """Return how far training is, and that in words."""
    done = (at.epoch - 1 + at.rows_done / at.n_rows) / at.max_epochs
    held = "" if at.validation is None else f", held-out error {-at.validation:.4f}"
    return done, f"epoch {at.epoch}/{at.max_epochs}, error {at.loss:.4f}{held}"


def _word(type_: "pa.DataType") -> str:
    import pyarrow as pa

    words = {
        "text": pa.types.is_string, "whole number": pa.types.is_integer,
        "number": lambda t: pa.types.is_floating(t) or pa.types.is_decimal(t),
        "yes or no": pa.types.is_boolean, "time": pa.types.is_temporal,
    }  # fmt: skip
    return next((word for word, test in words.items() if test(type_)), str(type_))
