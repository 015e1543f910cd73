"""The neural models of a search: trained by successive halving, the best two kept."""

import math
from pathlib import Path

from likewise.autoencoders.base import copy_of
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.recommend.budget import Budget
from likewise.recommend.climbing import Trial
from likewise.recommend.found import Found
from likewise.recommend.halving import Halving, dealt
from likewise.recommend.journal import HALF_TRAINED, learned_settings
from likewise.recommend.search import Search

LEAST_SECONDS = 5.0
"""Below this, no neural model is begun with; it is for the first round, in which all train."""

N_NEURAL = 2
"""Neural models in a blend, at most."""


def halved(search: Search, candidates: dict[str, NeuralAutoencoder], folder: Path) -> None:
    """Train the candidates by successive halving, and keep the best.

    The most promising half alone begins, and so on, where not all have the seconds to begin with.
    """
    names = list(candidates)
    while (seconds := _seconds(search, len(names))) < LEAST_SECONDS * sum(dealt(len(names))):
        names = names[: len(names) // 2]
        if not names:
            search.skipped["neural models"] = (
                f"{max(seconds, 0.0):.1f} s of the budget are left to train them, and "
                f"{LEAST_SECONDS:g} s are the least; give a longer budget"
            )
            return
    for name in list(candidates)[len(names) :]:
        search.skipped[name] = (
            f"the {seconds:.1f} s that are left for neural models are for those that begin best; "
            "give a longer budget"
        )
    best: dict[str, Found] = {}

    def train(name: str, seconds: float) -> float:
        file = folder / f"{name.replace(', ', '-').replace(' ', '-').lower()}{HALF_TRAINED}"
        try:
            best[name] = _trained(search, name, candidates[name], seconds, file)
        except (InputError, NotEnoughMemoryError) as error:
            search.skipped[name] = str(error)
            return -math.inf
        return best[name].score

    Halving(names, Budget(seconds), train).run()
    search.found += sorted(best.values(), key=lambda one: -one.score)[:N_NEURAL]


def _seconds(search: Search, n: int) -> float:
    """Return the time for n candidates, beside which the best are trained anew on everything."""
    shares = dealt(n)
    again: float = search.growth * sum(shares[:N_NEURAL]) / sum(shares)
    return search.free() / (1 + again)


def _trained(
    search: Search, name: str, model: NeuralAutoencoder, seconds: float, checkpoint: Path
) -> Found:
    """Train on from the checkpoint, until `seconds` have been spent on the model in all."""
    run = copy_of(model).set_params(max_seconds=seconds, checkpoint=checkpoint)
    fitted = search.fitted(run, search.learned, search.judged)
    history = fitted.model_.history_
    if history.stopped == "interrupt":
        raise KeyboardInterrupt
    if history.stopped == "max_seconds" and len(history.epochs) == 1:  # nothing to go on from
        raise InputError(
            f"{seconds:.1f} s were for its first training, and an epoch takes longer; give a "
            "longer budget"
        )
    score, spent = history.best_validation(), sum(e["seconds"] for e in history.epochs)
    best = copy_of(model).set_params(max_epochs=history.best_epoch, validation_fraction=0.0)
    search.journal.add(name, Trial(learned_settings(best), score, spent))
    refit = search.growth * spent * history.best_epoch / len(history.epochs)
    return search.as_found(name, best, fitted, score, refit)
