"""Write a split as files that every peer's own environment can read.

    LIKEWISE_DATA=... .venv/bin/python bench/peers/export.py ml-1m-ultragcn

Matrices of ones in SciPy's .npz, in bench/.cache/NAME: `train`, on which settings are chosen by
what `given` finds of `held_out`; `refit`, all before the test, where that is more; `asked`, the
histories of the test users. What they bought next, `answers`, is read by score.py alone.
"""

import argparse
from pathlib import Path

from harness import CACHE, DATA
from scipy import sparse

from likewise.data.fold import FoldIn
from likewise.data.public_sets import PUBLIC_SETS, load_split
from likewise.data.split import Split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=PUBLIC_SETS, default=DATA)
    name = parser.parse_args().name
    split = load_split(name)
    write(split, CACHE / name)
    sparse.save_npz(CACHE / name / "answers.npz", new_to_them(split.test))


def write(split: Split, folder: Path) -> None:
    """Write what peers learn from and are asked; not the test."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = {
        "train": split.train.matrix,
        "given": split.validation.given,
        "held_out": new_to_them(split.validation),
        "asked": split.test.given,
    }
    (folder / "refit.npz").unlink(missing_ok=True)
    if split.refit is not split.train:
        parts["refit"] = split.refit.matrix
    for part, matrix in parts.items():
        sparse.save_npz(folder / f"{part}.npz", matrix > 0)
        print(
            f"{part}: {matrix.nnz:,} pairs of {matrix.shape[0]:,} users, {matrix.shape[1]:,} items"
        )


def new_to_them(fold: FoldIn) -> sparse.csr_array:
    """Return what the users bought that is not in their histories."""
    new = sparse.csr_array(fold.held_out > 0, dtype="float32")
    return sparse.csr_array((new - new.multiply(fold.given > 0)) > 0)


if __name__ == "__main__":
    main()
