"""Models beside each other: each fitted as often as it must, judged alike, told apart honestly."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from likewise.data.fold import FoldIn
from likewise.data.interactions import Interactions
from likewise.data.split import Split
from likewise.data.vocabulary import Vocabulary
from likewise.errors import InputError
from likewise.evaluate import resources
from likewise.evaluate.comparison import compare

N_ITEMS = 40


class Oracle:
    """Finds each held-out item first with probability `skill`; the rest of its list is chance."""

    def __init__(self, held_out, skill, seed):
        random = np.random.default_rng(seed)
        known = held_out.toarray() * (random.random(held_out.shape) < skill)
        self.scores = known + 0.5 * random.random(held_out.shape)

    def rank(self, given, k, *, filter_seen):
        scores = self.scores.copy()
        if filter_seen:
            scores[given.toarray() > 0] = -np.inf
        return np.argsort(-scores, axis=1)[:, :k]


def make_split(*, repeats: bool = False, n_users: int = 200) -> Split:
    random = np.random.default_rng(2018)
    given = random.random((n_users, N_ITEMS)) < 0.1
    held_out = random.random((n_users, N_ITEMS)) < 0.1
    if not repeats:
        held_out &= ~given
    train = Interactions.of_matrix(np.ones((3, N_ITEMS)))
    test = FoldIn(
        sparse.csr_array(given.astype(np.float32)),
        sparse.csr_array(held_out.astype(np.float32)),
        Vocabulary(np.arange(n_users)),
    )
    return Split(name="by hand", train=train, validation=test, refit=train, test=test)


def model(skill):
    return lambda split, seed: Oracle(split.test.held_out, skill, seed)


METRICS = ("recall@5", "ndcg@5")


@pytest.fixture(scope="module")
def comparison():
    models = {"poor": model(0.1), "good": model(0.8), "as good": model(0.8)}
    return compare(make_split(), models, stochastic=["good"], seeds=4, metrics=METRICS)


def test_rows_come_in_order_with_every_metric(comparison):
    assert [row.model for row in comparison.rows] == ["poor", "good", "as good"]
    assert comparison.split == "by hand"
    for row in comparison.rows:
        assert set(row.per_user) == set(row.intervals) == set(row.seed_spread) == set(METRICS)
        interval = row.intervals["ndcg@5"]
        assert interval.mean == pytest.approx(np.nanmean(row.per_user["ndcg@5"]))
        assert interval.low < interval.mean < interval.high
        assert interval.n == comparison.n_users
        assert 0 < row.coverage <= 1


def test_real_differences_are_found_and_the_best_named(comparison):
    behind = comparison.behind_best("ndcg@5")
    best = comparison.best("ndcg@5").model
    assert best in {"good", "as good"}
    assert list(behind) == [({"good", "as good"} - {best}).pop(), "poor"]
    assert behind["poor"].real
    assert behind["poor"].low > 0


def test_stochastic_models_are_fitted_with_every_seed_and_averaged():
    seen = []

    def fit(split, seed):
        seen.append(seed)
        return Oracle(split.test.held_out, 0.5, seed)

    case = make_split()
    row = compare(case, {"m": fit}, stochastic=["m"], seeds=3, metrics=METRICS).rows[0]
    assert seen == [0, 1, 2]
    assert row.n_seeds == 3
    alone = [
        compare(case, {"m": lambda split, _, seed=seed: fit(split, seed)}, metrics=METRICS).rows[0]
        for seed in range(3)
    ]
    means = [one.intervals["ndcg@5"].mean for one in alone]
    assert row.intervals["ndcg@5"].mean == pytest.approx(np.mean(means))
    assert row.seed_spread["ndcg@5"] == pytest.approx(np.std(means, ddof=1))
    assert row.coverage == pytest.approx(np.mean([one.coverage for one in alone]))
    assert alone[0].seed_spread["ndcg@5"] == 0


def test_the_same_comparison_twice_is_the_same_but_for_the_cost(comparison):
    models = {"poor": model(0.1), "good": model(0.8), "as good": model(0.8)}
    again = compare(make_split(), models, stochastic=["good"], seeds=4, metrics=METRICS)
    assert again.differences == comparison.differences
    for one, other in zip(again.rows, comparison.rows, strict=True):
        assert one.intervals == other.intervals


def test_repeat_purchases_are_reported_with_and_without():
    calls = []

    def fit(split, seed):
        calls.append(seed)
        return Oracle(split.test.held_out, 0.8, seed)

    case = make_split(repeats=True)
    new_only = compare(case, {"m": fit}, metrics=METRICS)
    both = new_only.with_repeats
    assert calls == [0]
    assert not new_only.repeats
    assert both.repeats
    assert both.n_users > new_only.n_users
    assert both.rows[0].intervals != new_only.rows[0].intervals
    assert both.rows[0].cost == new_only.rows[0].cost


def test_without_repeat_purchases_there_is_one_table(comparison):
    assert comparison.with_repeats is None


def test_the_cost_of_fitting_is_measured(monkeypatch):
    looks = iter([10.0, 13.0])
    monkeypatch.setattr(resources, "time", SimpleNamespace(perf_counter=lambda: next(looks)))

    def fit(split, seed):
        np.ones(100 * 2**20, dtype=np.uint8)
        return Oracle(split.test.held_out, 0.5, seed)

    cost = compare(make_split(), {"m": fit}, metrics=METRICS).rows[0].cost
    assert cost.seconds == 3
    assert cost.added_bytes is None or cost.added_bytes > 90 * 2**20


def test_progress_is_told_before_each_model():
    told = []
    models = {"a": model(0.1), "b": model(0.2)}
    compare(make_split(), models, metrics=METRICS, progress=lambda *what: told.append(what))
    assert told == [("a", 0, 2), ("b", 1, 2)]


def test_one_model_alone_has_no_differences():
    alone = compare(make_split(), {"a": model(0.5)}, metrics=METRICS)
    assert alone.behind_best("ndcg@5") == {}
    assert alone.best("ndcg@5").model == "a"


def test_a_test_item_that_nobody_had_is_refused_before_any_fit():
    case = make_split()
    short = np.ones((3, N_ITEMS))
    short[:, :2] = 0
    leaky = dataclasses.replace(case, refit=Interactions.of_matrix(short))
    with pytest.raises(InputError, match="2 items are held out in the test and nobody"):
        compare(leaky, {"m": lambda split, seed: pytest.fail("fitted")})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": {}}, "0 models"),
        ({"metrics": ()}, "0 metrics"),
        ({"seeds": 0}, "0 seeds"),
        ({"metrics": ["ndcg"]}, "'ndcg' is not known"),
        ({"stochastic": ["b"]}, "stochastic names b; the models are a"),
    ],
)
def test_senseless_requests_are_refused_before_any_fit(arguments, message):
    models = {"a": lambda split, seed: pytest.fail("fitted")}
    with pytest.raises(InputError, match=message):
        compare(make_split(), **({"models": models} | arguments))


def test_runs_that_were_made_are_not_made_again():
    split, runs = make_split(), {}
    compare(split, {"good": model(0.8)}, metrics=METRICS, runs=runs)
    models = {"good": lambda *_: pytest.fail("fitted again"), "poor": model(0.1)}
    again = compare(split, models, metrics=METRICS, runs=runs)
    assert [row.model for row in again.rows] == ["good", "poor"]
    assert list(runs) == ["good", "poor"]
