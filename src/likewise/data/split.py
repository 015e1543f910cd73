"""Splits: what a model may learn from, what it is chosen on, and what it is judged by.

Every split has the same four parts, so that a protocol can be written once. A model's settings
(its number of epochs among them) are chosen on `train` and `validation`; the chosen model is fitted
on `refit`, which is everything before the test; the test is read once.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.data.interactions import CSR, Interactions, Vocabulary, csr, sorted_csr
from likewise.data.log import Log
from likewise.data.recency import decayed
from likewise.errors import InputError

LIANG_SEED = 98765
LIANG_MIN_ITEMS = 5


@dataclass(frozen=True)
class FoldIn:
    """Users whose history is partly given to the model and partly held out.

    Parameters
    ----------
    given, held_out : csr_array of shape (B, I)
        What the model is shown, and what it should find.
    users : Vocabulary
        The outer ids of the rows.
    """

    given: CSR
    held_out: CSR
    users: Vocabulary

    def __post_init__(self) -> None:
        if not self.given.shape == self.held_out.shape or self.given.shape[0] != len(self.users):
            raise InputError(
                f"given is {self.given.shape}, held_out is {self.held_out.shape}, for "
                f"{len(self.users)} users; give one row a user and the same items in both"
            )

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True)
class Split:
    """One way of cutting a log; `train` and `validation` share items, as do `refit` and `test`.

    Parameters
    ----------
    name : str
        How it was cut.
    train, validation : Interactions, FoldIn
        What settings are chosen on.
    refit, test : Interactions, FoldIn
        What the chosen model is fitted on, and judged by.
    recent : Interactions, optional
        The latest tenth of `refit`'s events, over the same items, where there are times.
    half_life : float, optional
        In days, where the weights of `train` and `refit` are what is left of each purchase.
    """

    name: str
    train: Interactions
    validation: FoldIn
    refit: Interactions
    test: FoldIn
    recent: Interactions | None = None
    half_life: float | None = None


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

    References
    ----------
    D. Liang, R. Krishnan, M. Hoffman, T. Jebara, "Variational autoencoders for collaborative
    filtering", WWW 2018, arXiv:1802.05814.
    """
    user, item, weight = _first_purchases(log)
    keep = np.bincount(user, minlength=len(log.users))[user] >= min_items
    user, item, weight = user[keep], item[keep], weight[keep]
    eligible = np.unique(user)
    held = min(10_000, max(1, len(eligible) // 10)) if n_held_out is None else n_held_out
    if held < 1 or len(eligible) <= 2 * held:
        raise InputError(
            f"{len(eligible)} users have {min_items} items or more, and {held} validation and "
            f"{held} test users were asked for; hold out fewer users, or use a log with more"
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


def global_time(
    log: Log,
    *,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    half_life: float | None = None,
) -> Split:
    """Cut the log at two instants: learn from before, be judged by what came after.

    The last `test_fraction` of the events is the test, the `validation_fraction` before them the
    validation. An item counts only if somebody had bought it before the cut; a user only with a
    history before it. Repeat purchases stay in the held-out part: the protocol reports with and
    without them.

    Parameters
    ----------
    half_life : float, optional
        Days after which a purchase counts half to models that heed it (`weighting="recent"`); its
        age is that at the cut.
    """
    time = _required_time(log, "a global-time split")
    ordered = np.sort(time)
    n_events = len(ordered)
    first = ordered[min(n_events - 1, int(n_events * (1 - validation_fraction - test_fraction)))]
    second = ordered[min(n_events - 1, int(n_events * (1 - test_fraction)))]
    if not ordered[0] < first < second:
        raise InputError(
            f"the log's {n_events:,} events lie at too few distinct times to be cut twice; "
            "use the split by users"
        )
    inner, whole = (
        log if half_life is None else decayed(log, half_life, t) for t in (first, second)
    )
    train, validation = _before_and_after(inner, time < first, (time >= first) & (time < second))
    refit, test = _before_and_after(whole, time < second, time >= second)
    recent = _recent(log, time < second, refit)
    return Split("global time", train, validation, refit, test, recent, half_life)


def leave_last_out(log: Log) -> Split:
    """Hold out each user's last visit (all events of its last time); validate on the one before.

    A visit, not a line, is held out: the lines of one invoice share their time, and leaving all but
    one of them in the basket would give the answer away.
    """
    time = _required_time(log, "leave-last-out")
    order = np.lexsort((time, log.user))
    user, when = log.user[order], time[order]
    new_visit = np.r_[True, (user[1:] != user[:-1]) | (when[1:] != when[:-1])]
    visit = np.cumsum(new_visit)
    last_visit = np.zeros(len(log.users), dtype=np.int64)
    np.maximum.at(last_visit, user, visit)
    first_visit = np.full(len(log.users), visit[-1] + 1 if len(visit) else 0)
    np.minimum.at(first_visit, user, visit)
    from_end = np.empty(len(visit), dtype=np.int64)
    from_end[order] = last_visit[user] - visit
    n_visits = (last_visit - first_visit + 1)[log.user]

    is_test = (from_end == 0) & (n_visits >= 2)
    is_validation = (from_end == 1) & (n_visits >= 3)
    train, validation = _before_and_after(log, ~is_test & ~is_validation, is_validation)
    refit, test = _before_and_after(log, ~is_test, is_test)
    return Split("last out", train, validation, refit, test, _recent(log, ~is_test, refit))


def fixed_lists(
    train: Log | Interactions,
    test: Log | Interactions,
    *,
    validation_fraction: float = 0.1,
    seed: int = 0,
) -> Split:
    """Take train and test lists from outside; carve the validation part from train.

    Held out for validation are int(validation_fraction · n) of each user's n training items, drawn
    at random. Test interactions of items that no training user has cannot be found, and are left
    out.

    Raises
    ------
    InputError
        If nothing is left to be found in the test, or in the validation part.
    """
    refit = train if isinstance(train, Interactions) else train.interactions()
    outside = test if isinstance(test, Interactions) else test.interactions()
    held = _aligned(outside, refit)
    matrix = refit.matrix
    is_held = _random_share(matrix.indptr, validation_fraction, np.random.default_rng(seed))
    inner = refit.with_matrix(_masked(matrix, ~is_held))
    validation = _fold(inner.matrix, _masked(matrix, is_held), refit.users)
    test_fold = _fold(matrix, held, refit.users)
    if not len(test_fold):
        raise InputError(
            "no user of the training lists has a test item that a training user has; "
            "give lists of the same users and items, with the same ids"
        )
    if not len(validation):
        raise InputError(
            f"int({validation_fraction:g} x n) of each user's n training items are none; "
            "raise validation_fraction"
        )
    return Split("fixed lists", inner, validation, refit, test_fold)


def also_bought_split(split: Split, *, seed: int = 0) -> Split:
    """Return the split that judges "customers who bought this also bought".

    Of the items a user held out (bought after the cut, or hidden from the model), one is drawn and
    given alone; the others are to be found. Users with fewer than two are left out.
    """
    random = np.random.default_rng(seed)
    folds = []
    for fold in (split.validation, split.test):
        rows = np.flatnonzero(np.diff(fold.held_out.indptr) >= 2)
        if not len(rows):
            raise InputError(
                "no held-out customer has two items; use a longer log, or another split"
            )
        held = fold.held_out[rows]
        place = held.indptr[:-1] + random.integers(0, np.diff(held.indptr))
        given = np.zeros(held.nnz, dtype=bool)
        given[place] = True
        users = Vocabulary(fold.users.ids[rows])
        folds.append(FoldIn(_masked(held, given), _masked(held, ~given), users))
    return replace(split, validation=folds[0], test=folds[1])


def held_out_items(
    interactions: Interactions, *, fraction: float = 0.1, at_most: int = 2_000, seed: int = 0
) -> tuple[Interactions, FoldIn]:
    """Hold out a tenth of the users (those with two items or more) to stop training on.

    Of each, a fifth of the items, one at least, is to be found from the rest. The others remain to
    learn from, over all items.

    Raises
    ------
    InputError
        If there are fewer than two users with two items or more.
    """
    random = np.random.default_rng(seed)
    eligible = np.flatnonzero(np.diff(interactions.matrix.indptr) >= 2)
    n = min(at_most, max(1, int(fraction * len(eligible))))
    if len(eligible) < 2:
        raise InputError(
            f"{len(eligible)} users have two items or more, too few to hold one out to stop "
            "training on; set validation_fraction=0, or use a linear autoencoder"
        )
    chosen = np.sort(random.permutation(eligible)[:n])
    matrix = interactions.matrix[chosen]
    is_held = _random_share(matrix.indptr, 0.2, random, at_least=1)
    users = Vocabulary(interactions.users.ids[chosen])
    fold = FoldIn(_masked(matrix, ~is_held), _masked(matrix, is_held), users)
    rest = np.ones(interactions.n_users, dtype=bool)
    rest[chosen] = False
    return interactions.take(rest), fold


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


def _required_time(log: Log, what: str) -> NDArray[np.int64]:
    if log.time is None:
        raise InputError(f"{what} needs times, and the log has none; name its time column")
    return log.time


def _before_and_after(
    log: Log, before: NDArray[np.bool_], after: NDArray[np.bool_]
) -> tuple[Interactions, FoldIn]:
    """Interactions of the events before, and a fold of the users who have events on both sides."""
    matrix = csr(
        log.user[before], log.item[before], log.weight[before], (len(log.users), len(log.items))
    )
    later = csr(log.user[after], log.item[after], log.weight[after], matrix.shape)
    whole = Interactions(matrix, log.users, log.items, log.titles)
    known = whole.item_counts > 0
    history = whole.only_items(known)
    fold = _fold(history.matrix, sorted_csr(later[:, known]), log.users)
    if not len(fold):
        raise InputError(
            "no user has purchases on both sides of the cut; "
            "use the split by users, or a longer log"
        )
    return history.take(np.diff(history.matrix.indptr) > 0), fold


def _recent(log: Log, before: NDArray[np.bool_], refit: Interactions) -> Interactions:
    time = _required_time(log, "recent popularity")
    late = before & (time >= np.quantile(time[before], 0.9))
    column = np.full(len(log.items), -1)
    column[log.items.encode(refit.items.ids.tolist())] = np.arange(refit.n_items)
    shape = (len(log.users), refit.n_items)
    matrix = csr(log.user[late], column[log.item[late]], log.weight[late], shape)
    return Interactions(matrix, log.users, refit.items, refit.titles)


def _fold(given: CSR, held_out: CSR, users: Vocabulary) -> FoldIn:
    both = (np.diff(given.indptr) > 0) & (np.diff(held_out.indptr) > 0)
    return FoldIn(given[both], held_out[both], Vocabulary(users.ids[both]))


def _aligned(outside: Interactions, to: Interactions) -> CSR:
    rows = outside.matrix.tocoo()
    user = to.users.encode(outside.users.ids.tolist())[rows.row]
    item = to.items.encode(outside.items.ids.tolist())[rows.col]
    known = (user >= 0) & (item >= 0)
    return csr(user[known], item[known], rows.data[known], to.matrix.shape)


def _random_share(
    indptr: NDArray[Any], fraction: float, random: np.random.Generator, at_least: int = 0
) -> NDArray[np.bool_]:
    """Mark int(fraction · n) of each row's n entries."""
    count = np.diff(indptr)
    row = np.repeat(np.arange(len(count)), count)
    order = np.lexsort((random.random(len(row)), row))
    place = np.empty(len(row), dtype=np.int64)
    place[order] = np.arange(len(row)) - np.repeat(indptr[:-1], count)
    return place < np.maximum((fraction * count).astype(np.int64), at_least)[row]


def _masked(matrix: CSR, keep: NDArray[np.bool_]) -> CSR:
    result = matrix.copy()
    result.data = np.where(keep, result.data, 0)
    return sorted_csr(result)
