"""The search of `auto`: what is tried in which share of the time, and what is kept of it.

At every step the time is set aside that the steps after it will take, as measured so far.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from likewise.autoencoders import LinearAutoencoder
from likewise.autoencoders.base import RUN_OPTIONS, Autoencoder, copy_of
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.data.fold import FoldIn
from likewise.data.interactions import Interactions
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.evaluate.protocol import evaluate
from likewise.recommend.baselines import PersonalFrequency
from likewise.recommend.budget import Budget
from likewise.recommend.climbing import Trial
from likewise.recommend.found import Found, cut_off, together
from likewise.recommend.halving import Halving
from likewise.recommend.journal import Journal, as_record
from likewise.recommend.recommender import Recommender
from likewise.recommend.searches import LINEAR_SHARE, SEARCHES, closed_forms
from likewise.recommend.selection import choose
from likewise.recommend.weights import Weights, choose_weights, some_of

OTHER_SHARE = 0.05
"""Of the budget, for the settings of each closed form that is not the linear one."""

FIRST_SHARE = 0.1
"""Of the time that is not set aside, for the first trial of a type: it may be more than its own."""

WEIGHTS_SHARE = 0.1
LEAST_SECONDS = 5.0
"""Below this, no neural model is begun with."""

N_NEURAL = 2
"""Neural models in a blend, at most."""

AGAIN = 0.75
"""Training the two best anew, beside finding them: 4 + 2 of the 8 shares of time."""

MARGIN = 1.15
"""By how much a fit may take longer than the rows that it learns from let expect."""

PROBE = 10
"""A type that might be slow is first tried on one row in so many."""


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
    """

    learned: Interactions
    judged: FoldIn
    everything: Interactions
    weighting: str
    metric: str
    budget: Budget
    journal: Journal
    repeats: bool = False
    found: list[Found] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.some = some_of(self.judged, self.learned.n_items)
        self.growth = MARGIN * max(1.0, self.everything.matrix.nnz / self.learned.matrix.nnz)

    # Closed forms

    def closed_forms(self) -> None:
        """Climb to the best settings of each closed form."""
        first, *others = closed_forms(self.learned.n_items, self.budget.seconds)
        if first is not LinearAutoencoder:
            self.skipped["linear"] = (
                f"{self.learned.n_items:,} items are too many to be solved exactly in the memory "
                "and the time there are: each is solved within its neighbourhood"
            )
        self._try(first, LINEAR_SHARE * self.budget.seconds)
        for kind in others:
            free = self.budget.left - self._set_aside()
            self._try(kind, min(OTHER_SHARE * self.budget.seconds, free), FIRST_SHARE * free)
        if not self.found:
            raise InputError(f"no closed form could be fitted: {'; '.join(self.skipped.values())}")
        if self.repeats:
            self.found.append(self._habits())

    def _habits(self) -> Found:
        """Judge what customers have bought already; most often first, if the weighting counts."""
        model, began = PersonalFrequency(), self.budget.spent
        fitted = self._fitted(model, self.learned)
        score = evaluate(fitted, self.judged, (self.metric,), repeats=True).mean(self.metric)
        seconds = self.budget.spent - began
        self.journal.add(model.type_name, Trial({}, score, seconds))
        scores = fitted._scores(self.some.given)
        return Found(model.type_name, model, scores, score, seconds * self.growth)

    def _try(self, kind: type[Autoencoder], seconds: float, first: float = math.inf) -> None:
        try:
            if self.found:
                self._require_time(kind, max(seconds, first))
            self.found.append(self._climbed(kind, seconds))
        except (InputError, NotEnoughMemoryError) as error:
            self.skipped[kind.type_name] = str(error)

    def _require_time(self, kind: type[Autoencoder], seconds: float) -> None:
        """Refuse a type whose first trial would take longer than there is for it."""
        longest = max((trial.seconds for _, trial in self.journal.trials), default=0.0)
        if PROBE * longest <= seconds:
            return
        expected = self._expected(kind) if 0 < longest <= seconds else longest
        if expected > seconds:
            raise InputError(
                f"a trial would take about {expected:.1f} s, and {max(seconds, 0):.1f} s of the "
                "budget are for it"
            )

    def _expected(self, kind: type[Autoencoder]) -> float:
        """Return what a trial will take, from one on a few of the rows."""
        search, rows = SEARCHES[kind], np.arange(0, self.learned.n_users, PROBE)
        few, began = self.learned.take(rows), self.budget.spent
        fitted = self._fitted(search.model(search.start, few), few)
        fit = self.budget.spent - began
        evaluate(fitted, self.judged, (self.metric,), repeats=self.repeats)
        return PROBE * fit + (self.budget.spent - began - fit)

    def _climbed(self, kind: type[Autoencoder], seconds: float) -> Found:
        choice = choose(
            kind, self.learned, self.judged, max_seconds=seconds, metric=self.metric,
            weighting=self.weighting, repeats=self.repeats,
            through=lambda score: self.journal.remembered(kind.type_name, score),
        )  # fmt: skip
        began = self.budget.spent
        fitted = self._fitted(choice.model, self.learned)
        refit = (self.budget.spent - began) * self.growth
        scores = fitted._scores(self.some.given)
        return Found(kind.type_name, choice.model, scores, choice.best.score, refit)

    # Neural ones

    def halved(self, candidates: dict[str, NeuralAutoencoder], folder: Path) -> None:
        """Train the candidates by successive halving, and keep the best."""
        seconds = (self.budget.left - self._set_aside()) / (1 + AGAIN * self.growth)
        if seconds < LEAST_SECONDS:
            return
        best: dict[str, Found] = {}

        def train(name: str, seconds: float) -> float:
            file = folder / f"{name.replace(', ', '-').replace(' ', '-').lower()}.checkpoint"
            try:
                best[name] = self._trained(name, candidates[name], seconds, file)
            except (InputError, NotEnoughMemoryError) as error:
                self.skipped[name] = str(error)
                return -math.inf
            return best[name].score

        Halving(list(candidates), Budget(seconds), train).run()
        self.found += sorted(best.values(), key=lambda one: -one.score)[:N_NEURAL]

    def _trained(
        self, name: str, model: NeuralAutoencoder, seconds: float, checkpoint: Path
    ) -> Found:
        """Train on from the checkpoint, until `seconds` have been spent on the model in all."""
        run = copy_of(model).set_params(max_seconds=seconds, checkpoint=checkpoint)
        fitted = self._fitted(run, self.learned, self.judged)
        history = fitted.model_.history_
        if history.stopped == "interrupt":
            raise KeyboardInterrupt
        score, spent = history.best_validation(), sum(e["seconds"] for e in history.epochs)
        best = copy_of(model).set_params(max_epochs=history.best_epoch, validation_fraction=0.0)
        self.journal.add(name, Trial(_learned_settings(best), score, spent))
        refit = self.growth * spent * history.best_epoch / len(history.epochs)
        return Found(name, best, fitted._scores(self.some.given), score, refit)

    # The winners

    def refitted(self) -> tuple[Recommender, Weights, list[Found]]:
        """Weigh the parts, and fit those that count on everything.

        Together they may not fit in memory though each did alone: the weakest is left out then.
        """
        parts = self._affordable(sorted(self.found, key=lambda one: -one.score))
        while True:
            chosen, weights = self._weighed(parts)
            try:
                model = together(chosen, weights, self.budget.left, self.growth)
                recommender = self._fitted(model, self.everything)
                break
            except NotEnoughMemoryError as error:
                *parts, weakest = chosen
                if not parts:
                    raise
                self.skipped[weakest.name] = str(error)
        self.skipped |= cut_off(chosen, recommender.model_)
        recommender.metrics["choice"] = self._record(chosen, weights)
        return recommender, weights, chosen

    def _weighed(self, parts: list[Found]) -> tuple[list[Found], Weights]:
        """Return the parts that count, and their weights."""
        weights = choose_weights(
            [part.scores for part in parts], self.some, self.metric, repeats=self.repeats,
            max_seconds=self._weights_seconds(),
        )  # fmt: skip
        kept = [(p, w) for p, w in zip(parts, weights.weights, strict=True) if w]
        kept_weights = Weights(weights.calibration, tuple(w for _, w in kept), weights.score)
        return [part for part, _ in kept], kept_weights

    def _affordable(self, parts: list[Found]) -> list[Found]:
        """Leave out what there is no time to train again: half a training is another model."""
        left, kept = self.budget.left - self._weights_seconds(), []
        sure = next(part for part in parts if not part.is_neural)
        for part in parts:
            if part is sure or part.refit_seconds <= left:
                left -= part.refit_seconds
                kept.append(part)
            else:
                self.skipped[part.name] = "there was no time left to train it on everything"
        return kept

    def _set_aside(self) -> float:
        """Return the seconds that weights, and fitting what was found on everything, will take."""
        return self._weights_seconds() + sum(one.refit_seconds for one in self.found)

    def _weights_seconds(self) -> float:
        return max(0.0, min(WEIGHTS_SHARE * self.budget.seconds, self.budget.left / 2))

    def _fitted(
        self, model: Autoencoder, interactions: Interactions, validation: FoldIn | None = None
    ) -> Recommender:
        recommender = Recommender(model, weighting=self.weighting)
        return recommender.fit(interactions, validation=validation, support=False)

    def _record(self, chosen: list[Found], weights: Weights) -> dict[str, Any]:
        return {
            "protocol": "settings, epochs and weights chosen on held-out customers",
            "metric": self.metric,
            "score": weights.score,
            "calibration": weights.calibration if len(chosen) > 1 else None,
            "parts": [
                {"model": part.name, "weight": weight, "score": part.score}
                for part, weight in zip(chosen, weights.weights, strict=True)
            ],
            "skipped": self.skipped,
            "repeats": self.repeats,
            "budget": self.budget.seconds,
            "spent": round(self.budget.spent, 1),
            "trials": [as_record(name, trial) for name, trial in self.journal.trials],
        }


def _learned_settings(model: Autoencoder) -> dict[str, Any]:
    settings = {k: v for k, v in model.get_params().items() if k not in RUN_OPTIONS}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}
