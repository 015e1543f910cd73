"""Inner loops that NumPy has no verb for, compiled; each runs without Python's lock.

The machine code is kept beside this file, or in the user's cache, or where ``NUMBA_CACHE_DIR``
says, so that one process compiles for all. Items and places are unsigned: no index can count from
the end, which saves a test of each.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(*, fastmath: bool = False) -> Callable[[F], F]:
    """Compile a function at its first call, to run without Python's lock.

    Where no folder can be written to that could keep the machine code, each process compiles.
    """

    def _compiled(function: F) -> F:
        try:
            return cast("F", njit(nogil=True, fastmath=fastmath, cache=True)(function))
        except RuntimeError:  # numba's "no locator available"
            return cast("F", njit(nogil=True, fastmath=fastmath)(function))

    return _compiled


@compiled()
def add_pairs(
    part: Any, first: int, starts: Any, places: Any, ends: Any, items: Any, values: Any
) -> None:
    """Add the upper triangle of rowsᵀ rows to some of its rows.

    Row `first + r` of the product is gathered in `part[r]`: each row of the data that holds the
    item adds what stands at the item's own place and behind it. No other part writes there.

    Parameters
    ----------
    part : ndarray of shape (R, I), float32
        Rows of the product; added to.
    starts : ndarray of shape (I + 1,)
        Where an item begins in `places`.
    places, ends : ndarray of shape (nnz,)
        For each purchase of an item, its place in `items`, and where its row ends there.
    items, values : ndarray of shape (nnz,)
        The rows' items, sorted, and values.
    """
    for r in range(part.shape[0]):
        target = part[r]
        for n in range(starts[first + r], starts[first + r + 1]):
            value = values[places[n]]
            for other in range(places[n], ends[n]):
                target[items[other]] += value * values[other]


@compiled()
def gather_ties(
    first: int,
    columns: Any,
    rows: Any,
    length: Any,
    limit: int,
    neighbours: Any,
    kept_items: Any,
    kept_values: Any,
) -> Any:
    """Multiply rowsᵀ rows for some items; note the nearest of each, and its strongest ties.

    See :meth:`likewise.autoencoders.ties.Ties.of`. Returns how many ties each item keeps; those lie
    one after the other in `kept_items` and `kept_values`.
    """
    starts, users, own_values = columns
    row_starts, items, values = rows
    n_items = len(length)
    total, cosine = np.zeros(n_items, np.float32), np.zeros(n_items, np.float32)
    seen, touched = np.full(n_items, -1, np.int32), np.empty(n_items, np.int32)
    chosen, counts = np.empty(n_items, np.int32), np.zeros(len(neighbours), np.int64)
    end = 0
    for r in range(len(neighbours)):
        item, m = first + r, 0
        for n in range(starts[item], starts[item + 1]):
            for place in range(row_starts[users[n]], row_starts[users[n] + 1]):
                other = items[place]
                if seen[other] != item:
                    seen[other], total[other], touched[m] = item, 0, other
                    m += 1
                total[other] += own_values[n] * values[place]
        m = _in_order(touched, m, seen, item)
        for n in range(m):
            cosine[touched[n]] = abs(total[touched[n]]) / length[touched[n]]
        cosine[item] = 0
        found = _strongest(touched, m, cosine, neighbours.shape[1], chosen)
        neighbours[r, :found] = chosen[:found]
        below = int(np.searchsorted(touched[:m], item))
        counts[r] = _strongest(touched, below, cosine, limit, chosen)
        for n in range(counts[r]):
            kept_items[end], kept_values[end] = chosen[n], total[chosen[n]]
            end += 1
    return counts


@compiled()
def _in_order(touched: Any, m: int, seen: Any, item: int) -> int:
    """Sort the first m of `touched`; where they are many, by reading off all that were seen."""
    if m * 32 < len(seen):
        touched[:m].sort()
        return m
    n = 0
    for other in range(len(seen)):
        if seen[other] == item:
            touched[n] = other
            n += 1
    return n


@compiled()
def _strongest(touched: Any, m: int, cosine: Any, limit: int, chosen: Any) -> int:
    """Write the `limit` of the first m items with the largest cosine, in order; return how many.

    A cosine of 0 is no tie. Of equal ones the earlier items are taken.
    """
    if limit == 0:
        return 0
    threshold, room = np.float32(0), m
    if m > limit:
        ranked = np.partition(cosine[touched[:m]], m - limit)
        threshold = ranked[m - limit]
        room = limit - int(np.count_nonzero(ranked[m - limit :] > threshold))
    n = 0
    for place in range(m):
        value = cosine[touched[place]]
        if value > threshold or (value == threshold and room > 0 and value > 0):
            room -= value == threshold
            chosen[n] = touched[place]
            n += 1
    return n


@compiled()
def fill(indptr: Any, indices: Any, data: Any, diagonal: Any, groups: Any, blocks: Any) -> None:
    """Look up each pair of a group in the row of the later item, galloping through it.

    See :meth:`likewise.autoencoders.ties.Ties.blocks`.
    """
    for g in range(groups.shape[0]):
        for r in range(groups.shape[1]):
            item = groups[g, r]
            if item == -1:
                break
            low, end = indptr[item], indptr[item + 1]
            for c in range(r):
                wanted, high, step = groups[g, c], end, 8
                while low + step < end and indices[low + step] < wanted:
                    low += step
                    step *= 2
                high = min(end, low + step + 1)
                while low < high:
                    middle = (low + high) // 2
                    if indices[middle] < wanted:
                        low = middle + 1
                    else:
                        high = middle
                if low < end and indices[low] == wanted:
                    blocks[g, r, c] = data[low]
            blocks[g, r, r] = diagonal[item]


@compiled(fastmath=True)
def inverse_columns(factors: Any, places: Any, result: Any) -> None:
    """Write column `places[n]` of (UᵀU)⁻¹ for each upper factor U: Uᵀ y = e, then U p = y.

    Parameters
    ----------
    factors : ndarray of shape (N, K, K), float32
        What is below the diagonal is not read.
    places : ndarray of shape (N,)
        Which column.
    result : ndarray of shape (N, K), float32
        Zeros; written to.
    """
    for n in range(len(factors)):
        U, p = factors[n], result[n]
        k = len(p)
        p[places[n]] = 1
        for i in range(places[n], k):
            p[i] /= U[i, i]
            for j in range(i + 1, k):
                p[j] -= U[i, j] * p[i]
        for i in range(k - 1, -1, -1):
            total = p[i]
            for j in range(i + 1, k):
                total -= U[i, j] * p[j]
            p[i] = total / U[i, i]


@compiled()
def k_largest(scores: Any, order: Any, items: Any) -> None:
    """Write the k best columns of each row, best first; of equal ones the earlier in `order`.

    One pass: what is better than the k-th best so far is put into its place among them, which
    becomes rare soon. Where k is large, each place is a long way: sort then.

    Parameters
    ----------
    scores : ndarray of shape (B, I), float32
        Without NaN.
    order : ndarray of shape (I,)
        Each column's place among equals.
    items : ndarray of shape (B, k), int64
        Written to; k is at most I.
    """
    k = items.shape[1]
    for r in range(len(scores)):
        row, best, n = scores[r], items[r], 0
        last, last_order = np.float32(0), 0
        for item in range(len(row)):
            score = row[item]
            if n == k:
                if score < last or (score == last and order[item] > last_order):
                    continue
                n -= 1
            place = n
            while place > 0:
                other = best[place - 1]
                if row[other] > score or (row[other] == score and order[other] < order[item]):
                    break
                best[place] = other
                place -= 1
            best[place] = item
            n += 1
            last, last_order = row[best[n - 1]], order[best[n - 1]]
