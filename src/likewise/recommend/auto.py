"""`auto`: the best recommender that the autoencoders here can give, for a log and a time.

Closed forms first: they take seconds, and their settings are climbed to. Then neural ones, by
successive halving: all train for a while, the better half goes on from where it stood, and so on.
Then weights for a blend of the best ones. What won is fitted anew on everything.
"""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, SupportsFloat

from likewise.autoencoders.base import Autoencoder
from likewise.data.fold import FoldIn, hidden
from likewise.data.log import Log
from likewise.errors import InputError
from likewise.evaluate.metrics import parse_metric
from likewise.evaluate.protocol import METRIC
from likewise.recommend.alone import Alone
from likewise.recommend.budget import Budget
from likewise.recommend.candidates import neural_candidates
from likewise.recommend.climbing import Trial
from likewise.recommend.given import checked_days, given_to_search
from likewise.recommend.journal import Journal, fingerprint
from likewise.recommend.recency import Days, HalfLife, choose_half_life
from likewise.recommend.recommender import Recommender
from likewise.recommend.remembered import remembered, require_folder
from likewise.recommend.search import Search
from likewise.recommend.searches import SEARCHES
from likewise.recommend.selection import warm
from likewise.recommend.support import Support
from likewise.recommend.trained import halved
from likewise.recommend.weights import Weights
from likewise.recommend.winners import refitted

HALF_LIFE_SHARE = 0.25
"""Of the budget, for how fast purchases lose weight."""


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


def auto(
    train: Any,
    validation: FoldIn | None = None,
    refit: Any = None,
    *,
    budget: float = 60.0,
    weighting: str = "binary",
    half_life: Days = "auto",
    metric: str = METRIC,
    repeats: bool = False,
    neural: bool = True,
    seed: int = 0,
    device: str = "auto",
    trials: str | Path | None = None,
    support: bool = True,
    on_trial: Callable[[str, Trial], None] | None = None,
) -> Auto:
    """Find, within a time, the model that serves validation users best, and fit it on everything.

    Parameters
    ----------
    train : Interactions, Log, path, sparse matrix or lists of items
        What to learn from.
    validation : FoldIn, optional
        What to choose on. If None, customers of the last tenth of a log with times where purchases
        lose weight or where buying again counts, and else a tenth of the users, held out.
    refit : as `train`, optional
        What the winner learns from; `train` as given if None.
    budget : float
        Seconds for all of it, kept within a tenth (one setting of a closed form is always tried).
    half_life : float, "auto" or None
        Days after which a purchase counts half; None if purchases keep their weight. "auto" chooses
        where `train` is a log with times, `validation` and `refit` are None, and the weighting is
        "binary": see :func:`~likewise.recommend.recency.choose_half_life`. What was chosen, and
        why, is in the recommender's `metrics`, under "half_life".
    repeats : bool
        Whether buying again counts: what customers have is then judged too, what they bought before
        is one of the parts (personal frequency, by counts if the weighting is "log" or "linear"),
        and `recommend` is to be asked with ``filter_seen=False``.
    neural : bool
        Whether neural models are tried; without them the search is as long as it is useful.
    trials : path, optional
        A folder that trials and half-trained models are kept in, and taken from: a new one, or one
        of an earlier search.
    support : bool
        Whether what `also_bought` wants is made: pairs are counted, and settings of its own chosen.
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
    >>> found = auto(baskets, budget=2)
    >>> [r.item for r in found.recommender.recommend([["tea", "cup"]], k=1)[0]]
    ['milk']
    """
    _require_seconds(budget)
    Recommender(weighting=weighting)  # refuses one that there is not
    parse_metric(metric)
    if not (validation is None or isinstance(validation, FoldIn)):
        raise InputError(
            f"validation is {type(validation).__name__}; give the validation part of a split, or "
            "None to hold customers out"
        )
    half_life = checked_days(half_life, weighting)
    folder = None if trials is None else Path(trials)
    if folder is not None:
        require_folder(folder)
    for kind in SEARCHES:  # compiling, once on a machine, is no part of what is searched
        warm(kind)
    time_allowed = Budget(budget)

    def choose(log: Log) -> HalfLife:
        share = HALF_LIFE_SHARE * budget
        return choose_half_life(log, max_seconds=share, metric=metric, seed=seed, on_trial=on_trial)

    given = given_to_search(
        train, validation, refit, weighting=weighting, half_life=half_life, repeats=repeats,
        seed=seed, choose=choose if folder is None else partial(
            remembered, folder, choose=choose, of=(metric, seed)
        ),
    )  # fmt: skip
    learned, judged, everything = given.learned, given.judged, given.everything
    about = fingerprint(learned, judged, given.weighting, metric, repeats, seed)
    journal = Journal(folder, about, on_trial)
    counts = Support.that_fits(everything.matrix) if support else None  # depends on no model
    alone = Alone.of(hidden(judged) if given.strangers else judged, metric) if support else None
    search = Search(
        learned,
        judged,
        everything,
        given.weighting,
        metric,
        time_allowed,
        journal,
        repeats,
        alone,
        device,
        seed,
    )
    search.closed_forms()
    search.candidates_alone()
    if neural:
        candidates = neural_candidates(learned.n_users, random_state=seed, device=device)
        with tempfile.TemporaryDirectory() as temporary:
            halved(search, candidates, folder or Path(temporary))
    recommender, weights, chosen = refitted(search)
    recommender.metrics["half_life"] = given.half_life.as_dict()
    if counts is not None:
        recommender.support_ = counts
    return Auto(recommender, weights, [(p.name, p.model) for p in chosen], journal.trials)


def _require_seconds(budget: Any) -> None:
    is_number = not isinstance(budget, bool) and isinstance(budget, SupportsFloat)
    if not is_number or not 0 < float(budget) < math.inf:
        raise InputError(f"budget={budget!r}; give seconds, more than 0, as a number")
