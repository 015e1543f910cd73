"""The protocol: every item is ranked for every held-out user, and the test is honest.

A model is anything that ranks items for given histories; how it was fitted is no business of this
file. Two guards check that a table can be believed: nothing in the test was unknowable, and a
model trained on shuffled labels is no better than popularity.

Shapes: B users, I items, K list length.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from likewise.data.fold import FoldIn
from likewise.data.interactions import CSR, Interactions, csr
from likewise.data.split import Split
from likewise.errors import InputError
from likewise.evaluate.metrics import (
    Floats,
    coverage,
    hit_matrix,
    parse_metric,
    per_user_metrics,
)

DEFAULT_METRICS = ("recall@20", "recall_capped@20", "recall@50", "ndcg@10", "ndcg@100")
METRIC = "ndcg@100"
"""What settings, epochs and weights are chosen by, where nothing else is said."""

COVERAGE_AT = 20


class Ranker(Protocol):
    """What the protocol asks of a fitted model."""

    def rank(self, given: CSR, k: int, *, filter_seen: bool) -> NDArray[np.int64]:
        """Rank the whole catalogue for each history and return the best k items.

        Parameters
        ----------
        given : csr_array of shape (B, I)
            Histories.
        k : int
            At most I.
        filter_seen : bool
            Leave out the items in `given`.

        Returns
        -------
        int64 array of shape (B, k)
            Item numbers, best first; -1 where fewer items remain.
        """
        ...


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What one model reached on one fold.

    Parameters
    ----------
    per_user : mapping of metric name to float64 array of shape (B,)
        NaN for users with nothing to find.
    coverage : float
        Share of the catalogue in at least one user's first `COVERAGE_AT` places.
    n_users : int
        Users with something to find.

    Examples
    --------
    >>> Evaluation({"recall@20": np.array([0.5, np.nan, 1.0])}, coverage=0.25, n_users=2)
    Evaluation(recall@20 .7500, coverage@20 .2500, 2 users)
    """

    per_user: Mapping[str, Floats]
    coverage: float
    n_users: int

    def __repr__(self) -> str:
        told = [f"{name} {self.mean(name):.4f}".replace(" 0.", " .") for name in self.per_user]
        coverage = f"coverage@{COVERAGE_AT} {self.coverage:.4f}".replace(" 0.", " .")
        return f"Evaluation({', '.join([*told, coverage])}, {self.n_users:,} users)"

    def mean(self, name: str) -> float:
        """Return a metric's mean over the users with something to find."""
        return float(np.nanmean(self.per_user[name]))

    def as_dict(self) -> dict[str, float]:
        """Return every mean, the coverage and the number of users."""
        means = {name: self.mean(name) for name in self.per_user}
        return means | {f"coverage@{COVERAGE_AT}": self.coverage, "users": self.n_users}


def evaluate(
    ranker: Ranker,
    fold: FoldIn,
    metrics: Sequence[str] = DEFAULT_METRICS,
    *,
    repeats: bool = False,
) -> Evaluation:
    """Rank all items for the fold's users and measure what the lists find.

    Parameters
    ----------
    ranker : Ranker
        A fitted model.
    metrics : sequence of str
        See :func:`~likewise.evaluate.metrics.per_user_metrics`.
    repeats : bool
        False: only what is new to a user counts; items in `given` are left out of the lists and of
        what is to be found. True: nothing is left out, so buying again counts.

    Raises
    ------
    InputError
        If a metric is unknown, nobody has anything to find, or the ranker returns lists of another
        shape, of unknown items, or of items that it was told to leave out.

    Examples
    --------
    >>> from likewise.data.interactions import csr
    >>> from likewise.data.vocabulary import Vocabulary
    >>> class Alphabetical:
    ...     def rank(self, given, k, *, filter_seen):
    ...         return np.tile(np.arange(k), (given.shape[0], 1))
    >>> given = csr([0], [3], [1], (1, 4))
    >>> held_out = csr([0, 0], [1, 3], [1, 1], (1, 4))
    >>> fold = FoldIn(given, held_out, Vocabulary.of(["Ada"]))
    >>> evaluate(Alphabetical(), fold, ["recall@2", "mrr@2"], repeats=True).as_dict()
    {'recall@2': 0.5, 'mrr@2': 0.5, 'coverage@20': 1.0, 'users': 1}
    """
    deepest = max([COVERAGE_AT, *(parse_metric(name)[1] for name in metrics)])
    n_items = fold.given.shape[1]
    to_find = fold.held_out if repeats else _without(fold.held_out, fold.given)
    has_any = np.diff(to_find.indptr) > 0
    if not has_any.any():
        raise InputError(
            f"none of the {len(has_any)} users has anything {'' if repeats else 'new '}to find; "
            "evaluate on users with held-out items"
        )
    ranked = ranker.rank(fold.given, min(deepest, n_items), filter_seen=not repeats)
    if not repeats and hit_matrix(ranked, fold.given).any():
        raise InputError("the ranker lists items of the given histories; obey filter_seen=True")
    return Evaluation(
        per_user=per_user_metrics(ranked, to_find, metrics),
        coverage=coverage(ranked, n_items, COVERAGE_AT),
        n_users=int(has_any.sum()),
    )


def has_repeats(fold: FoldIn) -> bool:
    """Tell whether a held-out item is already in its user's given history."""
    return bool(fold.held_out.multiply(fold.given.astype(bool)).nnz)


def future_items(split: Split) -> int:
    """Count the items held out in the test that nobody in the training part has; it must be 0.

    Such an item did not exist when the model was fitted, so no list could hold it.
    """
    held_out = np.zeros(split.refit.n_items, dtype=bool)
    held_out[split.test.held_out.indices[split.test.held_out.data != 0]] = True
    return int((held_out & (split.refit.item_counts == 0)).sum())


def shuffled_labels(split: Split, seed: int = 0) -> Split:
    """Return the split with the training items dealt out anew among the training users.

    Histories keep their length and items their popularity, except that an item dealt twice to one
    user is kept once; weights become 1, those of `fading` too, as what is left of each purchase
    would tell which items are bought of late. Who bought what is chance, so a model fitted on this
    can know popularity and no more: if it beats popularity on the test, the test leaks.
    """
    train = _dealt_anew(split.train, seed)
    return replace(
        split,
        train=train,
        refit=train if split.refit is split.train else _dealt_anew(split.refit, seed),
        recent=None if split.recent is None else _dealt_anew(split.recent, seed),
        fading=None if split.fading is None else shuffled_labels(split.fading, seed),
    )


def _dealt_anew(interactions: Interactions, seed: int) -> Interactions:
    matrix = interactions.matrix
    user = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    item = np.random.default_rng(seed).permutation(matrix.indices)
    dealt = csr(user, item, np.ones(len(item)), matrix.shape)
    dealt.data[:] = 1
    return interactions.with_matrix(dealt)


def _without(matrix: CSR, excluded: CSR) -> CSR:
    """Return the cells of `matrix` that are not in `excluded`."""
    result: CSR = matrix - matrix.multiply(excluded.astype(bool))
    result.eliminate_zeros()
    return result
