"""Carve a validation part out of a public train/test list, once, for likewise and its peers alike.

    python bench/peers/make_split.py [ml-1m-ultragcn]

Reads {train,test}.parquet (user, item: contiguous integers from 0) of bench/.cache/NAME/source,
where export.py writes other splits than lists, or of $LIKEWISE_DATA/NAME, and writes
train_fit, validation, train_full and test to bench/.cache/NAME/. Validation is a random tenth of
each user's training items: at least one where the user has two, none where the user has one.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
from harness import CACHE, DATA
from numpy.typing import NDArray
from pyarrow import parquet

SEED = 0
SHARE = 10  # one in so many training items of a user becomes validation

Pairs = NDArray[np.int32]
"""Of shape (n, 2): user, item; sorted, distinct."""


def read_pairs(path: Path) -> Pairs:
    """Read the distinct (user, item) pairs of a list, sorted."""
    table = parquet.read_table(path, columns=["user", "item"])
    pairs = np.stack([table["user"].to_numpy(), table["item"].to_numpy()], axis=1)
    return np.unique(pairs.astype(np.int32), axis=0)


def in_validation(train: Pairs) -> NDArray[np.bool_]:
    """Say of each training pair whether it goes to the validation part."""
    user = train[:, 0]
    order = np.lexsort((np.random.default_rng(SEED).random(len(train)), user))
    counts = np.bincount(user)
    wanted = np.where(counts > 1, np.maximum(1, counts // SHARE), 0)
    place = np.arange(len(train)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = np.zeros(len(train), dtype=bool)
    chosen[order] = place < wanted[user[order]]
    return chosen


def write_pairs(pairs: Pairs, path: Path) -> None:
    parquet.write_table(pa.table({"user": pairs[:, 0], "item": pairs[:, 1]}), path)
    print(f"{path.name}: {len(pairs):,} pairs of {len(np.unique(pairs[:, 0])):,} users")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the split that the peers share.")
    parser.add_argument("name", nargs="?", default=DATA)
    name = parser.parse_args().name
    source = CACHE / name / "source"
    if not source.exists():
        if "LIKEWISE_DATA" not in os.environ:
            raise SystemExit("LIKEWISE_DATA is not set; name the folder of the public sets in it")
        source = Path(os.environ["LIKEWISE_DATA"]) / name
    train, test = read_pairs(source / "train.parquet"), read_pairs(source / "test.parquet")
    held = in_validation(train)
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    write_pairs(train[~held], folder / "train_fit.parquet")
    write_pairs(train[held], folder / "validation.parquet")
    write_pairs(train, folder / "train_full.parquet")
    write_pairs(test, folder / "test.parquet")


if __name__ == "__main__":
    main()
