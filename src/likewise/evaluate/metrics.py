"""Ranking metrics: how many of the held-out items a list finds, and how near its top.

Every metric is binary (an item is held out or it is not), is computed over the full ranking, and
is given per user, so that a protocol can average it and a bootstrap can resample it.

Shapes: B users, I items, K list length.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.data.interactions import CSR
from likewise.errors import InputError

Floats = NDArray[np.float64]
Integers = NDArray[np.signedinteger[Any]]
Flags = NDArray[np.bool_]


def per_user_metrics(ranked: Integers, held_out: CSR, names: Sequence[str]) -> dict[str, Floats]:
    """Compute metrics of each user's ranked list.

    With h_r = 1 where the item at rank r is held out, and n held-out items::

        recall@k        = Σ_{r<=k} h_r / n
        recall_capped@k = Σ_{r<=k} h_r / min(k, n)
        ndcg@k          = Σ_{r<=k} h_r / log2(r + 1)  /  Σ_{r<=min(k, n)} 1 / log2(r + 1)
        hit_rate@k      = 1 if any h_r = 1 for r <= k, else 0
        mrr@k           = 1 / (the first r <= k with h_r = 1), 0 if there is none

    Parameters
    ----------
    ranked : int array of shape (B, K)
        Item numbers, best first; -1 where there is no item. A list may be shorter than a metric's k
        only if it is as long as the catalogue.
    held_out : csr_array of shape (B, I)
        What should be found.
    names : sequence of str
        Such as ``["recall@20", "ndcg@100"]``.

    Returns
    -------
    dict of float64 arrays of shape (B,)
        NaN for users without held-out items.

    Raises
    ------
    InputError
        If a name is unknown, or the lists are too short, of another shape, name an unknown item or
        the same item twice.

    References
    ----------
    D. Liang, R. Krishnan, M. Hoffman, T. Jebara, "Variational autoencoders for collaborative
    filtering", WWW 2018, whose Recall@k is `recall_capped@k` here.

    Examples
    --------
    >>> from scipy import sparse
    >>> held_out = sparse.csr_array([[0, 1, 0, 1]])
    >>> values = per_user_metrics(np.array([[3, 0]]), held_out, ["recall@1", "recall_capped@1"])
    >>> {name: value.tolist() for name, value in values.items()}
    {'recall@1': [0.5], 'recall_capped@1': [1.0]}
    """
    parsed = {name: parse_metric(name) for name in names}
    hits_BK = hit_matrix(ranked, held_out)
    longest = max((k for _, k in parsed.values()), default=0)
    if ranked.shape[1] < min(longest, held_out.shape[1]):
        raise InputError(
            f"the lists have {ranked.shape[1]} items and a metric looks at {longest}; "
            f"rank at least {min(longest, held_out.shape[1])} items"
        )
    n_B = _row_counts(held_out)
    return {
        name: np.where(n_B > 0, METRICS[kind](hits_BK, np.maximum(n_B, 1), k), np.nan)
        for name, (kind, k) in parsed.items()
    }


def parse_metric(name: str) -> tuple[str, int]:
    """Split a metric's name into its kind and its k.

    Raises
    ------
    InputError
        If it is not ``kind@k`` with a known kind and k >= 1.

    Examples
    --------
    >>> parse_metric("ndcg@10")
    ('ndcg', 10)
    >>> parse_metric("ndcg")
    Traceback (most recent call last):
        ...
    likewise.errors.InputError: metric 'ndcg' is not known; write kind@k, such as ndcg@10, with
    one of recall, recall_capped, ndcg, hit_rate, mrr
    """
    match = re.fullmatch(r"([a-z_]+)@([1-9][0-9]{0,8})", name)
    if match is None or match[1] not in METRICS:
        raise InputError(
            f"metric {name!r} is not known; write kind@k, such as ndcg@10, with one of "
            + ", ".join(METRICS)
        )
    return match[1], int(match[2])


def coverage(ranked: Integers, n_items: int, k: int) -> float:
    """Return the share of the catalogue that stands in at least one list's first k places.

    Examples
    --------
    >>> coverage(np.array([[0, 1], [0, 2]]), n_items=4, k=1)
    0.25
    """
    shown = ranked[:, :k]
    seen = np.zeros(n_items, dtype=bool)
    seen[shown[shown >= 0]] = True
    return float(seen.mean())


def hit_matrix(ranked: Integers, held_out: CSR) -> Flags:
    """Mark the places of the lists, (B, K), whose item is held out.

    Raises
    ------
    InputError
        If the lists do not fit the matrix, or name an item twice.
    """
    _check_ranked(ranked, held_out.shape)
    n_users, n_items = held_out.shape
    cells_BK = np.arange(n_users)[:, None] * n_items + ranked
    known = _cells(held_out)
    place = np.searchsorted(known, cells_BK)
    hits: Flags = (np.append(known, -1)[place] == cells_BK) & (ranked >= 0)
    return hits


def _recall(hits_BK: Flags, n_B: Integers, k: int) -> Floats:
    return np.asarray(hits_BK[:, :k].sum(axis=1) / n_B)


def _recall_capped(hits_BK: Flags, n_B: Integers, k: int) -> Floats:
    return np.asarray(hits_BK[:, :k].sum(axis=1) / np.minimum(k, n_B))


def _ndcg(hits_BK: Flags, n_B: Integers, k: int) -> Floats:
    hits_BK = hits_BK[:, :k]
    depth = max(hits_BK.shape[1], int(n_B.max(initial=0)))
    discount = 1 / np.log2(np.arange(2, depth + 2))
    # Both sums run from the first rank to the last, so a perfect list gives 1 to the last bit.
    gained = np.cumsum(hits_BK * discount[: hits_BK.shape[1]], axis=1)[:, -1]
    ideal = np.cumsum(discount)[np.minimum(k, n_B) - 1]
    return np.asarray(gained / ideal)


def _hit_rate(hits_BK: Flags, _n_B: Integers, k: int) -> Floats:
    return np.asarray(hits_BK[:, :k].any(axis=1), dtype=np.float64)


def _mrr(hits_BK: Flags, _n_B: Integers, k: int) -> Floats:
    hits_BK = hits_BK[:, :k]
    return np.where(hits_BK.any(axis=1), 1 / (1 + hits_BK.argmax(axis=1)), 0.0)


METRICS: dict[str, Callable[[Flags, Integers, int], Floats]] = {
    "recall": _recall,
    "recall_capped": _recall_capped,
    "ndcg": _ndcg,
    "hit_rate": _hit_rate,
    "mrr": _mrr,
}
"""Each kind's function of the hits (B, K), the numbers of held-out items (B,), all >= 1, and k."""


