"""Models beside each other: fitted, timed, judged on the same users, told apart where they can be.

Shapes: U test users, S seeds.
"""

from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass

import numpy as np

from likewise.data.split import Split
from likewise.errors import InputError
from likewise.evaluate.metrics import Floats, parse_metric
from likewise.evaluate.protocol import (
    DEFAULT_METRICS,
    Evaluation,
    Ranker,
    evaluate,
    future_items,
    has_repeats,
)
from likewise.evaluate.resources import Cost, measured
from likewise.evaluate.significance import (
    Difference,
    Interval,
    bootstrap_interval,
    paired_differences,
)

Fit = Callable[[Split, int], Ranker]
"""Chooses a model's settings on `split.validation`, fits it on `split.refit` with this seed.

It never looks at `split.test`.
"""

Progress = Callable[[str, int, int], None]
"""Told the model's name, its number and how many there are, before each model is fitted."""


@dataclass(frozen=True)
class Row:
    """One model's results; where it was fitted with several seeds, their mean.

    Parameters
    ----------
    model : str
        Its name.
    per_user : mapping of metric name to float64 array of shape (U,)
        The mean over seeds of each user's value; NaN where there is nothing to find.
    intervals : mapping of metric name to Interval
        The mean over users and its interval, each on its own.
    seed_spread : mapping of metric name to float
        Standard deviation of the mean from seed to seed; 0 for a model without chance.
    coverage : float
        Share of the catalogue that is shown to anybody.
    n_seeds : int
        How often it was fitted.
    cost : Cost
        Mean seconds of a fit, and the largest memory.
    """

    model: str
    per_user: Mapping[str, Floats]
    intervals: Mapping[str, Interval]
    seed_spread: Mapping[str, float]
    coverage: float
    n_seeds: int
    cost: Cost


@dataclass(frozen=True)
class Comparison:
    """Models judged on the same users.

    Parameters
    ----------
    split : str
        The split's name.
    metrics : sequence of str
        The columns.
    rows : sequence of Row
        One for each model, in the order given.
    differences : mapping of metric name to mapping of (a, b) to Difference
        The difference a - b of every two models; the intervals of one metric hold all at once.
    n_users : int
        Users with something to find.
    repeats : bool
        Whether buying again counts.
    with_repeats : Comparison, optional
        The same fits judged with repeat purchases, where the test has any.
    """

    split: str
    metrics: Sequence[str]
    rows: Sequence[Row]
    differences: Mapping[str, Mapping[tuple[str, str], Difference]]
    n_users: int
    repeats: bool = False
    with_repeats: "Comparison | None" = None

    def best(self, metric: str) -> Row:
        """Return the model with the highest mean; the first of equals."""
        return max(self.rows, key=lambda row: row.intervals[metric].mean)

    def behind_best(self, metric: str) -> dict[str, Difference]:
        """Return by how much the best model is ahead of each other one, closest first."""
        best = self.best(metric).model
        behind = {b: gap for (a, b), gap in self.differences[metric].items() if a == best}
        return dict(sorted(behind.items(), key=lambda item: item[1].mean))

    def leaders(self, metric: str) -> set[str]:
        """Return the best model and those that cannot be told apart from it."""
        tied = {name for name, gap in self.behind_best(metric).items() if not gap.real}
        return tied | {self.best(metric).model}


@dataclass(frozen=True)
class Run:
    """One model's fits, judged.

    Parameters
    ----------
    model : str
        Its name.
    evaluations : mapping of bool to list of Evaluation
        One a seed, for each answer to "do repeats count?".
    cost : Cost
        Mean seconds of a fit, and the largest memory.
    """

    model: str
    evaluations: Mapping[bool, list[Evaluation]]
    cost: Cost


