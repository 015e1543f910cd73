"""Liang's split by users, which the tables of variational autoencoders are measured on."""

import numpy as np
from numpy.typing import NDArray

from likewise.data.fold import FoldIn
from likewise.data.interactions import Interactions, csr
from likewise.data.log import Log
from likewise.data.split import Split, require_shares
from likewise.data.vocabulary import Vocabulary
from likewise.errors import InputError

LIANG_SEED = 98765
LIANG_MIN_ITEMS = 5


def strong_generalisation(
    log: Log | Interactions,
    *,
    n_held_out: int | None = None,
    held_fraction: float = 0.2,
    min_items: int = LIANG_MIN_ITEMS,
    seed: int = LIANG_SEED,
) -> Split:
    """Hold out whole users, as Liang et al. (2018) do, to the last random number.

    Users with at least `min_items` items are permuted; the last `n_held_out` are the test users,
    those before them the validation users, the rest train. The items are those of the training
    users. Of each held-out user's n items, int(held_fraction · n) are held out (none below five).

    Parameters
    ----------
    log : Log or Interactions
        A log keeps the order of its lines, which the draw depends on.
    n_held_out : int, optional
        Test users, and as many validation users. A tenth of the users, at most 10,000, if None.
    held_fraction : float
        Above 0 and below 1.

    References
    ----------
    D. Liang, R. Krishnan, M. Hoffman, T. Jebara, "Variational autoencoders for collaborative
    filtering", WWW 2018, arXiv:1802.05814.
    """
    require_shares(held_fraction=held_fraction)
    user, item, weight = _first_purchases(log)
    keep = np.bincount(user, minlength=len(log.users))[user] >= min_items
    user, item, weight = user[keep], item[keep], weight[keep]
    eligible = np.unique(user)
    held = min(10_000, max(1, len(eligible) // 10)) if n_held_out is None else n_held_out
    if held < 1 or len(eligible) <= 2 * held:
        raise InputError(
            f"{len(eligible)} users have {min_items} items or more, and {held} validation and "
            f"{held} test users were asked for; {_instead(log, held)}"
        )
    random = np.random.RandomState(seed)
    permuted = eligible[random.permutation(len(eligible))]
    groups = np.split(permuted, [len(permuted) - 2 * held, len(permuted) - held])
    part = np.full(len(log.users), -1)
    for number, members in enumerate(groups):
        part[members] = number

    known = np.unique(item[part[user] == 0])
    column = np.full(len(log.items), -1)
    column[known] = np.arange(len(known))
    kept = column[item] >= 0
    user, item, weight = user[kept], column[item[kept]], weight[kept]

    rows = part[user] == 0
    train = _interactions(log, np.sort(groups[0]), known, user[rows], item[rows], weight[rows])
    folds = []
    for number in (1, 2):
        rows = part[user] == number
        folds.append(
            _held_out_users(
                log, user[rows], item[rows], weight[rows], len(known), held_fraction, seed
            )
        )
    return Split("strong generalisation", train, folds[0], train, folds[1])


def _instead(log: Log | Interactions, held: int) -> str:
    """Say what to do where users are too few: only what can be done with this log."""
    fewer = "hold out fewer users, or " if held > 1 else ""
    last = "; or take the split by each user's last purchases: --split last (leave_last_out)"
    has_times = isinstance(log, Log) and log.time is not None
    return f"{fewer}use a log with more{last if has_times else ''}"


def _first_purchases(
    log: Log | Interactions,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Each (user, item) pair once, at the place of its first line, weights summed."""
    if isinstance(log, Interactions):
        rows = log.matrix.tocoo()
        return rows.row.astype(np.int64), rows.col.astype(np.int64), rows.data
    cell = log.user.astype(np.int64) * len(log.items) + log.item
    _, first, inverse = np.unique(cell, return_index=True, return_inverse=True)
    weight = np.bincount(inverse, weights=log.weight).astype(np.float32)
    order = np.argsort(first)
    first = first[order]
    return log.user[first].astype(np.int64), log.item[first].astype(np.int64), weight[order]


def _interactions(
    log: Log | Interactions,
    users: NDArray[np.int64],
    items: NDArray[np.int64],
    user: NDArray[np.int64],
    column: NDArray[np.int64],
    weight: NDArray[np.float32],
) -> Interactions:
    matrix = csr(np.searchsorted(users, user), column, weight, (len(users), len(items)))
    titles = None if log.titles is None else log.titles[items]
    return Interactions(
        matrix, Vocabulary(log.users.ids[users]), Vocabulary(log.items.ids[items]), titles
    )


def _held_out_users(
    log: Log | Interactions,
    user: NDArray[np.int64],
    column: NDArray[np.int64],
    weight: NDArray[np.float32],
    n_items: int,
    held_fraction: float,
    seed: int,
) -> FoldIn:
    """Draw each user's held-out items with Liang's generator, by user and line."""
    random = np.random.RandomState(seed)
    order = np.argsort(user, kind="stable")
    user, column, weight = user[order], column[order], weight[order]
    users, start, count = np.unique(user, return_index=True, return_counts=True)
    is_held = np.zeros(len(user), dtype=bool)
    for first, n in zip(start, count, strict=True):
        if n >= LIANG_MIN_ITEMS:
            is_held[first + random.choice(n, size=int(held_fraction * n), replace=False)] = True
    row = np.searchsorted(users, user)
    shape = (len(users), n_items)
    return FoldIn(
        csr(row[~is_held], column[~is_held], weight[~is_held], shape),
        csr(row[is_held], column[is_held], weight[is_held], shape),
        Vocabulary(log.users.ids[users]),
    )
