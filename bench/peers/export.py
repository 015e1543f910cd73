"""Write the split of a public set as train and test lists, for peers that know lists alone.

    LIKEWISE_DATA=... .venv/bin/python bench/peers/export.py ml-1m
    bench/.envs/implicit/bin/python bench/peers/make_split.py ml-1m

Peers cannot be asked about strangers: what a held-out user is given stands in the training list of
all, of likewise too when run_likewise.py is asked for it. Users and items are numbered from 0.
"""

import argparse

import numpy as np
import pyarrow as pa
from harness import CACHE
from pyarrow import parquet

from likewise.data.public_sets import PUBLIC_SETS, load_split
from likewise.data.split import Split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=PUBLIC_SETS)
    name = parser.parse_args().name
    folder = CACHE / name / "source"
    folder.mkdir(parents=True, exist_ok=True)
    for part, pairs in zip(("train", "test"), lists(load_split(name)), strict=True):
        table = pa.table({"user": pairs[0], "item": pairs[1]})
        parquet.write_table(table, folder / f"{part}.parquet")
        print(f"{part}: {len(pairs[0]):,} pairs of {len(np.unique(pairs[0])):,} users")


def lists(split: Split) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return users and items of the training list, and of the test list."""
    known = {user: row for row, user in enumerate(split.refit.users.ids.tolist())}
    tested = split.test.users.ids.tolist()
    rows = np.array([known.setdefault(user, len(known)) for user in tested])
    learned, given = split.refit.matrix.tocoo(), split.test.given.tocoo()
    held_out = (split.test.held_out - split.test.held_out.multiply(split.test.given > 0)).tocoo()
    held_out.eliminate_zeros()
    user = np.concatenate([learned.row, rows[given.row]])
    pairs = np.unique(np.stack([user, np.concatenate([learned.col, given.col])]), axis=1)
    return [(pairs[0], pairs[1]), (rows[held_out.row], held_out.col)]


if __name__ == "__main__":
    main()
