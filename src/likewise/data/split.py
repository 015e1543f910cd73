"""Splits: what a model may learn from, what it is chosen on, and what it is judged by.

Every split has the same four parts, so that a protocol can be written once. A model's settings
(its number of epochs among them) are chosen on `train` and `validation`; the chosen model is fitted
on `refit`, which is everything before the test; the test is read once.
"""

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.data.fold import FoldIn, folded, masked, one_given
from likewise.data.held_out import held_out_share
from likewise.data.interactions import CSR, Interactions, csr, sorted_csr
from likewise.data.log import Log
from likewise.data.recency import decayed
from likewise.errors import InputError


@dataclass(frozen=True, repr=False)
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
        In days, of the purchases of `fading`.
    fading : Split, optional
        The same cut, where the weights of `train` and `refit` are what is left of each purchase.
    whole : FoldIn, optional
        The validation users with all that is given of them, where `validation` gives one item.
    """

    name: str
    train: Interactions
    validation: FoldIn
    refit: Interactions
    test: FoldIn
    recent: Interactions | None = None
    half_life: float | None = None
    fading: "Split | None" = None
    whole: FoldIn | None = None

    def __repr__(self) -> str:
        users = f"{self.refit.n_users:,} users to learn from, {len(self.test):,} to be judged by"
        return f"Split({self.name!r}, {users})"


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
    validation_fraction, test_fraction : float
        Above 0, and below 1 together.
    half_life : float, optional
        Days after which a purchase counts half in `fading`, for models that heed it
        (`weighting="recent"`); its age is that at the cut.
    """
    require_shares(validation_fraction=validation_fraction, test_fraction=test_fraction)
    time = _required_time(log, "a global-time split")
    first, second = _instants(log, validation_fraction, test_fraction)
    parts = _parts(log, first, second, None)
    recent = _recent(log, time < second, parts[2])
    if half_life is None:
        return Split("global time", *parts, recent)
    name = f"global time, a half-life of {half_life:g} days for models that heed it"
    fading = Split(name, *_parts(log, first, second, half_life), recent, half_life)
    return Split(name, *parts, recent, half_life, fading)


def before_test(log: Log) -> Log:
    """Return what `global_time` lets models know of a log: the events before the test."""
    time = _required_time(log, "a global-time split")
    return log.where(time < _instants(log)[1])


def cut_at(
    log: Log, start: int, stop: int | None = None, *, half_life: float | None = None
) -> tuple[Interactions, FoldIn]:
    """Cut the log once: learn from before, be judged by what who had bought before bought after.

    Parameters
    ----------
    start, stop : int
        In microseconds since 1970, as of :func:`instant_after`; what comes from `stop` on is left
        out.
    half_life : float, optional
        Days after which a purchase counts half at the cut.
    """
    time = _required_time(log, "a cut in time")
    fading = log if half_life is None else decayed(log, half_life, start)
    later = time >= start if stop is None else (time >= start) & (time < stop)
    return _before_and_after(fading, time < start, later)


def instant_after(log: Log, share: float) -> int:
    """Return the time of the first event after a share of them, in microseconds since 1970."""
    time = _required_time(log, "a cut in time")
    at = min(len(time) - 1, int(len(time) * share))
    return int(np.partition(time, at)[at])


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
    by :func:`~likewise.data.held_out.held_out_share`. Test interactions of items that no training
    user has cannot be found, and are left out.

    Raises
    ------
    InputError
        If nothing is left to be found in the test, or in the validation part.
    """
    require_shares(validation_fraction=validation_fraction)
    refit = train if isinstance(train, Interactions) else train.interactions()
    outside = test if isinstance(test, Interactions) else test.interactions()
    held = _aligned(outside, refit)
    matrix = refit.matrix
    random = np.random.default_rng(seed)
    is_held, rule = held_out_share(matrix, matrix, validation_fraction, random)
    inner = refit.with_matrix(masked(matrix, ~is_held))
    validation = folded(inner.matrix, masked(matrix, is_held), refit.users, rule)
    test_fold = folded(matrix, held, refit.users)
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
    folds = [one_given(fold, random) for fold in (split.validation, split.test)]
    if not all(map(len, folds)):
        raise InputError("no held-out customer has two items; use a longer log, or another split")
    fading = None if split.fading is None else also_bought_split(split.fading, seed=seed)
    return replace(split, validation=folds[0], test=folds[1], whole=split.validation, fading=fading)


def require_shares(**shares: Any) -> None:
    """Refuse shares to hold out that are not above 0, or leave nothing.

    Examples
    --------
    >>> require_shares(validation_fraction=0.1, test_fraction=1.5)
    Traceback (most recent call last):
        ...
    likewise.errors.InputError: test_fraction=1.5; give a share above 0 and below 1, such as 0.1
    """
    for name, share in shares.items():
        if isinstance(share, bool) or not isinstance(share, Real) or not 0 < float(share) < 1:
            raise InputError(f"{name}={share!r}; give a share above 0 and below 1, such as 0.1")
    if sum(shares.values()) >= 1:
        given = " and ".join(f"{name}={share!r}" for name, share in shares.items())
        raise InputError(f"{given} leave nothing to learn from; give shares of less than 1 in all")


def _required_time(log: Log, what: str) -> NDArray[np.int64]:
    if log.time is None:
        raise InputError(f"{what} needs times, and the log has none; name its time column")
    return log.time


def _instants(
    log: Log, validation_fraction: float = 0.1, test_fraction: float = 0.1
) -> tuple[int, int]:
    """Return when the validation part begins, and when the test does."""
    first = instant_after(log, 1 - validation_fraction - test_fraction)
    second = instant_after(log, 1 - test_fraction)
    if not _required_time(log, "a cut in time").min() < first < second:
        raise InputError(
            f"the log's {len(log):,} events lie at too few distinct times to be cut twice; "
            "use the split by users"
        )
    return first, second


def _parts(
    log: Log, first: int, second: int, half_life: float | None
) -> tuple[Interactions, FoldIn, Interactions, FoldIn]:
    inner = cut_at(log, first, second, half_life=half_life)
    return (*inner, *cut_at(log, second, half_life=half_life))


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
    fold = folded(history.matrix, sorted_csr(later[:, known]), log.users)
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


def _aligned(outside: Interactions, to: Interactions) -> CSR:
    rows = outside.matrix.tocoo()
    user = to.users.encode(outside.users.ids.tolist())[rows.row]
    item = to.items.encode(outside.items.ids.tolist())[rows.col]
    known = (user >= 0) & (item >= 0)
    return csr(user[known], item[known], rows.data[known], to.matrix.shape)
