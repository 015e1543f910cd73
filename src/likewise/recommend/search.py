"""The search of `auto`: what is tried in which share of the time.

At every step the time is set aside that the steps after it will take, as measured so far.
"""

import math
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from likewise.autoencoders import LinearAutoencoder
from likewise.autoencoders.base import Autoencoder, copy_of
from likewise.data.fold import FoldIn
from likewise.data.interactions import Interactions
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.evaluate.protocol import evaluate
from likewise.memory import require_memory
from likewise.recommend.alone import PREFIX, Alone
from likewise.recommend.baselines import ItemNeighbours, PersonalFrequency, RP3Beta
from likewise.recommend.beside import Beside
from likewise.recommend.blend import Blend
from likewise.recommend.budget import Budget
from likewise.recommend.climbing import Trial
from likewise.recommend.companions import Companions
from likewise.recommend.estimate import require_room
from likewise.recommend.found import Found
from likewise.recommend.journal import Journal
from likewise.recommend.ladders import Ladders
from likewise.recommend.recommender import Recommender
from likewise.recommend.searches import (
    ALONE,
    LINEAR_SHARE,
    SEARCHES,
    SMALL,
    closed_forms,
    share_of,
    tried_first,
)
from likewise.recommend.selection import choose, warm
from likewise.recommend.weights import some_of, weighed_on

ALONE_SHARE = 0.1
"""Of the budget, for settings of each that may answer `also_bought`."""

FIRST_SHARE = 0.1
"""Of the time that is not set aside, for the first trial of a type: it may be more than its own."""

WEIGHTS_SHARE = 0.1

MARGIN = 1.15
"""By how much a fit may take longer than the rows that it learns from let expect."""

PROBE = 10
"""A type that might be slow is first tried on one row in so many."""

MOST_JUDGED, LEAST_JUDGED, MOST_RANKED = 10_000, 2_000, 2**27
"""Users whom settings are judged on, and the scores that are ranked for them in a trial; more would
tell no more, and take as long as fitting."""


LEAST_BESIDE = 1_000
"""Users, without which settings are chosen by what is best alone on all who are judged on: a sum is
looked at for as many as the memory holds scores of."""


