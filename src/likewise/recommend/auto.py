"""`auto`: the best recommender that the autoencoders here can give, for a log and a time.

Closed forms first: they take seconds, and their settings are climbed to. Then neural ones, by
successive halving: all train for a while, the better half goes on from where it stood, and so on.
Then weights for a blend of the best ones. What won is fitted anew on everything.
"""

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from likewise.autoencoders.base import RUN_OPTIONS, Autoencoder, copy_of
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.data.interactions import Interactions
from likewise.data.split import FoldIn, held_out_items
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.recommend.blend import Blend
from likewise.recommend.candidates import neural_candidates
from likewise.recommend.journal import Journal, as_record, fingerprint
from likewise.recommend.recommender import Recommender
from likewise.recommend.selection import METRIC, Trial, choose, closed_forms
from likewise.recommend.weights import Weights, choose_weights

LINEAR_SHARE, OTHER_SHARE = 0.3, 0.05
"""Of the budget, for the settings of the linear autoencoder, and of each other closed form."""

NEURAL_SHARE = 0.52
"""Of what is left for them: training the two best anew takes three quarters of finding them."""

WEIGHTS_SHARE = 0.1
LEAST_SECONDS = 5.0
"""Below this, no neural model is begun with."""

N_NEURAL = 2
"""Neural models in a blend, at most."""


@dataclass(frozen=True)
class Auto:
    """What was found.

    Parameters
    ----------
    recommender : Recommender
        Fitted on everything; its `metrics` hold the choice and every trial.
    weights : Weights
        Of `parts`; one part alone has all the weight.
    parts : list of (str, Autoencoder)
        Names and unfitted models, the best first.
    trials : list of (str, Trial)
        In the order made.
    """

    recommender: Recommender
    weights: Weights
    parts: list[tuple[str, Autoencoder]]
    trials: list[tuple[str, Trial]]


@dataclass(frozen=True)
class _Found:
    """The best of one family, fitted on the training part."""

    name: str
    model: Autoencoder
    fitted: Recommender
    score: float
    refit_seconds: float


def auto(
    train: Interactions,
    validation: FoldIn | None = None,
    refit: Interactions | None = None,
    *,
    budget: float = 60.0,
    weighting: str = "binary",
    metric: str = METRIC,
    seed: int = 0,
    device: str = "auto",
    trials: str | Path | None = None,
    support: bool = True,
    on_trial: Callable[[str, Trial], None] | None = None,
) -> Auto:
    """Find, within a time, the model that serves validation users best, and fit it on everything.

    Parameters
    ----------
    train, validation : Interactions, FoldIn
        What to learn from and to choose on. Without `validation`, a tenth of the users is held out.
    refit : Interactions, optional
        What the winner learns from; `train` as given if None.
    budget : float
        Seconds for all of it, kept within a tenth (one setting of a closed form is always tried).
    trials : path, optional
        A folder that trials and half-trained models are kept in, and taken from.
    on_trial : callable, optional
        Told of every trial.

    Notes
    -----
    The seed decides everything but how far the time reaches: a slower machine tries less.

    References
    ----------
    K. Jamieson, A. Talwalkar, "Non-stochastic best arm identification and hyperparameter
    optimization", AISTATS 2016, arXiv:1502.07943 (successive halving).

    Examples
    --------
    >>> baskets = [["tea", "cup", "milk"], ["ink", "pen", "pad"]] * 20
    >>> found = auto(Interactions.of(baskets), budget=2)
    >>> [r.item for r in found.recommender.recommend([["tea", "cup"]], k=1)[0]]
    ['milk']
    """
    if not 0 < budget < math.inf:
        raise InputError(f"budget={budget!r}; give seconds, more than 0")
    learned, judged = held_out_items(train) if validation is None else (train, validation)
    folder = None if trials is None else Path(trials)
    journal = Journal(folder, fingerprint(learned, weighting, metric, seed), on_trial)
    search = _Search(learned, judged, weighting, metric, time.monotonic() + budget, budget, journal)
    found = search.closed_forms()
    with tempfile.TemporaryDirectory() as temporary:
        found += search.halved(
            neural_candidates(learned.n_users, random_state=seed, device=device),
            folder or Path(temporary),
        )
    return search.refitted(found, train if refit is None else refit, support=support)


