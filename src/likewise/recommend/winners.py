"""What is kept of a search: weights, and the winners fitted on everything."""

from dataclasses import replace
from typing import Any

from likewise.errors import NotEnoughMemoryError
from likewise.recommend.companions import Companions
from likewise.recommend.found import Found, cut_off, together
from likewise.recommend.journal import as_record
from likewise.recommend.recommender import Recommender
from likewise.recommend.search import Search
from likewise.recommend.weights import Weights, choose_weights

NO_TIME = "there was no time left to train it on everything"


def refitted(search: Search) -> tuple[Recommender, Weights, list[Found]]:
    """Weigh the parts, and fit those that count on everything.

    Together they may not fit in memory though each did alone: the weakest is left out then; and
    where what won alone does not fit on everything, the best of the others is taken. What answers
    `also_bought` is fitted first, and little of it kept.
    """
    parts = _affordable(search, sorted(search.found, key=lambda one: -one.score))
    chosen, weights = _weighed(search, parts)
    companions, record = _companions(search, chosen, weights)
    chosen = [replace(part, alone=None) for part in chosen]
    parts = [part.without_scores() for part in parts]
    search.release()
    while True:
        try:
            counts = any(search.heeds_counts(part.model) for part in chosen)
            model = together(chosen, weights, search.budget.left, search.growth, counts)
            recommender = search.fitted(model, search.everything)
            break
        except NotEnoughMemoryError as error:
            *others, weakest = chosen
            search.skipped[weakest.name] = str(error)
            if others:
                chosen, weights = _weighed(search, others)
                continue
            left = [part for part in parts if part.name not in search.skipped]
            if not left:
                raise
            chosen, weights = left[:1], Weights(weights.calibration, (1.0,), left[0].score)
    search.skipped |= cut_off(chosen, recommender.model_)
    recommender.companions_ = companions
    recommender.metrics["choice"] = _record(search, chosen, weights) | {"also_bought": record}
    return recommender, weights, chosen


def _affordable(search: Search, parts: list[Found]) -> list[Found]:
    """Leave out what there is no time to train again: half a training is another model."""
    left, kept = search.budget.left - search.weights_seconds() - search.alone_seconds(), []
    sure = next(part for part in parts if not part.is_neural)
    for part in parts:
        if part is sure or part.refit_seconds <= left:
            left -= part.refit_seconds
            kept.append(part)
        else:
            search.skipped[part.name] = NO_TIME
    return kept


def _weighed(search: Search, parts: list[Found]) -> tuple[list[Found], Weights]:
    """Return the parts that count, and their weights."""
    weights = choose_weights(
        [part.scores for part in parts], search.some, search.metric, repeats=search.repeats,
        known=[search.beside.weights.get(part.name, 0.0) for part in parts],
        max_seconds=search.weights_seconds(),
    )  # fmt: skip
    kept = [(p, w) for p, w in zip(parts, weights.weights, strict=True) if w]
    kept_weights = Weights(weights.calibration, tuple(w for _, w in kept), weights.score)
    return [part for part, _ in kept], kept_weights


def _companions(
    search: Search, chosen: list[Found], weights: Weights
) -> tuple[Companions | None, dict[str, Any] | None]:
    """Return what shall answer `also_bought`, fitted on everything, and how it was chosen."""
    if search.alone is None or not search.found_alone:
        return None, None
    best, record = search.alone.verdict(chosen, weights, search.found_alone)
    if best is None:
        return None, record
    left = search.budget.left - sum(part.refit_seconds for part in chosen)
    try:
        if best.refit_seconds <= left:
            return Companions.of(search.fitted(best.model, search.everything)), record
        search.skipped[best.name] = NO_TIME
    except NotEnoughMemoryError as error:
        search.skipped[best.name] = str(error)
    return None, None


def _record(search: Search, chosen: list[Found], weights: Weights) -> dict[str, Any]:
    return {
        "protocol": "settings, epochs and weights chosen on held-out customers",
        "held_out": search.judged.rule,
        "judged": len(search.judged),
        "metric": search.metric,
        "score": weights.score,
        "calibration": weights.calibration if len(chosen) > 1 else None,
        "parts": [
            {"model": part.name, "weight": weight, "score": part.score}
            for part, weight in zip(chosen, weights.weights, strict=True)
        ],
        "skipped": search.skipped,
        "repeats": search.repeats,
        "budget": search.budget.seconds,
        "spent": round(search.budget.spent, 1),
        "trials": [as_record(name, trial) for name, trial in search.journal.trials],
    }