@dataclass
class Search:
    """What has been found so far, and what it is judged on.

    Parameters
    ----------
    learned, judged, everything : Interactions, FoldIn, Interactions
        What is learned from, who is judged on, and what the winners are fitted on.
    weighting, metric : str
        As of the recommender; what is maximised.
    budget : Budget
        For all of it.
    journal : Journal
        Is told of every trial.
    repeats : bool
        Whether buying again counts; what customers have bought before is then a part too.
    alone : Alone, optional
        Who tells what shall answer `also_bought`.
    device : str
        Where closed forms are solved, those that can be elsewhere than here.
    seed : int
        Of closed forms that draw: landmarks, the start of the search for directions.
    """

    learned: Interactions
    judged: FoldIn
    everything: Interactions
    weighting: str
    metric: str
    budget: Budget
    journal: Journal
    repeats: bool = False
    alone: Alone | None = None
    device: str = "auto"
    seed: int = 0
    found: list[Found] = field(default_factory=list)
    found_alone: list[Found] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n_judged = max(LEAST_JUDGED, MOST_RANKED // self.learned.n_items)
        self.judged = some_of(self.judged, min(MOST_JUDGED, n_judged))
        self.some = weighed_on(self.judged, self.learned.n_items)
        self.beside = Beside(self.some, self.metric, self.repeats)
        self.growth = MARGIN * max(1.0, self.everything.matrix.nnz / self.learned.matrix.nnz)

    # Closed forms

    def closed_forms(self) -> None:
        """Climb to the best settings of each closed form."""
        n_items = self.learned.n_items
        first, *others = closed_forms(n_items, self.budget.seconds)
        if first is not LinearAutoencoder:
            self.skipped["linear"] = (
                f"{n_items:,} items are too many to be solved exactly in the memory "
                "and the time there are: each is solved within its neighbourhood"
            )
        if n_items > SMALL:
            self.skipped["lle"] = (
                "the spectral one finds as many directions of so many items sooner"
            )
        self._try(first, LINEAR_SHARE * self.budget.seconds)
        for kind in others:
            free, share = self.free(), share_of(kind, n_items)
            self._try(kind, min(share * self.budget.seconds, free), FIRST_SHARE * free)
        if not self.found:
            raise InputError(f"no closed form could be fitted: {'; '.join(self.skipped.values())}")
        if self.repeats:
            self._add_habits()

    def _add_habits(self) -> None:
        """Judge what customers have bought already; most often first, if the weighting counts."""
        model, began = PersonalFrequency(), self.budget.spent
        fitted = self.fitted(model, self.learned)
        score = evaluate(fitted, self.judged, (self.metric,), repeats=True).mean(self.metric)
        seconds = self.budget.spent - began
        self.journal.add(model.type_name, Trial({}, score, seconds))
        refit = seconds * self.growth
        try:
            self.found.append(self.as_found(model.type_name, model, fitted, score, refit))
        except NotEnoughMemoryError as error:
            self.skipped[model.type_name] = str(error)

    def _try(self, kind: type[Autoencoder], seconds: float, first: float = math.inf) -> None:
        try:
            ladders = SEARCHES[kind].on(self.device, self.seed).within(self.learned)
            require_room(ladders.model(ladders.start, self.learned), self.everything)
            if self.found:
                self._require_time(kind, ladders, max(seconds, first))
            one = self._climbed(kind, ladders, seconds)
            self.found.append(one)
            self.beside.add(one.model, one.scores)
        except (InputError, NotEnoughMemoryError) as error:
            self.skipped[kind.type_name] = str(error)

    def _require_time(self, kind: type[Autoencoder], ladders: Ladders, seconds: float) -> None:
        """Refuse a type whose first trial, unless remembered, takes longer than there is for it."""
        if self.journal.lasted(kind.type_name, ladders.start, self.beside.digest) is not None:
            return
        longest = max(self.journal.times(), default=0.0)
        if PROBE * longest <= seconds:
            return
        expected = self._expected(kind, ladders) if longest <= PROBE * seconds else longest
        if expected > seconds:
            would = "the longest trial so far took" if expected == longest else "a trial would take"
            raise InputError(
                f"{would} about {expected:.1f} s, and {max(seconds, 0):.1f} s of the budget are "
                "for it"
            )

    def _expected(self, kind: type[Autoencoder], ladders: Ladders) -> float:
        """Return what a trial will take, from one on a few of the rows."""
        warm(kind)
        few = self.learned.take(np.arange(0, self.learned.n_users, PROBE))
        began = self.budget.spent
        fitted = self.fitted(ladders.model(ladders.start, few), few)
        fit = self.budget.spent - began
        evaluate(fitted, self.judged, (self.metric,), repeats=self.repeats)
        growth = ladders.work(ladders.start, self.learned) / ladders.work(ladders.start, few)
        return growth * fit + (self.budget.spent - began - fit)

    def _climbed(self, kind: type[Autoencoder], ladders: Ladders, seconds: float) -> Found:
        """Climb to the settings that are best beside what was found, where enough users tell."""
        few = len(self.some) < min(LEAST_BESIDE, len(self.judged))
        beside = self.beside if self.found and not few else None
        return self._best(kind.type_name, kind, ladders, self.judged, seconds, self.repeats, beside)

    def _best(
        self, name: str, kind: type[Autoencoder], search: Ladders, judged: FoldIn, seconds: float,
        repeats: bool, beside: Beside | None = None,
    ) -> Found:  # fmt: skip
        best: list[Found] = []
        digest = "" if beside is None else beside.digest

        def alone(fitted: Recommender) -> float:
            return evaluate(fitted, judged, (self.metric,), repeats=repeats).mean(self.metric)

        def keep(fitted: Recommender, score: float, seconds: float) -> None:
            refit, own = seconds * self.growth, score if beside is None else alone(fitted)
            best[:] = [self.as_found(name, copy_of(fitted.model_), fitted, own, refit)]

        # what is remembered is fitted once more
        again = self.journal.lasted(name, search.start, digest) or 0.0
        choice = choose(
            kind, self.learned, judged, max_seconds=seconds - again, metric=self.metric,
            weighting=self.weighting, repeats=repeats, search=search,
            value=None if beside is None else beside.reached_with,
            through=lambda score: self.journal.remembered(name, score, digest),
            lasted=lambda settings: self.journal.lasted(name, settings, digest), on_better=keep,
        )  # fmt: skip
        if not best or best[0].model.get_params() != choice.model.get_params():  # remembered
            began = self.budget.spent
            fitted = self.fitted(choice.model, self.learned)
            keep(fitted, choice.best.score, self.budget.spent - began)
        return best[0]

    def as_found(
        self, name: str, model: Autoencoder, fitted: Recommender, score: float, refit: float
    ) -> Found:
        """Return what a fitted model is, with the scores that weights are chosen on.

        Raises
        ------
        NotEnoughMemoryError
            If there is no room for these beside those of the others.
        """
        n_customers = len(self.some) + (0 if self.alone is None else len(self.alone.judging))
        require_memory(
            4 * n_customers * self.learned.n_items,
            f"scoring {self.learned.n_items:,} items for {n_customers:,} customers, beside what "
            "the models before are kept with,", "it is left out",
        )  # fmt: skip
        alone = None if self.alone is None else fitted.scorer.scores(self.alone.judging.given)
        return Found(name, model, fitted.scorer.scores(self.some.given), score, refit, alone)

    # What answers `also_bought`

    def candidates_alone(self) -> None:
        """Climb to settings for baskets of one item: of the linear autoencoder, of what counts."""
        if self.alone is None:
            return
        linear = tried_first(self.learned.n_items, self.budget.seconds)
        keeping = Companions.seconds_for(self.learned.n_items)
        for kind in (linear, ItemNeighbours, RP3Beta):
            name = f"{PREFIX}{kind.type_name}"
            free = self.free()
            share = min(ALONE_SHARE * self.budget.seconds, free)
            tried = self.journal.times(kind.type_name)
            again = self.growth * median(tried or [0.0]) + keeping  # at the end
            ladders = ALONE[kind].within(self.learned)
            known = self.journal.lasted(name, ladders.start) is not None
            if not known and (not tried or again + median(tried) > free):
                self.skipped[name] = "there was no time left for a trial"
                continue
            try:
                one = self._best(name, kind, ladders, self.alone.choosing, share - again, False)
                self.found_alone.append(replace(one, refit_seconds=one.refit_seconds + keeping))
            except (InputError, NotEnoughMemoryError) as error:
                self.skipped[name] = str(error)

    def release(self) -> None:
        """Let go of what the models were found with, once it is known which of them count."""
        self.found, self.found_alone, self.beside.total = [], [], None

    # Time

    def free(self) -> float:
        """Return the seconds left but for weights, and for fitting what was found on everything."""
        found = sum(one.refit_seconds for one in self.found)
        return self.budget.left - self.weights_seconds() - found - self.alone_seconds()

    def alone_seconds(self) -> float:
        """Return the seconds that fitting what answers `also_bought` will take."""
        return max((one.refit_seconds for one in self.found_alone), default=0.0)

    def weights_seconds(self) -> float:
        """Return the seconds that choosing weights will take."""
        return max(0.0, min(WEIGHTS_SHARE * self.budget.seconds, self.budget.left / 2))

    def heeds_counts(self, model: Autoencoder) -> bool:
        """Whether a model sees how often what was bought, though it is ones to the others."""
        counts = isinstance(model, PersonalFrequency) or (isinstance(model, Blend) and model.counts)
        return counts and self.weighting == "binary"

    def fitted(
        self, model: Autoencoder, interactions: Interactions, validation: FoldIn | None = None
    ) -> Recommender:
        """Return a recommender of the model, fitted; it sees counts where it heeds them."""
        weighting = "log" if self.heeds_counts(model) else self.weighting
        recommender = Recommender(model, weighting=weighting)
        return recommender.fit(
            interactions, validation=validation, metric=self.metric, repeats=self.repeats,
            support=False,
        )  # fmt: skip
