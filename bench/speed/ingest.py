"""Reading a log beside its limit: DuckDB's own scan of the same columns of the same file.

    python bench/speed/ingest.py --rows 10000000 100000000 --repeats 3

The log is made up, some 150 bytes a row: string ids, a twentieth as many customers as rows, 50,000
items, times, quantities, and a price and an address that nobody needs. Each reading is a process of
its own that may take `--memory` and says what it took: over more rows, what grows with them. The
cached reading is the second one with `cache=`, which hashes the file to know it. A hundred million
rows take 40 GB of disk meanwhile, in the folder that `TMPDIR` names.
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
    ways = ("scan", "read_log", "cached")
    apart(__file__, "cached", path, memory)  # fills the cache
    runs = [{way: apart(__file__, way, path, memory) for way in ways} for _ in range(repeats)]
    scan, read, cached = (median(run[way]["seconds"] for run in runs) for way in ways)
    return {
        "file": kind,
        "rows": n_rows,
        "gib": path.stat().st_size / 2**30,
        "duckdb_scan_seconds": scan,
        "read_log_seconds": read,
        "cached_seconds": cached,
        "ratio": read / scan,
        "peak_gb": max(run["read_log"]["peak_gib"] for run in runs) * GIB / 1e9,
        "cached_peak_gb": max(run["cached"]["peak_gib"] for run in runs) * GIB / 1e9,
        "scan_peak_gb": max(run["scan"]["peak_gib"] for run in runs) * GIB / 1e9,
    }


def one(way: str, path: str, memory: str) -> dict[str, float]:
    limit_memory(int(float(memory) * 1e9))
    began = time.perf_counter()
    if way == "scan":
        source = READS[Path(path).suffix].format(path=path)
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