@dataclass
class _Search:
    learned: Interactions
    judged: FoldIn
    weighting: str
    metric: str
    deadline: float
    budget: float
    journal: Journal
    skipped: dict[str, str] = field(default_factory=dict)
    refit_seconds: float = 0.0
    """What fitting the closed forms on everything would take."""

    def left(self) -> float:
        """Return the seconds left."""
        return self.deadline - time.monotonic()

    def closed_forms(self) -> list[_Found]:
        """Climb to the best settings of each closed form."""
        found: list[_Found] = []
        for kind in closed_forms(self.learned.n_items):
            share = OTHER_SHARE if found or self.skipped else LINEAR_SHARE
            try:
                found.append(self._climbed(kind, share * self.budget))
            except (InputError, NotEnoughMemoryError) as error:
                self.skipped[kind.type_name] = str(error)
        self.refit_seconds = sum(one.refit_seconds for one in found)
        if not found:
            raise InputError(f"no closed form could be fitted: {'; '.join(self.skipped.values())}")
        return found

    def _climbed(self, kind: type[Autoencoder], seconds: float) -> _Found:
        choice = choose(
            kind, self.learned, self.judged, max_seconds=seconds, metric=self.metric,
            weighting=self.weighting,
            through=lambda score: self.journal.remembered(kind.type_name, score),
        )  # fmt: skip
        began = time.monotonic()
        fitted = self._fitted(choice.model, self.learned)
        seconds = time.monotonic() - began
        return _Found(kind.type_name, choice.model, fitted, choice.best.score, seconds)

    def halved(self, candidates: dict[str, NeuralAutoencoder], folder: Path) -> list[_Found]:
        """Train all for a while, go on with the better half, until one is left."""
        share = NEURAL_SHARE * (self.left() - self._weights_seconds() - self.refit_seconds)
        if share < LEAST_SECONDS:
            return []
        n_rungs = math.ceil(math.log2(len(candidates))) + 1
        seconds = share / (len(candidates) * (n_rungs + 1) / 2)
        found: dict[str, _Found] = {}
        names = list(candidates)
        for rung in range(n_rungs):
            for name in names:
                file = folder / f"{name.replace(', ', '-').replace(' ', '-').lower()}.checkpoint"
                self._train(name, candidates[name], seconds * 2**rung, file, found)
            names = sorted(names, key=lambda name: -_score(found, name))[: max(1, len(names) // 2)]
        return sorted(found.values(), key=lambda one: -one.score)[:N_NEURAL]

    def _train(
        self,
        name: str,
        model: NeuralAutoencoder,
        seconds: float,
        checkpoint: Path,
        found: dict[str, _Found],
    ) -> None:
        """Train on from the checkpoint, until `seconds` have been spent on the model in all."""
        run = copy_of(model).set_params(max_seconds=seconds, checkpoint=checkpoint)
        try:
            fitted = self._fitted(run, self.learned, self.judged)
        except (InputError, NotEnoughMemoryError) as error:
            self.skipped[name] = str(error)
            return
        history = fitted.model_.history_
        if history.stopped == "interrupt":
            raise KeyboardInterrupt
        score, spent = history.best_validation(), sum(e["seconds"] for e in history.epochs)
        best = copy_of(model).set_params(max_epochs=history.best_epoch, validation_fraction=0.0)
        refit = spent * history.best_epoch / len(history.epochs)
        found[name] = _Found(name, best, fitted, score, refit)
        self.journal.add(name, Trial(_learned_settings(best), score, spent))

    def refitted(self, found: list[_Found], everything: Interactions, *, support: bool) -> Auto:
        """Weigh the parts, and fit those that count on everything."""
        parts = self._affordable(sorted(found, key=lambda one: -one.score))
        weights = choose_weights(
            [part.fitted for part in parts], self.judged, self.metric,
            max_seconds=self._weights_seconds(),
        )  # fmt: skip
        kept = [(p, w) for p, w in zip(parts, weights.weights, strict=True) if w]
        weights = Weights(weights.calibration, tuple(w for _, w in kept), weights.score)
        chosen = [part for part, _ in kept]
        model = chosen[0].model
        if len(chosen) > 1:
            model = Blend(
                parts=[part.model for part in chosen], weights=weights.weights,
                calibration=weights.calibration,
            )  # fmt: skip
        recommender = self._fitted(model, everything, support=support)
        recommender.metrics["choice"] = self._record(chosen, weights)
        named = [(part.name, part.model) for part in chosen]
        return Auto(recommender, weights, named, self.journal.trials)

    def _affordable(self, parts: list[_Found]) -> list[_Found]:
        """Leave out what there is no time to train again: half a training is another model."""
        left, kept = self.left() - self._weights_seconds(), []
        closed = [part for part in parts if not isinstance(part.model, NeuralAutoencoder)]
        for part in parts:
            if part is closed[0] or part.refit_seconds <= left:
                left -= part.refit_seconds
                kept.append(part)
            else:
                self.skipped[part.name] = "there was no time left to train it on everything"
        return kept

    def _weights_seconds(self) -> float:
        return max(0.5, min(WEIGHTS_SHARE * self.budget, self.left() / 2))

    def _fitted(
        self,
        model: Autoencoder,
        interactions: Interactions,
        validation: FoldIn | None = None,
        *,
        support: bool = False,
    ) -> Recommender:
        recommender = Recommender(model, weighting=self.weighting)
        return recommender.fit(interactions, validation=validation, support=support)

    def _record(self, chosen: list[_Found], weights: Weights) -> dict[str, Any]:
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
            "seconds": round(self.budget - self.left(), 1),
            "trials": [as_record(name, trial) for name, trial in self.journal.trials],
        }


def _score(found: dict[str, _Found], name: str) -> float:
    return found[name].score if name in found else -math.inf


def _learned_settings(model: Autoencoder) -> dict[str, Any]:
    settings = {k: v for k, v in model.get_params().items() if k not in RUN_OPTIONS}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}
