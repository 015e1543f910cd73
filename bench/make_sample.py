"""Make the sample that ships with likewise from the UCI Online Retail data.

Usage: LIKEWISE_DATA=folder python bench/make_sample.py [out]

The folder holds online-retail/transactions.parquet, the owner's table as Parquet. All of its lines
are kept in their order, with the needed columns only; item codes are written in capitals, because
the shop wrote some of them both ways (85123a is 85123A). Running it again gives the same bytes.
"""

import os
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
SAMPLE = HERE.parent / "src" / "likewise" / "data" / "sample"
COLUMNS = ["invoice", "item", "quantity", "timestamp", "unit_price", "user"]
TITLES = """
    SELECT item, title FROM (
        SELECT item, trim(description) AS title, count(*) AS n FROM lines
        WHERE unit_price > 0 AND quantity > 0 AND title <> '' GROUP BY item, title
    )
    QUALIFY row_number() OVER (PARTITION BY item ORDER BY n DESC, title) = 1
    ORDER BY item
"""
"""The most frequent description on lines that were sold; stock-takers wrote notes on the others."""


def make_sample(data: Path, out: Path) -> None:
    lines = pq.read_table(data / "online-retail" / "transactions.parquet")
    item = lines.column_names.index("item")
    lines = lines.set_column(item, "item", pc.utf8_upper(lines["item"]))
    with duckdb.connect() as connection:
        connection.register("lines", lines)
        titles = pa.table(connection.sql(TITLES))
    out.mkdir(parents=True, exist_ok=True)
    _write(lines.select(COLUMNS).replace_schema_metadata(), out / "online-retail.parquet")
    _write(titles, out / "online-retail-items.parquet")


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(
        table,
        path,
        row_group_size=len(table),
        data_page_size=1 << 22,
        compression="zstd",
        compression_level=22,
        write_statistics=False,
    )
    print(f"{path.name}: {len(table):,} rows, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    if "LIKEWISE_DATA" not in os.environ:
        sys.exit("set LIKEWISE_DATA to the folder that holds online-retail/transactions.parquet")
    make_sample(Path(os.environ["LIKEWISE_DATA"]), Path(sys.argv[1]) if sys.argv[1:] else SAMPLE)
