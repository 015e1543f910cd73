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

    As many begin as have the time to, the most promising first; the time that these leave is for
    the others. Those that were begun with before go on first.
    """

    def file(name: str) -> Path:
        return folder / f"{name.replace(', ', '-').replace(' ', '-').lower()}{HALF_TRAINED}"

    best: dict[str, Found] = {}

    def train(name: str, seconds: float) -> float:
        try:
            best[name] = _trained(search, name, candidates[name], seconds, file(name))
        except (InputError, NotEnoughMemoryError) as error:
            search.skipped[name] = str(error)
            return -math.inf
        return best[name].score

    waiting = sorted(candidates, key=lambda name: not file(name).exists())
    while waiting:
        n, seconds = _beginning(search, len(waiting), _best(best))
        if not n:
            break
        Halving(waiting[:n], Budget(seconds), train).run()
        waiting = waiting[n:]
    if waiting:
        none_begun = len(waiting) == len(candidates)
        why = (
            f"{max(seconds, 0.0):.1f} s of the budget are theirs beside what follows, and "
            f"{LEAST_SECONDS:g} s are the least for one; give a longer budget"
        )
        search.skipped |= dict.fromkeys(["neural models"] if none_begun else waiting, why)
    search.found += _best(best)


def _best(trained: dict[str, Found]) -> list[Found]:
    return sorted(trained.values(), key=lambda one: -one.score)[:N_NEURAL]


def _beginning(search: Search, n: int, found: list[Found]) -> tuple[int, float]:
    """Return how many of n candidates can begin, and the seconds for all of them.

    Time is set aside to train the best of them, and those already found, anew on everything.
    """
    free = search.free() - sum(one.refit_seconds for one in found)
    while True:
        shares = dealt(n)
        seconds = free / (1 + search.growth * sum(shares[:N_NEURAL]) / sum(shares))
        if seconds >= LEAST_SECONDS * sum(shares):
            return n, seconds
        if n == 1:
            return 0, seconds
        n //= 2


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
