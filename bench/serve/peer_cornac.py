"""Fit one of cornac's models on a log and save it as cornac does, for cornac's own service.

    bench/.envs/cornac/bin/python bench/serve/peer_cornac.py LOG.npz FOLDER

BPR, 64 factors. cornac's service knows the customers that it learned from, and no baskets.
"""

import sys
from pathlib import Path

from cornac.data import Dataset
from cornac.models import BPR
from scipy import sparse


def main(log: str, folder: str) -> None:
    rows = sparse.coo_array(sparse.load_npz(log))
    events = [(f"u{u}", f"P{i:06d}", 1.0) for u, i in zip(rows.row, rows.col, strict=True)]
    train = Dataset.from_uir(events, seed=0)
    model = BPR(k=64, max_iter=10, seed=0, num_threads=1).fit(train)
    saved = model.save(folder, save_trainset=True)
    Path(folder, "saved.txt").write_text(saved)


if __name__ == "__main__":
    main(*sys.argv[1:])
