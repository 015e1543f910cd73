"""Reducing a table to a few numbers a row, beside PCA to as many."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from likewise.data.arrow_values import require_plain
from likewise.data.frames import as_table
from likewise.data.table_encoder import TableEncoder
from likewise.errors import InputError, counted
from likewise.evaluate.embedding import Faithfulness, faithfulness
from likewise.tables.autoencoder import TableAutoencoder


@dataclass(frozen=True)
class Reduction:
    """A table's codes, and how faithful they are.

    Parameters
    ----------
    model : TableAutoencoder
        Learned from the rows that were not held out.
    codes, pca_codes : ndarray of shape (n, L)
        Of all rows.
    own, pca : Faithfulness
        On the held-out rows, which neither has learned from.
    n_held : int
        How many rows those are.
    """

    model: TableAutoencoder
    codes: NDArray[np.float32]
    pca_codes: NDArray[np.float64]
    own: Faithfulness
    pca: Faithfulness
    n_held: int

    def line(self) -> str:
        """Return the comparison in one line."""
        own, pca = self.own, self.pca
        n = self.codes.shape[1]
        code = f"{n} dimensions explain" if n != 1 else "1 dimension explains"
        return (
            f"{code} {own.explained:.1%} of {self.n_held:,} "
            f"held-out rows (PCA {pca.explained:.1%}), trustworthiness {own.trustworthiness:.3f} "
            f"({pca.trustworthiness:.3f}), neighbours kept {own.neighbours:.1%} "
            f"({pca.neighbours:.1%})"
        )


def reduce_table(
    X: Any, model: TableAutoencoder, *, held_fraction: float = 0.2, seed: int = 0
) -> Reduction:
    """Learn to reduce a table, and compare with PCA at the same dimension on held-out rows.

    Parameters
    ----------
    X : pandas or polars DataFrame, Arrow table, or array of shape (n, C)
        The table.
    model : TableAutoencoder
        Fitted here, in place.
    held_fraction : float
        Share of the rows to judge by; three at least.
    seed : int
        Decides which.

    Raises
    ------
    InputError
        If there are fewer than 10 rows, all of those to learn from are the same, or a column holds
        lists and the like.
    """
    table, shape = as_table(X)
    require_plain(table)
    n = table.num_rows
    if n < 10:
        raise InputError(
            f"a table of {counted(n, 'row')} was given; to learn from some and judge by "
            "others, give 10"
        )
    order = np.random.default_rng(seed).permutation(n)
    n_held = max(3, round(held_fraction * n))
    held, train = np.sort(order[:n_held]), np.sort(order[n_held:])
    encoder = TableEncoder(model.max_categories).fit(shape.restore(table.take(train)))
    rows = encoder.transform(X)
    if not np.ptp(rows[train], axis=0).any():
        raise InputError(
            f"all columns are constant over the {len(train):,} rows to learn from: "
            "there is nothing to reduce; give rows that differ"
        )
    model.fit_encoded(encoder, rows[train])
    codes = model.model_.transform(rows)
    n_components = min(codes.shape[1], len(train), rows.shape[1])
    pca = PCA(n_components, random_state=seed).fit(rows[train])
    pca_codes = pca.transform(rows)

    def judged(codes: NDArray[Any], reconstructed: NDArray[Any]) -> Faithfulness:
        mean = rows[train].mean(axis=0)
        return faithfulness(rows[held], codes[held], reconstructed, mean, seed=seed)

    return Reduction(
        model=model,
        codes=codes,
        pca_codes=pca_codes,
        own=judged(codes, model.model_.reconstruct(rows[held])),
        pca=judged(pca_codes, pca.inverse_transform(pca_codes[held])),
        n_held=n_held,
    )
