"""What a recommender asks of what it is given, before it works."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from likewise.data.interactions import CSR, Interactions
from likewise.data.log import Log, read_log
from likewise.errors import InputError, is_count


def as_log(log: Any) -> Log | Interactions:
    """Return whatever holds purchases as a log, or as interactions where it has no events."""
    if isinstance(log, Log | Interactions):
        return log
    if sparse.issparse(log):
        return Interactions.of_matrix(log)
    if isinstance(log, list | tuple) and not all(isinstance(part, str | Path) for part in log):
        return Interactions.of(log)
    return read_log(log)


def as_interactions(log: Any) -> Interactions:
    """Return whatever holds purchases as interactions."""
    known = as_log(log)
    return known.interactions() if isinstance(known, Log) else known


def require_learnable(interactions: Interactions, *, together: bool = True) -> None:
    """Refuse a log with one item or one user, or, if that matters, with nothing bought together."""
    if interactions.n_items < 2:
        n = "no item" if not interactions.n_items else "1 item"
        raise InputError(f"the log has {n}; recommending needs two or more")
    lengths = np.diff(interactions.matrix.indptr)
    if np.count_nonzero(lengths) == 1:
        raise InputError(
            "the log has purchases of 1 user; recommending is learned from two or more"
        )
    if together and not (lengths > 1).any():
        raise InputError(
            f"each of the {interactions.n_users:,} users has one item only, so nothing was bought "
            "together; give a log in which some user or basket has two items or more"
        )


def require_judges(interactions: Interactions) -> None:
    """Refuse a log of which too little would remain to learn from, with a customer held out."""
    lengths = np.diff(interactions.matrix.indptr)
    customers, several = int((lengths > 0).sum()), int((lengths > 1).sum())
    if customers < 3 or several < 2:
        raise InputError(
            "choosing settings takes 3 customers or more, 2 of them with two items or more, as one "
            f"is held out; the log has {customers}, {several} of them with two items or more; give "
            "a longer log, or name a model, such as --model linear"
        )


def require_remaining(k: Any, n_items: int, left_out: int) -> None:
    """Refuse a k that no basket can be answered with; a basket with fewer left gets a shorter list.

    Parameters
    ----------
    left_out : int
        Items left out of the longest list: those that the shortest basket has.
    """
    _require_whole(k)
    remain = n_items - left_out
    if k > remain:
        why = " beside those of the basket" if left_out else ""
        way = " or set filter_seen=False (--keep-seen)" if left_out and k <= n_items else ""
        ask = f"ask for k <= {remain}{way}" if remain else f"give a smaller basket{way}"
        raise InputError(f"k={k} but only {remain} items remain{why}; {ask}")


def shortest(baskets: CSR) -> int:
    """Return how many items the shortest of the baskets has; 0 if there is none."""
    return int(np.diff(baskets.indptr).min()) if baskets.shape[0] else 0


def require_others(k: Any, n_others: int) -> None:
    """Refuse a k larger than the number of items that can be listed beside an item."""
    _require_whole(k)
    if k > n_others:
        raise InputError(
            f"k={k} but only {n_others} others of an item can be listed; ask for k <= {n_others}"
        )


def require_places(places: NDArray[Any] | None, n_items: int) -> None:
    """Refuse places of a model folder that are not on the map from -1 to 1, one for each item."""
    if places is None:
        return
    if places.dtype != np.float32 or places.shape != (n_items, 2) or np.abs(places).max() > 1:
        raise InputError(
            f"the places of the items are {places.dtype} of shape {places.shape}; they are float32 "
            f"of shape ({n_items}, 2), from -1 to 1"
        )


def _require_whole(k: Any) -> None:
    if not is_count(k):
        raise InputError(f"k={k!r}; ask for a whole number of items, 1 or more")
