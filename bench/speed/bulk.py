"""Recommendations for everyone: a table of baskets in, a Parquet file of top 100 out.

    python bench/speed/bulk.py

A million users of a shop of 100,000 items (the neighbourhood type), and as many of one of 20,000
(the exact one), within --memory, the model's included. Each is a process of its own.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as papq
import torch
from common import apart, limits, peak_gib, timed
from fitted import recommender
from logs import Shape, made_up

import records
from likewise.memory import GIB, limit_memory
from likewise.recommend.bulk import recommend_file

K = 100
USERS_AT_A_TIME = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description="Recommendations for everyone, into a file.")
    parser.add_argument("--users", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--memory", type=float, default=3.0, help="GiB that it may take")
    parser.add_argument("--quick", action="store_true", help="try it: small, nothing written")
    parser.add_argument("--one", nargs=4, metavar="N", help="(a run of this script)")
    arguments = parser.parse_args()
    memory = int(arguments.memory * GIB)
    if arguments.one:
        name, users, items, memory = arguments.one
        print(json.dumps(one(name, int(users), int(items), int(memory))))
        return
    quick = arguments.quick
    sizes = {"neighbourhood": 2_000 if quick else 100_000, "linear": 1_000 if quick else 20_000}
    users = [1_000, 4_000] if quick else arguments.users
    rows = [apart(__file__, name, n, items, memory) for name, items in sizes.items() for n in users]
    for found in rows:
        print(json.dumps(found))
    if not quick:
        records.write("speed-bulk", {"limits": limits(), "rows": rows})


def one(name: str, n_users: int, n_items: int, memory: int) -> dict[str, Any]:
    model = recommender(name, n_items)
    before = peak_gib()
    limit_memory(memory)
    with tempfile.TemporaryDirectory() as folder:
        baskets, out = Path(folder, "baskets.parquet"), Path(folder, "out.parquet")
        n_purchases = write_baskets(baskets, n_users, model)
        seconds = timed(lambda: recommend_file(model, baskets, out, K))
        gib = out.stat().st_size / 2**30
    additions = n_purchases * (n_items if name == "linear" else model.model_.B_.nnz / n_items)
    return {
        "type": name,
        "users": n_users,
        "items": n_items,
        "threads": torch.get_num_threads(),
        "seconds": seconds,
        "users_per_second": n_users / seconds,
        "gb_per_second": (4 * n_users * n_items * 2 + 8 * additions) / seconds / 1e9,
        "file_gib": gib,
        "peak_gib": peak_gib(),
        "peak_of_fit_gib": before,
    }


def write_baskets(path: Path, n_users: int, model: Any) -> int:
    """Write users and items, some users at a time; return how many purchases."""
    ids, n_rows = model.catalogue_.items.arrow, 0
    schema = pa.schema({"user": pa.int64(), "item": ids.type})
    with papq.ParquetWriter(path, schema) as writer:
        for start in range(0, n_users, USERS_AT_A_TIME):
            size = min(USERS_AT_A_TIME, n_users - start)
            X = made_up(Shape(size, model.n_items, 20.0), seed=start)
            user = start + np.repeat(np.arange(size), np.diff(X.indptr))
            item = ids.take(pa.array(X.indices))
            writer.write_table(pa.table({"user": user, "item": item}, schema=schema))
            n_rows += X.nnz
    return n_rows


if __name__ == "__main__":
    main()
