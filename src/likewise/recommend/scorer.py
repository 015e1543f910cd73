"""Scoring: what a model makes of baskets, and the items of the highest scores.

Shapes: B baskets, I items, K top-k.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from likewise.autoencoders.base import Autoencoder
from likewise.autoencoders.parts import in_threads, slices
from likewise.data.interactions import CSR, csr
from likewise.recommend.rules import Rules
from likewise.recommend.topk import top_k

WEIGHTINGS = ("binary", "log", "linear", "recent")

SCORE_BYTES = 64 * 1024**2
"""Scores that are held at a time; larger jobs go block by block."""
CACHED_BYTES = 8 * 1024**2
"""The same, by each thread, of sums of few numbers: made and ranked while the cache holds them."""


@dataclass(frozen=True)
class Scorer:
    """A fitted model over the items, asked about baskets.

    Parameters
    ----------
    model : Autoencoder
        Fitted.
    counts : ndarray of shape (I,)
        How often each item was bought: the scores of baskets without a known item.
    weighting : str
        What a weight is to the model, see :func:`weighted`.
    """

    model: Autoencoder
    counts: NDArray[Any]
    weighting: str

    def scores(self, baskets: CSR) -> NDArray[np.float32]:
        """Return the score of every item for each basket, of shape (B, I)."""
        found = self.model._logits(weighted(baskets, self.weighting))
        found[np.diff(baskets.indptr) == 0] = self.counts
        return found

    def ranked(
        self, baskets: CSR, k: int, *, filter_seen: bool, rules: Rules | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the k best items of each basket and their scores, both of shape (B, K)."""
        chosen = np.empty((baskets.shape[0], k), dtype=np.int64)
        values = np.empty((baskets.shape[0], k), dtype=np.float32)
        # products of sparse rows use one thread; a network's use all by themselves
        by_rows, everyone = self.model.additive, slice(0, baskets.shape[0])

        def answer(rows: slice) -> None:
            block = baskets if rows == everyone else baskets[rows]
            scores = self.scores(block)
            if filter_seen:
                row = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
                scores[row, block.indices] = -np.inf
            if rules is not None:
                rules.apply(scores)
            chosen[rows], values[rows] = top_k(scores, k, map if by_rows else in_threads)

        do = in_threads if by_rows else map
        for _ in do(answer, self.blocks(baskets.shape[0], cached=by_rows)):
            pass
        return chosen, values

    def others(
        self, columns: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return what the model makes of each item alone in a basket: the k best others."""
        alone = csr(
            np.arange(len(columns)),
            columns,
            np.ones(len(columns)),
            (len(columns), len(self.counts)),
        )
        scores = self.scores(alone)
        scores[np.arange(len(columns)), columns] = -np.inf
        return top_k(scores, k)

    def bytes_held(self, n_rows: int) -> int:
        """Return what scores take while so many baskets are answered: twice those of a block."""
        row = 4 * len(self.counts)
        if self.model.additive:
            return 2 * min(n_rows * row, torch.get_num_threads() * max(row, CACHED_BYTES))
        return 2 * min(n_rows * row, max(row, SCORE_BYTES))

    def blocks(self, n_rows: int, *, cached: bool = False) -> Iterator[slice]:
        """Cut rows so that a part's scores keep within bounds; no rows are one part."""
        n_bytes = CACHED_BYTES if cached else SCORE_BYTES
        return slices(max(n_rows, 1), max(1, n_bytes // (4 * len(self.counts))))


def weighted(matrix: CSR, weighting: str, *, learning: bool = False) -> CSR:
    """Return rows as a model sees them: 1, log(1 + w) or w in place of each weight w.

    "recent" is min(w, 1) in the rows that are learned from, and 1 in baskets that are asked about.
    """
    if weighting == "linear" or (weighting != "log" and (matrix.data == 1).all()):
        return matrix  # of one basket, a copy is a tenth of the answer's time
    result = matrix.copy()
    if weighting == "recent" and learning:
        result.data = np.minimum(matrix.data, 1)
    else:
        result.data = np.log1p(matrix.data) if weighting == "log" else np.ones_like(matrix.data)
    return result
