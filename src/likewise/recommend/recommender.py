"""The recommender: any autoencoder over the items, with outer ids going in and coming out.

Fold-in is the only way to serve: a basket goes in, so customers seen in training and strangers are
answered alike, and no customer is stored. Shapes: B baskets, I items, K top-k.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import NotFittedError

from likewise.artifact import Contents, write_folder
from likewise.autoencoders import Autoencoder, LinearAutoencoder
from likewise.autoencoders.base import copy_of
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.data.fold import FoldIn, held_out_items
from likewise.data.interactions import CSR, Interactions
from likewise.data.split import Split
from likewise.errors import InputError
from likewise.evaluate.metrics import parse_metric
from likewise.evaluate.protocol import METRIC, Evaluation, evaluate
from likewise.memory import require_memory
from likewise.recommend.alike import most_alike
from likewise.recommend.baselines import Popularity
from likewise.recommend.baskets import (
    AlsoBought,
    Baskets,
    Recommendations,
    frame_kind,
    long_table,
)
from likewise.recommend.catalogue import Catalogue
from likewise.recommend.checks import (
    as_interactions,
    require_learnable,
    require_others,
    require_remaining,
    shortest,
)
from likewise.recommend.classic import Classic, steps_of
from likewise.recommend.companions import Companions
from likewise.recommend.explain import Reason, reasons
from likewise.recommend.kept import contents_of, restored
from likewise.recommend.rules import Rules
from likewise.recommend.scorer import WEIGHTINGS, Scorer, weighted
from likewise.recommend.steps import Steps
from likewise.recommend.support import Support
from likewise.recommend.topk import filled


class Recommender:
    """Recommendations from an autoencoder.

    Parameters
    ----------
    model : Autoencoder, optional
        Any type; a linear one if None. It is cloned, never changed.
    weighting : {"binary", "log", "linear", "recent"}
        What a purchase's weight (a quantity, a rating) is to the model: nothing, log(1 + w), or w.
        "recent" is for weights that `likewise.decayed` made: min(w, 1) in the rows learned from,
        1 in the baskets asked about.

    Attributes
    ----------
    model_ : Autoencoder
        Fitted.
    catalogue_ : Catalogue
        Ids, titles and counts of the items.
    support_ : Support
        In how many baskets two items were together.
    classic_ : Classic or None
        A small classic autoencoder kept beside the model to show the seven steps; None at first.
    companions_ : Companions or None
        What answers `also_bought` where settings for it were chosen; None: the model does.
    places_ : ndarray of shape (I, 2) or None
        Where the items lie on the map (:mod:`likewise.recommend.places`); None at first.
    metrics : dict
        What was measured of the model, if anything; it is saved with it.

    Examples
    --------
    >>> baskets = [["tea", "cup"], ["tea", "cup", "milk"], ["ink", "pen"], ["ink", "pen", "pad"]]
    >>> recommender = Recommender(LinearAutoencoder(l2=1.0)).fit(baskets)
    >>> [r.item for r in recommender.recommend([["tea"]], k=2)[0]]
    ['cup', 'milk']
    >>> recommender.also_bought(["ink"], k=1)["ink"]
    [AlsoBought(item='pen', score=..., support=2, title='pen')]
    """

    model_: Autoencoder
    catalogue_: Catalogue
    support_: Support

    def __init__(self, model: Autoencoder | None = None, *, weighting: str = "binary") -> None:
        if weighting not in WEIGHTINGS:
            raise InputError(f"weighting={weighting!r}; it is one of {', '.join(WEIGHTINGS)}")
        if model is not None and not isinstance(model, Autoencoder):
            raise InputError(
                f"model is {model!r}; give one of likewise's autoencoders, as LinearAutoencoder()"
            )
        self.model = model
        self.weighting = weighting
        self.metrics: dict[str, Any] = {}
        self.classic_: Classic | None = None
        self.companions_: Companions | None = None
        self.places_: NDArray[np.float32] | None = None

    def __repr__(self) -> str:
        model = LinearAutoencoder() if self.model is None else self.model
        learned = f", {self.n_items:,} items" if hasattr(self, "support_") else ", not fitted"
        return f"Recommender({model!r}{learned})"

    # Learning

    def fit(
        self,
        log: Any,
        *,
        validation: FoldIn | None = None,
        metric: str = METRIC,
        repeats: bool = False,
        support: bool | int = True,
    ) -> Self:
        """Learn from a log, interactions, a frame, a users x items CSR matrix or lists of ids.

        Parameters
        ----------
        log : Log, Interactions, frame, csr_array, or list of lists of ids
            The purchases.
        validation : FoldIn, optional
            Whom to stop training on. Without it, types trained by epochs hold out a tenth of the
            users (at most 2,000) and stop when the metric on them no longer grows.
        metric : str
            What those types stop by, as :func:`~likewise.evaluate.evaluate` has it.
        repeats : bool
            Whether buying again counts there.
        support : bool or int
            Whether to count pairs, for `also_bought`; a trial of settings can do without. A number
            is how many pairs to keep at most; else it is what memory has room for, none where it
            has none, and 2²⁶ at most: see :class:`~likewise.recommend.support.Support`.

        Raises
        ------
        InputError
            If nothing can be learned from it; what had been learned before stays.
        """
        interactions = as_interactions(log)
        model = LinearAutoencoder() if self.model is None else copy_of(self.model)
        require_learnable(interactions, together=not isinstance(model, Popularity))
        learned = self._learned(
            model, interactions, validation, metric, repeats=repeats, support=support
        )
        return self._become(learned)

    def fit_chosen(self, split: Split, *, metric: str = METRIC, support: bool = True) -> Self:
        """Fit as a protocol asks: epochs chosen on the split's validation, weights on `refit`.

        The history is then the one of the choice: the refit has nobody to be scored on. A model
        whose training was ended by Ctrl-C raises KeyboardInterrupt: it is no result.
        """
        if not isinstance(self.model, NeuralAutoencoder):
            return self.fit(split.refit, support=support)
        again = split.refit is not split.train
        learned = self._learned(
            copy_of(self.model), split.train, split.validation, metric,
            support=support and not again,
        )  # fmt: skip
        history = learned.model_.history_
        if history.stopped != "interrupt" and again:
            whole = copy_of(self.model).set_params(
                max_epochs=max(1, history.best_epoch),
                max_seconds=None,
                validation_fraction=0.0,
                checkpoint=None,
            )
            del learned  # it makes room
            learned = self._learned(whole, split.refit, None, metric, support=support)
            if learned.model_.history_.stopped == "interrupt":
                history.stopped = "interrupt"
            learned.model_.history_ = history
        if history.stopped == "interrupt":
            raise KeyboardInterrupt
        return self._become(learned)

    # Answering

    def recommend(
        self, baskets: Any, k: int = 10, *, filter_seen: bool = True, rules: Rules | None = None
    ) -> Any:
        """Recommend k items for each basket.

        Parameters
        ----------
        baskets : list of lists of ids, frame with columns user and item, or csr_array
            What each customer has; unknown items are left out, and said so.
        k : int
            Items for each basket.
        filter_seen : bool
            Leave out what is in the basket already.
        rules : Rules, optional
            What may be recommended; a list is shorter where fewer items are left.

        Returns
        -------
        recommendations
            For lists, a list of :class:`~likewise.recommend.baskets.Recommendations`. For a frame,
            a frame of the same kind with the columns user, item, score, fallback, rank. For a
            matrix, an array of ids and one of scores, both of shape (B, K). Where fewer than k
            items remain, lists and frames end sooner; in the arrays the places that are left have
            the id None (the ids are then objects) and the score -inf.

        Raises
        ------
        InputError
            If k is larger than what remains of the catalogue, or the baskets are no baskets.
        """
        self._require_fitted()
        given = Baskets.of(baskets, self.catalogue_.items)
        require_remaining(k, self.n_items, shortest(given.matrix) if filter_seen else 0)
        chosen, scores = self.scorer.ranked(given.matrix, k, filter_seen=filter_seen, rules=rules)
        fallback = np.diff(given.matrix.indptr) == 0
        if sparse.issparse(baskets):
            return self.catalogue_.items.decode(chosen), scores
        if kind := frame_kind(baskets):
            columns = {"score": scores, "fallback": fallback[:, None]}
            return kind(long_table("user", given.users, self.catalogue_.items, chosen, columns))
        return [
            Recommendations(tuple(self.catalogue_.named(items, values)), unknown, bool(is_fallback))
            for items, values, unknown, is_fallback in zip(
                chosen, scores, given.unknown, fallback, strict=True
            )
        ]

    def also_bought(self, items: Any, k: int = 10) -> Any:
        """Return, for each item, the k items that those who bought it bought too.

        The score is what the model says of a basket that holds the item alone, or, where settings
        for that were chosen, what `companions_` keeps; `support` is the number of baskets in
        training that held both.

        Parameters
        ----------
        items : list of ids, or frame with a column item
            Known items.
        k : int
            Items for each, at most `n_others`.

        Returns
        -------
        also_bought : dict of list of AlsoBought, or frame
            For a frame, one of the same kind with columns item, other, score, support, rank.

        Raises
        ------
        InputError
            If an item is unknown, or k is too large.
        """
        self._require_fitted()
        ids, columns = self.catalogue_.rows_of(items)
        require_others(k, self.n_others)
        found = [self._also(columns[rows], k) for rows in self.scorer.blocks(len(columns))]
        chosen, scores, support = (np.concatenate(parts) for parts in zip(*found, strict=True))
        if kind := frame_kind(items):
            table = {"score": scores, "support": support}
            return kind(long_table("item", ids, self.catalogue_.items, chosen, table))
        return {
            id_: [
                AlsoBought(r.item, r.score, int(n), r.title)
                for r, n in zip(self.catalogue_.named(row, values), counts, strict=False)
            ]
            for id_, row, values, counts in zip(ids.tolist(), chosen, scores, support, strict=True)
        }

    def similar_items(self, items: Any, k: int = 10) -> Any:
        """Return, for each item, the k items whose codes point the same way (cosine).

        Items that are bought *with* an item are `also_bought`; items bought *like* it are these.

        Returns
        -------
        similar : dict of list of Recommended, or frame
            For a frame, one of the same kind with columns item, other, score, rank.
        """
        self._require_fitted()
        ids, columns = self.catalogue_.rows_of(items)
        require_others(k, self.n_items - 1)
        short = self.model_._n_features_out < self.n_items
        chosen, values = most_alike(self.model_, columns, k, self.item_codes() if short else None)
        if kind := frame_kind(items):
            table = {"score": values}
            return kind(long_table("item", ids, self.catalogue_.items, chosen, table))
        return {
            id_: list(self.catalogue_.named(row, value))
            for id_, row, value in zip(ids.tolist(), chosen, values, strict=True)
        }

    def explain(self, basket: Sequence[Any], item: Any) -> list[Reason]:
        """Return which items of the basket moved the score of `item`, strongest first.

        Exact for linear autoencoders and neighbours (the effects add up to the score), by leaving
        one item out at a time for the others.
        """
        return self.explain_each(basket, [item])[0]

    def explain_each(self, basket: Sequence[Any], items: Sequence[Any]) -> list[list[Reason]]:
        """Return what `explain` returns, for each of several items.

        The basket is scored once for all of them.
        """
        self._require_fitted()
        given = Baskets.of([basket], self.catalogue_.items)
        _, targets = self.catalogue_.rows_of(items)
        row = weighted(given.matrix, self.weighting)
        return reasons(self.model_, row, targets, self.catalogue_)

    def steps(self, basket: Sequence[Any]) -> Steps:
        """Walk a basket through the seven steps of training, with real numbers.

        They are those of the model if it is a classic one, trained by plain gradient descent, else
        of `classic_`.

        Raises
        ------
        InputError
            If there is neither, or no item of the basket is known to it.
        """
        self._require_fitted()
        return steps_of(self.model_, self.classic_, self.catalogue_, basket)

    def evaluate(self, split: Split, *, repeats: bool = False) -> Evaluation:
        """Measure this recommender honestly: a copy learns from the split's training part only.

        Parameters
        ----------
        split : Split
            See :mod:`likewise.data.split`.
        repeats : bool
            Whether items that a customer already has count as recommendations.
        """
        fitted = Recommender(self.model, weighting=self.weighting).fit_chosen(split)
        return evaluate(fitted, split.test, repeats=repeats)

    def rank(self, given: CSR, k: int, *, filter_seen: bool = True) -> NDArray[np.int64]:
        """Return the row numbers of the k best items of each row, -1 where fewer remain."""
        chosen, _ = self.scorer.ranked(given, min(k, self.n_items), filter_seen=filter_seen)
        return filled(chosen, k)

    @property
    def n_items(self) -> int:
        """Number of items in the catalogue."""
        return len(self.catalogue_)

    @property
    def n_others(self) -> int:
        """Number of others that `also_bought` can list beside an item."""
        return self.n_items - 1 if self.companions_ is None else self.companions_.n_others

    def item_codes(self) -> NDArray[np.float32]:
        """Return a vector for each item, of shape (I, L).

        The code of a basket that holds it alone; for types whose code is the basket itself, the
        scores that such a basket gives to all items.
        """
        columns = np.arange(self.n_items)
        require_memory(
            8 * self.n_items * self.model_._n_features_out,
            f"the codes of {self.n_items:,} items",
            "use also_bought, which goes item by item",
        )
        blocks = [
            self.model_._unit_codes(columns[rows]) for rows in self.scorer.blocks(self.n_items)
        ]
        dense = [block.toarray() if sparse.issparse(block) else block for block in blocks]
        return np.concatenate(dense)

    # The model folder

    def save(self, folder: str | Path) -> None:
        """Write a model folder; an older one there is replaced as a whole or not at all."""
        self._require_fitted()
        write_folder(Path(folder), self.contents())

    def contents(self) -> Contents:
        """Return what a model folder holds of this recommender."""
        return contents_of(self)

    @classmethod
    def from_contents(cls, model: type[Autoencoder], contents: Contents) -> Self:
        """Make a fitted recommender of what a model folder held."""
        return restored(cls, model, contents)

    # Inside

    @property
    def scorer(self) -> Scorer:
        """What scores rows over the items."""
        return Scorer(self.model_, self.catalogue_.counts, self.weighting)

    def _learned(
        self,
        model: Autoencoder,
        interactions: Interactions,
        validation: FoldIn | None,
        metric: str,
        *,
        repeats: bool = False,
        support: bool | int,
    ) -> "Recommender":
        """Return one that has learned; what this one knows stays as it is."""
        parse_metric(metric)
        training, by_epochs = interactions, isinstance(model, NeuralAutoencoder)
        if by_epochs and validation is None and model.validation_fraction:
            training, validation = held_out_items(interactions, fraction=model.validation_fraction)
        learned = Recommender(self.model, weighting=self.weighting)
        learned.model_, learned.catalogue_ = model, Catalogue.of(interactions)
        X = weighted(training.matrix, self.weighting, learning=True)
        if by_epochs and validation is not None:
            judged = partial(evaluate, learned, validation, (metric,), repeats=repeats)
            model.fit(X, validate=lambda _: judged().mean(metric))
        else:
            model.fit(X)
        learned.support_ = Support.none(learned.n_items)
        if support is True:
            learned.support_ = Support.that_fits(interactions.matrix)
        elif support:
            learned.support_ = Support.of(interactions.matrix, support)
        return learned

    def _become(self, learned: "Recommender") -> Self:
        vars(self).update(vars(learned))
        return self

    def _also(self, columns: NDArray[np.int64], k: int) -> tuple[NDArray[Any], ...]:
        kept = self.companions_
        chosen, values = (self.scorer.others if kept is None else kept.best)(columns, k)
        return chosen, values, self.support_.between(columns, chosen)

    def _require_fitted(self) -> None:
        if not hasattr(self, "model_") or not self.model_.__sklearn_is_fitted__():
            raise NotFittedError("this Recommender has not learned from a log; call fit first")
        self.model_._require_fitted()
