"""Reading a log beside DuckDB's own scan of the same columns, and the same work done by DuckDB.

    python bench/speed/ingest.py --rows 10000000 100000000 --repeats 3

The log is made up, some 150 bytes a row: string ids, a twentieth as many customers as rows, 50,000
items, times, quantities, and a price and an address that nobody needs. Each reading is a process of
its own that may take `--memory` and says what it took: over more rows, what grows with them. The
cached reading is the second one with `cache=`, which hashes the file to know it. "The same" is
DuckDB asked for what a reading makes: each customer's purchases of an item as one, with numbers for
ids, in order; nothing is checked or counted. A hundred million rows take 40 GB of disk meanwhile,
and more where DuckDB spills, in the folder that `TMPDIR` names.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
from common import apart, draw_growth, exponent, peak_gib

import records
from likewise.data.log import read_log
from likewise.memory import GIB, limit_memory

LOG = """
SELECT 'c' || lpad(CAST(floor(power(random(), 2) * {users}) AS INT)::VARCHAR, 8, '0') AS customer,
  'sku-' || CAST(floor(power(random(), 3) * 50000) AS INT)::VARCHAR AS sku,
  TIMESTAMP '2024-01-01' + to_seconds(CAST(random() * 3e7 AS INT)) AS date,
  CAST(1 + floor(random() * 5) AS INT) AS qty, round(random() * 100, 2) AS price,
  'https://shop.example/basket?session=' || md5(CAST(random() AS VARCHAR)) || '&campaign='
  || CAST(floor(random() * 1000) AS INT) || '&channel=newsletter' AS address
FROM range({rows})
"""
COLUMNS = {"user": "customer", "item": "sku", "time": "date", "weight": "qty"}
THE_SAME = """
CREATE TABLE bought AS SELECT customer, sku, sum(TRY_CAST(qty AS DOUBLE)) AS qty,
  max(TRY_CAST(date AS TIMESTAMP)) AS date FROM {source} GROUP BY ALL;
CREATE TABLE customers AS SELECT customer, row_number() OVER (ORDER BY customer) - 1 AS u
  FROM (SELECT DISTINCT customer FROM bought);
CREATE TABLE skus AS SELECT sku, row_number() OVER (ORDER BY sku) - 1 AS i
  FROM (SELECT DISTINCT sku FROM bought);
SELECT u, i, qty, date FROM bought JOIN customers USING (customer) JOIN skus USING (sku)
  ORDER BY u, i
"""
COSTS = ("duckdb_scan_seconds", "read_log_seconds", "peak_gb")
READS = {".csv": "read_csv('{path}', all_varchar = true)", ".parquet": "'{path}'"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Reading a log beside DuckDB's scan of it.")
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory", type=float, default=8.0, help="GB that a reading may take")
    parser.add_argument("--quick", action="store_true", help="try it: small, nothing written")
    parser.add_argument("--one", nargs=3, metavar="WAY", help="(a run of this script)")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(one(*arguments.one)))
        return
    if arguments.quick:
        arguments.rows, arguments.repeats = [100_000, 300_000], 1
    rows = []
    for n_rows in arguments.rows:
        for kind in READS:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(row(folder, kind, n_rows, arguments.repeats, arguments.memory))
            print(json.dumps(rows[-1]), flush=True)
    found = {"memory_gb": arguments.memory, "exponents": exponents(rows), "rows": rows}
    print(json.dumps(found["exponents"]))
    if not arguments.quick:
        records.write("speed-ingest", found)
        draw(rows)


def row(folder: str, kind: str, n_rows: int, repeats: int, memory: float) -> dict[str, Any]:
    path = Path(folder, f"log{kind}")
    made = LOG.format(rows=n_rows, users=max(1, n_rows // 20))
    duckdb.sql(f"COPY ({made}) TO '{path}'")
    ways = ("scan", "same", "read_log", "cached")
    apart(__file__, "cached", path, memory)  # fills the cache
    runs = [{way: apart(__file__, way, path, memory) for way in ways} for _ in range(repeats)]
    scan, same, read, cached = (median(run[way]["seconds"] for run in runs) for way in ways)
    return {
        "file": kind,
        "rows": n_rows,
        "gib": path.stat().st_size / 2**30,
        "duckdb_scan_seconds": scan,
        "duckdb_same_seconds": same,
        "read_log_seconds": read,
        "cached_seconds": cached,
        "ratio": read / scan,
        "ratio_same": read / same,
        "peak_gb": max(run["read_log"]["peak_gib"] for run in runs) * GIB / 1e9,
        "cached_peak_gb": max(run["cached"]["peak_gib"] for run in runs) * GIB / 1e9,
        "scan_peak_gb": max(run["scan"]["peak_gib"] for run in runs) * GIB / 1e9,
        "same_peak_gb": max(run["same"]["peak_gib"] for run in runs) * GIB / 1e9,
    }


def one(way: str, path: str, memory: str) -> dict[str, float]:
    limit_memory(int(float(memory) * 1e9))
    source = READS[Path(path).suffix].format(path=path)
    began = time.perf_counter()
    if way == "same":
        settings = {"memory_limit": f"{memory}GB", "temp_directory": str(Path(path).parent)}
        with duckdb.connect(config=settings) as connection:
            connection.execute(THE_SAME.format(source=source)).fetchnumpy()
    elif way == "scan":
        read = ", ".join(f"bit_xor(hash({c}))" for c in COLUMNS.values())  # not from statistics
        duckdb.sql(f"SELECT {read} FROM {source}").fetchall()
    else:
        cache = Path(path).with_suffix(".cache") if way == "cached" else None
        read_log(path, **COLUMNS, cache=cache).interactions()
    return {"seconds": time.perf_counter() - began, "peak_gib": peak_gib()}


def exponents(rows: list[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Return, for each kind of file, how time and memory grow with the rows."""
    fitted = {}
    for kind in READS:
        mine = [row for row in rows if row["file"] == kind]
        sizes = [row["rows"] for row in mine]
        fitted[kind] = {c: exponent(sizes, [row[c] for row in mine]) for c in COSTS}
    return fitted


def draw(rows: list[dict[str, Any]]) -> None:
    lines = {
        f"{kind}, {way}": [(r["rows"], r[cost]) for r in rows if r["file"] == kind]
        for kind in READS
        for way, cost in (("DuckDB's scan", COSTS[0]), ("read_log", COSTS[1]))
    }
    draw_growth("ingest-seconds", lines, "rows", "seconds")


if __name__ == "__main__":
    main()
