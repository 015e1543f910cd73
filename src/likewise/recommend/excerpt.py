"""An excerpt of a log that is cut in time: enough to tell how fast purchases lose weight."""

from dataclasses import dataclass, replace
from typing import Self, cast

import numpy as np
from numpy.typing import NDArray

from likewise.data.log import Log
from likewise.data.vocabulary import Vocabulary

MOST_ITEMS = 2_000
"""The items bought most: a trial takes part of a second then."""

MOST_JUDGED, MOST_LEARNED = 5_000, 50_000
"""Customers who came back after the cut, and others who are learned from, at most."""


@dataclass(frozen=True)
class Excerpt:
    """Part of a log, and when it is cut.

    Parameters
    ----------
    log : Log
        The purchases of the items bought most, by customers who came back and by others before.
    instant : int
        In microseconds since 1970.
    """

    log: Log
    instant: int

    @classmethod
    def of(cls, log: Log, start: int, stop: int, seed: int = 0) -> Self:
        """Draw customers who bought before `start`, of whom some came back before `stop`."""
        when = cast("NDArray[np.int64]", log.time)
        counts = np.bincount(log.item, minlength=len(log.items))
        is_kept = np.zeros(len(log.items), bool)
        is_kept[np.argsort(-counts, kind="stable")[:MOST_ITEMS]] = True
        some = is_kept[log.item] & (when <= stop)
        n_users = len(log.users)
        was = np.bincount(log.user[some & (when < start)], minlength=n_users) > 0
        came = np.bincount(log.user[some & (when >= start)], minlength=n_users) > 0
        random, drawn = np.random.default_rng(seed), np.zeros(n_users, bool)
        for who, most in ((was & came, MOST_JUDGED), (was & ~came, MOST_LEARNED)):
            drawn[random.permutation(np.flatnonzero(who))[:most]] = True
        return cls(_compact(log.where(some & drawn[log.user])), start)


def _compact(log: Log) -> Log:
    """Return the same events, of the users and items that have any."""
    users, user = np.unique(log.user, return_inverse=True)
    items, item = np.unique(log.item, return_inverse=True)
    return replace(
        log,
        user=user.astype(np.int32),
        item=item.astype(np.int32),
        users=Vocabulary(log.users.ids[users]),
        items=Vocabulary(log.items.ids[items]),
        titles=None,
    )
