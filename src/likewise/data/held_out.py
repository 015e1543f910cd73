"""What of a list is held out to choose a model on: a random share, or also what stands together.

A random share is found easily by who knows pairs: most of it was bought on a visit of which the
rest is left. What a customer buys next comes with no such rest. Where the order of the lists, which
is that of the items' ids, tells visits apart, both are held out.

Shapes: U users, I items.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.data.interactions import CSR

LEAST = 1.5
"""Togetherness from which on the order of lists tells visits apart: on gowalla, whose places are
numbered as they were first visited, it is 1.9, on ml-1m 1.2."""

SURE = 3.0
"""Standard errors by which neighbours must be nearer, as in small logs chance makes some so."""

MOST_USERS, MOST_PAIRS = 10_000, 5_000
"""Lists, and pairs of items in them, that are looked at to tell."""

AT_RANDOM = "a random share of each list is held out"
BOTH = "of half of the lists a random share is held out, of the others items that stand together"


def held_out_share(
    rows: CSR, log: CSR, fraction: float, random: np.random.Generator, at_least: int = 0
) -> tuple[NDArray[np.bool_], str]:
    """Mark int(fraction · n) of each row's n entries, and say how they were drawn.

    Parameters
    ----------
    rows, log : csr_array of shape (B, I), (U, I)
        Whose entries are marked; whose `togetherness` decides how.
    """
    mark, (times, errors) = random_share(rows.indptr, fraction, random, at_least), togetherness(log)
    ratio = f"neighbours in a list go together {times:.2f} times as much as its other items"
    if times < LEAST or errors < SURE:
        return mark, f"{AT_RANDOM}: {ratio}"
    is_other = np.repeat(random.random(len(rows.indptr) - 1) < 0.5, np.diff(rows.indptr))
    together = _side_by_side(rows.indptr, fraction, random, at_least)
    return np.where(is_other, together, mark), f"{BOTH}: {ratio}"


def togetherness(log: CSR) -> tuple[float, float]:
    """Return how much nearer neighbours in a list are than other items of it, and how surely.

    The first is a ratio of means, the second the difference in its standard errors over pairs.

    Near are items a, b that many others have both of: (c_ab - 1) / √(n_a n_b), where c_ab have both
    and n_a have a. They are 1 and 0 where the others have nothing in common.

    Examples
    --------
    >>> from likewise import Interactions
    >>> visits = [[1, 2, 3, 7, 8, 9], [1, 2, 3, 4, 5, 6], [4, 5, 6, 7, 8, 9]] * 9
    >>> times, errors = togetherness(Interactions.of(visits).matrix)
    >>> times > 1, errors > 3
    (True, True)
    """
    random = np.random.default_rng(0)
    some = log[np.sort(random.permutation(log.shape[0])[:MOST_USERS])]
    has, row = (some != 0).T.tocsr().astype(np.float32), _row(some.indptr)
    n = np.diff(has.indptr)
    pairs = random.permutation(np.flatnonzero(row[1:] == row[:-1]))[:MOST_PAIRS]

    def near(items: NDArray[np.int32]) -> NDArray[np.float64]:
        a, b = items[pairs], items[pairs + 1]
        both = np.asarray((has[a] * has[b]).sum(axis=1)).ravel()
        nearness: NDArray[np.float64] = (both - 1) / np.sqrt(n[a] * n[b])
        return nearness

    own = near(some.indices)
    others = near(some.indices[np.lexsort((random.random(some.nnz), row))])
    if others.sum() <= 0:
        return 1.0, 0.0
    gain = own - others
    error = float(gain.std()) / len(gain) ** 0.5
    return float(own.sum() / others.sum()), float(gain.mean()) / error if error else 0.0


def random_share(
    indptr: NDArray[Any], fraction: float, random: np.random.Generator, at_least: int = 0
) -> NDArray[np.bool_]:
    """Mark int(fraction · n) of each row's n entries."""
    order = np.lexsort((random.random(indptr[-1]), _row(indptr)))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = _place(indptr)
    return place < _size(indptr, fraction, at_least)[_row(indptr)]


def _side_by_side(
    indptr: NDArray[Any], fraction: float, random: np.random.Generator, at_least: int
) -> NDArray[np.bool_]:
    """Mark as many, one after the other, from a drawn one on."""
    size = _size(indptr, fraction, at_least)
    start = random.integers(0, np.maximum(np.diff(indptr) - size, 0) + 1)
    after = _place(indptr) - start[_row(indptr)]
    return (after >= 0) & (after < size[_row(indptr)])


def _size(indptr: NDArray[Any], fraction: float, at_least: int) -> NDArray[np.int64]:
    return np.maximum((fraction * np.diff(indptr)).astype(np.int64), at_least)


def _row(indptr: NDArray[Any]) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))


def _place(indptr: NDArray[Any]) -> NDArray[np.int64]:
    """Return each entry's place in its row."""
    place: NDArray[np.int64] = np.arange(indptr[-1]) - indptr[:-1][_row(indptr)]
    return place