def _check_ranked(ranked: Integers, shape: tuple[int, int]) -> None:
    n_users, n_items = shape
    fits = ranked.ndim == 2 and len(ranked) == n_users and ranked.shape[1] > 0
    if not fits or ranked.dtype.kind != "i":
        raise InputError(
            f"ranked is {ranked.dtype} of shape {ranked.shape}; give signed item numbers of shape "
            f"({n_users}, K), one row for each of the held-out users"
        )
    if ranked.min(initial=-1) < -1 or ranked.max(initial=-1) >= n_items:
        raise InputError(
            f"ranked holds item numbers from {ranked.min()} to {ranked.max()}; the catalogue has "
            f"0 to {n_items - 1}, and -1 stands for no item"
        )
    ordered = np.sort(ranked, axis=1)
    repeated = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
    if repeated.any():
        row = int(repeated.any(axis=1).argmax())
        raise InputError(f"the list in row {row} names an item twice; rank each item once")


def _cells(matrix: CSR) -> NDArray[np.int64]:
    """Return row · I + column of each non-zero cell, sorted and distinct."""
    n_rows, n_columns = matrix.shape
    row = np.repeat(np.arange(n_rows, dtype=np.int64), np.diff(matrix.indptr))
    cells = np.sort((row * n_columns + matrix.indices)[matrix.data != 0])
    return cells[np.diff(cells, prepend=-1) > 0]


def _row_counts(matrix: CSR) -> NDArray[np.int64]:
    n_rows, n_columns = matrix.shape
    return np.bincount(_cells(matrix) // max(n_columns, 1), minlength=n_rows).astype(np.int64)
