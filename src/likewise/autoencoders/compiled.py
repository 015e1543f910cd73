"""Inner loops that NumPy has no verb for, compiled.

Items and places are unsigned: no index can count from the end, which saves a test of each.
"""

from typing import Any

import numpy as np

from likewise.autoencoders.products import EXACT
from likewise.compiling import compiled

LEAST_IN_BLOCK, MOST_IN_BLOCK = 8, 64
"""Scores whose best is looked at first."""


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
    apart = np.zeros(n_items, np.float32)  # of an item of more than EXACT rows
    seen, touched = np.full(n_items, -1, np.int32), np.empty(n_items, np.int32)
    chosen, counts = np.empty(n_items, np.int32), np.zeros(len(neighbours), np.int64)
    end = 0
    for r in range(len(neighbours)):
        item, m = first + r, 0
        for begin in range(starts[item], starts[item + 1], EXACT):
            _move(touched[:m], total, apart)
            for n in range(begin, min(begin + EXACT, starts[item + 1])):
                for place in range(row_starts[users[n]], row_starts[users[n] + 1]):
                    other = items[place]
                    if seen[other] != item:
                        seen[other], total[other], touched[m] = item, 0, other
                        m += 1
                    total[other] += own_values[n] * values[place]
        if starts[item + 1] - starts[item] > EXACT:
            _move(touched[:m], apart, total)
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
def _move(items: Any, source: Any, target: Any) -> None:
    """Add the sums of some items to others, and begin them again."""
    for item in items:
        target[item] += source[item]
        source[item] = 0


@compiled()
def nearest_in_columns(
    first: int,
    columns: Any,
    rows: Any,
    weights: Any,
    powers: Any,
    shrinkage: float,
    neighbours: Any,
    values: Any,
    counts: Any,
) -> None:
    """Write, of some items j, the others i of the largest Σ w_u / (p_i q_j + shrinkage), in order.

    The sum is over the rows u that hold both. `columns` and `rows` are where they begin and what
    they hold; `neighbours` and `values` have a row for each item from `first` on, of which as many
    are written as `counts` says.
    """
    starts, users = columns
    row_starts, items = rows
    p, q = powers
    n_items = len(p)
    total, likeness = np.zeros(n_items), np.zeros(n_items)
    seen, touched = np.full(n_items, -1, np.int32), np.empty(n_items, np.int32)
    chosen = np.empty(n_items, np.int32)
    for r in range(len(neighbours)):
        item, m = first + r, 0
        for n in range(starts[item], starts[item + 1]):
            weight = weights[users[n]]
            for place in range(row_starts[users[n]], row_starts[users[n] + 1]):
                other = items[place]
                if seen[other] != item:
                    seen[other], total[other], touched[m] = item, 0, other
                    m += 1
                total[other] += weight
        m = _in_order(touched, m, seen, item)
        for n in range(m):
            other = touched[n]
            likeness[other] = total[other] / (p[other] * q[item] + shrinkage)
        likeness[item] = 0
        counts[r] = _strongest(touched, m, likeness, neighbours.shape[1], chosen)
        for n in range(counts[r]):
            neighbours[r, n], values[r, n] = chosen[n], likeness[chosen[n]]


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
    """Write what each item of a group has in common with those before it.

    The item's row is read once, and each value is put at its item's place in the group; those of
    items that are not in it go to a place of no use, which costs less than asking.
    See :meth:`likewise.autoencoders.ties.Ties.blocks`.
    """
    place_of, row = np.zeros(len(diagonal), np.uint32), np.empty(groups.shape[1] + 1, np.float32)
    for g in range(len(groups)):
        group = groups[g, : np.count_nonzero(groups[g] != -1)]
        for place in range(len(group)):
            place_of[group[place]] = place + 1
        for place in range(len(group)):
            item = group[place]
            row[: place + 1] = 0
            for n in range(indptr[item], indptr[item + 1]):
                row[place_of[indices[n]]] = data[n]
            blocks[g, place, :place] = row[1 : place + 1]
            blocks[g, place, place] = diagonal[item]
        for place in range(len(group)):
            place_of[group[place]] = 0


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
def k_largest(scores: Any, order: Any, by_order: Any, items: Any) -> None:
    """Write the k best columns of each row, best first; of equal ones the earlier in `order`.

    The row is cut into blocks. Of the blocks' best, the k-th best is a bound that k columns reach;
    only the blocks that reach it are looked at again, some k. What is as good is kept, as a number
    that sorts by score and then by place; where the room for it is full, it is cut down to k.

    Parameters
    ----------
    scores : ndarray of shape (B, I), int32
        The bits of float32 without NaN.
    order, by_order : ndarray of shape (I,), int64
        Each column's place among equals, and the column of each place.
    items : ndarray of shape (B, k), int64
        Written to; k is at most I.
    """
    k, n_items = items.shape[1], scores.shape[1]
    size = min(MOST_IN_BLOCK, max(LEAST_IN_BLOCK, n_items // (4 * k)))
    tops = np.empty(n_items // size, np.int32)
    kept = np.empty(min(n_items, 2 * k), np.int64)
    for r in range(len(scores)):
        row, n = scores[r], 0
        _tops(row[: len(tops) * size].reshape(-1, size), tops)
        least, least_kept = np.int32(-(2**31)), np.int64(-(2**63))
        if len(tops) >= k:
            least = np.partition(tops, len(tops) - k)[len(tops) - k]
        for block in range(len(tops) + 1):  # the last is what is left over
            if block < len(tops) and tops[block] < least:
                continue
            for item in range(block * size, min(block * size + size, n_items)):
                bits = _sortable(row[item])
                this = (np.int64(bits) << 32) + (n_items - 1 - order[item])
                if bits < least or this <= least_kept:
                    continue
                if n == len(kept):
                    kept[:k] = np.partition(kept, n - k)[n - k :]
                    least_kept, n = kept[:k].min(), k
                    least = np.int32(least_kept >> 32)
                kept[n] = this
                n += 1
        best = np.sort(np.partition(kept[:n], n - k)[n - k :])
        for place in range(k):
            items[r, place] = by_order[n_items - 1 - (best[k - 1 - place] & 0xFFFFFFFF)]


@compiled()
def _tops(blocks: Any, tops: Any) -> None:
    """Write the best of each block."""
    for n in range(len(blocks)):
        block, top = blocks[n], np.int32(-(2**31))
        for place in range(len(block)):
            top = max(top, _sortable(block[place]))
        tops[n] = top


@compiled()
def _sortable(bits: Any) -> Any:
    """Return the bits of a float32 as a number that sorts like the float; -0 is 0."""
    number = np.int32(bits ^ ((bits >> 31) & 0x7FFFFFFF))
    return np.int32(number + (number == -1))