def compare(
    split: Split,
    models: Mapping[str, Fit],
    *,
    stochastic: Collection[str] = (),
    seeds: int = 3,
    metrics: Sequence[str] = DEFAULT_METRICS,
    progress: Progress | None = None,
    runs: MutableMapping[str, Run] | None = None,
) -> Comparison:
    """Fit every model, read the test once for each fit, and tell the models apart.

    Where users buy again in the test, the same fits are also judged with repeat purchases.

    Parameters
    ----------
    split : Split
        Settings are chosen on its validation users, results are read from its test users.
    models : mapping of name to Fit
        How each is fitted; its wall time and peak memory are measured around the call.
    stochastic : collection of str
        The models whose fit depends on the seed; they are fitted with seeds 0, 1, …, `seeds` - 1,
        the others once.
    metrics : sequence of str
        The columns of the table.
    runs : mutable mapping of name to Run, optional
        What is in it is not fitted again; what is fitted is put into it.

    Raises
    ------
    InputError
        If there are no models, a name or metric is unknown, or the test holds items that nobody in
        the training part has.
    """
    _check(split, models, stochastic, seeds, metrics)
    runs = {} if runs is None else runs
    for number, (model, fit) in enumerate(models.items()):
        if progress is not None:
            progress(model, number, len(models))
        if model not in runs:
            n_fits = seeds if model in stochastic else 1
            runs[model] = _run(model, fit, split, range(n_fits), metrics)
    made = [runs[model] for model in models]
    with_repeats = _comparison(split, made, metrics, True) if has_repeats(split.test) else None
    return _comparison(split, made, metrics, False, with_repeats)


def _check(
    split: Split,
    models: Mapping[str, Fit],
    stochastic: Collection[str],
    seeds: int,
    metrics: Sequence[str],
) -> None:
    if not models or not metrics or seeds < 1:
        raise InputError(
            f"{len(models)} models, {len(metrics)} metrics and {seeds} seeds were given; "
            "give at least one of each"
        )
    for metric in metrics:
        parse_metric(metric)
    unknown = sorted(set(stochastic) - set(models))
    if unknown:
        raise InputError(
            f"stochastic names {', '.join(unknown)}; the models are {', '.join(models)}"
        )
    unknowable = future_items(split)
    if unknowable:
        raise InputError(
            f"{unknowable} items are held out in the test and nobody in the training part has "
            "them; leave them out, no list can hold them"
        )


def _run(model: str, fit: Fit, split: Split, seeds: Sequence[int], metrics: Sequence[str]) -> Run:
    modes = (False, True) if has_repeats(split.test) else (False,)
    evaluations: dict[bool, list[Evaluation]] = {mode: [] for mode in modes}
    costs = []
    for seed in seeds:
        with measured() as cost:
            ranker = fit(split, seed)
        costs.append(cost)
        for mode in modes:
            evaluations[mode].append(evaluate(ranker, split.test, metrics, repeats=mode))
        del ranker  # its memory shall not count for the next fit
    return Run(model, evaluations, _total(costs))


def _total(costs: Sequence[Cost]) -> Cost:
    return Cost(
        seconds=float(np.mean([cost.seconds for cost in costs])),
        peak_bytes=_largest([cost.peak_bytes for cost in costs]),
        added_bytes=_largest([cost.added_bytes for cost in costs]),
    )


def _largest(sizes: Sequence[int | None]) -> int | None:
    return max((size for size in sizes if size is not None), default=None)


def _comparison(
    split: Split,
    runs: Sequence[Run],
    metrics: Sequence[str],
    repeats: bool,
    with_repeats: Comparison | None = None,
) -> Comparison:
    rows = [_row(run, metrics, repeats) for run in runs]
    differences = {
        metric: paired_differences({row.model: row.per_user[metric] for row in rows})
        for metric in metrics
    }
    n_users = runs[0].evaluations[repeats][0].n_users
    return Comparison(split.name, metrics, rows, differences, n_users, repeats, with_repeats)


def _row(run: Run, metrics: Sequence[str], repeats: bool) -> Row:
    evaluations = run.evaluations[repeats]
    per_seed = {m: np.array([e.per_user[m] for e in evaluations]) for m in metrics}
    per_user = {metric: values_SU.mean(axis=0) for metric, values_SU in per_seed.items()}
    return Row(
        model=run.model,
        per_user=per_user,
        intervals={metric: bootstrap_interval(values) for metric, values in per_user.items()},
        seed_spread={metric: _spread(values_SU) for metric, values_SU in per_seed.items()},
        coverage=float(np.mean([evaluation.coverage for evaluation in evaluations])),
        n_seeds=len(evaluations),
        cost=run.cost,
    )


def _spread(values_SU: Floats) -> float:
    if len(values_SU) == 1:
        return 0.0
    return float(np.nanmean(values_SU, axis=1).std(ddof=1))
