"""The items as plain Parquet: item, title, count; no nulls, one row group, no compression.

Weights dwarf the items, so compression would gain little, and would let a small file ask for much.
"""

from typing import TYPE_CHECKING, Any

from likewise.artifact.contents import CONFIG, ITEMS, JSON, require_keys, shown
from likewise.artifact.plain_parquet import require_plain
from likewise.errors import InputError, ModelFolderError

if TYPE_CHECKING:
    import pyarrow as pa

ID_TYPES = ("int64", "string")


def ready(table: "pa.Table") -> "pa.Table":
    """Return the items as they are written: exact columns and types, checked.

    Raises
    ------
    InputError
        If a column is missing or unknown, of the wrong type, or holds nulls; if an id occurs twice
        or a count is negative.
    """
    import pyarrow as pa

    names = ["item", "title", "count"]
    if sorted(table.column_names) != sorted(names):
        raise InputError(f"the items have the columns {table.column_names}; give {names}")
    kind = table.schema.field("item").type
    texts = (pa.string(), pa.large_string(), pa.string_view())
    if not pa.types.is_integer(kind) and kind not in texts:
        raise InputError(f"the items' ids are {kind}; give integers or strings")
    schema = _schema("int64" if pa.types.is_integer(kind) else "string")
    try:
        plain = table.select(names).cast(schema).combine_chunks()
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"the items do not fit {ITEMS}: {_line(error)}") from error
    if fault := _fault(plain):
        raise InputError(f"the items {fault}")
    return plain


def describe(table: "pa.Table | None") -> JSON:
    """Return what the configuration says about items that are :func:`ready`."""
    if table is None:
        return None
    return {"item": str(table.schema.field("item").type), "rows": table.num_rows}


def checked_description(record: JSON) -> dict[str, Any] | None:
    """Return the configuration's word on the items, checked.

    Raises
    ------
    ModelFolderError
        If it is not null or ``{"item": "int64" or "string", "rows": a number}``.
    """
    if record is None:
        return None
    if not isinstance(record, dict):
        raise ModelFolderError(f"{CONFIG}: items is {shown(record)}; it must be null or an object")
    require_keys(record, ["item", "rows"], f"{CONFIG}: items")
    if record["item"] not in ID_TYPES or type(record["rows"]) is not int:
        raise ModelFolderError(
            f"{CONFIG}: items has ids of type {shown(record['item'])} and {shown(record['rows'])} "
            f"rows; the type must be one of {ID_TYPES}, the rows a number"
        )
    return record


def encode(table: "pa.Table") -> bytes:
    """Return items that are :func:`ready` as Parquet, the same bytes for the same items."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=max(1, table.num_rows),
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
        version="2.6",
        data_page_version="1.0",
    )
    data: bytes = sink.getvalue().to_pybytes()
    return data


def decode(data: bytearray, declared: dict[str, Any]) -> "pa.Table":
    """Return the items in `data`, which nobody vouches for.

    Raises
    ------
    ModelFolderError
        If the file is not Parquet as :func:`encode` writes it, has other columns, types or rows
        than declared, or items that :func:`ready` would refuse.
    """
    import pyarrow as pa

    try:
        table = _read(data, declared)
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        raise ModelFolderError(f"{ITEMS} cannot be read: {_line(error)}") from error
    if fault := _fault(table):
        raise ModelFolderError(f"{ITEMS}: the items {fault}")
    return table


def _read(data: bytearray, declared: dict[str, Any]) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    require_plain(data, declared["rows"], columns=3)
    file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(data)))
    if not file.schema_arrow.equals(_schema(declared["item"])):
        raise ValueError(
            f"its columns are not item ({declared['item']}), title (string) and count (int64), "
            "all without nulls"
        )
    table = file.read(use_threads=False).combine_chunks()
    table.validate(full=True)
    return table


def _schema(id_type: str) -> "pa.Schema":
    import pyarrow as pa

    types = {"item": pa.type_for_alias(id_type), "title": pa.string(), "count": pa.int64()}
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in types.items()])


def _fault(table: "pa.Table") -> str | None:
    """Say what is wrong with the values of a table whose types are right."""
    if len(table["item"].unique()) < table.num_rows:
        return "hold an id twice; give each id once"
    if table.num_rows and table["count"].to_numpy().min() < 0:
        return "hold a negative count; counts are >= 0"
    return None


def _line(error: Exception) -> str:
    """Return the first line of a message from below, free of control characters."""
    text = (str(error) or type(error).__name__).splitlines()[0]
    return "".join(character if character.isprintable() else "?" for character in text[:200])
