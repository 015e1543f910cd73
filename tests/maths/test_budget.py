"""The budget of `auto` is kept, whatever takes how long: work moves a clock, nobody waits."""

import numpy as np
import pytest

from likewise.autoencoders import (
    Autoencoder,
    LocallyLinearAutoencoder,
    SpectralAutoencoder,
)
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.data.interactions import Interactions
from likewise.evaluate.protocol import evaluate
from likewise.nn.steps import Step
from likewise.recommend import auto as module
from likewise.recommend import recommender, search, selection, weights, winners
from likewise.recommend.auto import auto
from likewise.recommend.blend import Blend
from likewise.recommend.budget import Budget
from likewise.recommend.candidates import neural_candidates
from likewise.recommend.climbing import climb
from likewise.recommend.halving import Halving
from likewise.recommend.searches import LINEAR_SHARE, SEARCHES, closed_forms, share_of

EVEN = {
    "linear": 2.0, "kernel": 3.0, "spectral": 1.0, "lle": 0.5, "item-knn": 1.0, "rp3beta": 1.0,
    "step": 0.2, "judge": 0.3,
}  # fmt: skip
"""Seconds that fitting each type takes, a step of training, and judging."""


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("time.monotonic", clock)
    return clock


@pytest.fixture(scope="module")
def shop():
    for kind in SEARCHES:  # compiling, once in a process, is no part of a budget
        selection.warm(kind)
    rng = np.random.default_rng(0)
    own = np.arange(12) // 4 == rng.integers(0, 3, 120)[:, None]
    bought = rng.random((120, 12)) < np.where(own, 0.7, 0.1)
    return Interactions.of([[f"i{n}" for n in np.flatnonzero(row)] for row in bought])


@pytest.fixture
def works(clock, shop, monkeypatch):
    """Let fits, steps and judging take what is told; fits on everything `slower` times as long."""

    def _works(costs, slower=1.0):
        def fit(self, X, y=None, *, validate=None, _fit=Autoencoder.fit):
            if not isinstance(self, NeuralAutoencoder | Blend):
                growth = slower if X.shape[0] == shop.n_users else 1.0
                clock.now += (
                    costs.get(self.type_name, 1.0) * min(growth, 1.2) * X.shape[0] / shop.n_users
                )
            return _fit(self, X, validate=validate)

        def step(self, chosen, n_values, number, turn=None, _take=Step.take):
            clock.now += costs["step"] * (slower if len(self.rows) == shop.n_users else 1.0)
            return _take(self, chosen, n_values, number, turn)

        def judge(*given, **named):
            clock.now += costs["judge"]
            return evaluate(*given, **named)

        def candidates(n_users, **run):
            found = neural_candidates(n_users, **run)
            for model in found.values():
                model.set_params(n_latent=3, max_epochs=40)
                if model.hidden != "auto":
                    model.set_params(hidden=[8] * len(model.hidden))
            return found

        monkeypatch.setattr(Autoencoder, "fit", fit)
        monkeypatch.setattr(Step, "take", step)
        for one in (selection, search, recommender, weights):
            monkeypatch.setattr(one, "evaluate", judge)
        monkeypatch.setattr(module, "neural_candidates", candidates)

    return _works


@pytest.mark.parametrize(
    ("costs", "slower"),
    [
        ({}, 1.0),
        ({"kernel": 60.0}, 1.0),
        ({"linear": 24.0}, 1.1),
        ({"linear": 24.0, "kernel": 24.0, "spectral": 24.0, "item-knn": 24.0}, 1.1),
        ({"judge": 3.0}, 1.0),
        ({"step": 2.0}, 1.0),
        ({"step": 0.05}, 3.0),
    ],
)
def test_the_budget_is_kept_within_a_tenth(works, clock, shop, costs, slower):
    works(EVEN | costs, slower)
    began = clock.now
    choice = auto(shop, budget=100, device="cpu").recommender.metrics["choice"]
    assert clock.now - began <= 110
    assert (choice["budget"], choice["spent"]) == (100, round(clock.now - began, 1))


def test_an_even_budget_is_used(works, clock, shop):
    works(EVEN)
    began = clock.now
    found = auto(shop, budget=100, device="cpu")
    tried = {name for name, _ in found.trials}
    assert tried > {"linear", "kernel", "item-knn", "rp3beta", "cosine", "sharp cosine"}
    assert clock.now - began > 40


@pytest.mark.parametrize(
    ("budget", "step", "begun"),
    [
        (400, 0.3, {"cosine", "sharp cosine", "Mult-VAE", "RecVAE"}),
        (95, 0.3, {"cosine", "sharp cosine"}),
        (100, 0.001, {"cosine", "sharp cosine", "Mult-VAE", "RecVAE"}),  # the first leave time
        (80, 0.3, {"cosine"}),
        (10, 0.2, set()),
    ],
)
def test_as_many_neural_models_begin_as_have_the_time_to(works, shop, budget, step, begun):
    works(EVEN | {"step": step})
    found = auto(shop, budget=budget, device="cpu")
    known = set(neural_candidates(shop.n_users))
    assert {name for name, _ in found.trials} & known == begun
    skipped = found.recommender.metrics["choice"]["skipped"]
    if begun:
        assert known & skipped.keys() == known - begun
        assert all(skipped[name].endswith("give a longer budget") for name in known - begun)
    else:
        assert "5 s are the least" in skipped["neural models"]


def test_a_type_that_would_take_too_long_is_left_out_and_that_is_said(works, shop):
    works(EVEN | {"kernel": 60.0})
    found = auto(shop, budget=100, device="cpu")
    assert "kernel" not in {name for name, _ in found.trials}
    said = found.recommender.metrics["choice"]["skipped"]["kernel"]
    assert said.startswith("a trial would take about ")


def test_training_that_became_slower_is_cut_off_and_that_is_said(works, shop, monkeypatch):
    works(EVEN | {"step": 0.05}, 1000.0)
    monkeypatch.setattr(
        winners, "choose_weights",
        lambda scores, *_, **__: weights.Weights("z-score", (1.0,) * len(scores), 1.0),
    )  # fmt: skip
    skipped = auto(shop, budget=100, device="cpu").recommender.metrics["choice"]["skipped"]
    assert any(name.startswith("the end of ") for name in skipped)


@pytest.mark.parametrize("costs", [{}, {"rp3beta": 4.0}, {"linear": 24.0, "kernel": 4.0}])
def test_the_same_search_again_leaves_no_type_out_and_keeps_its_budget(
    works, clock, shop, tmp_path, costs
):
    works(EVEN | costs)
    given = {"budget": 100, "device": "cpu", "trials": tmp_path / "trials", "neural": False}
    first = auto(shop, **given)
    began = clock.now
    again = auto(shop, **given)
    assert clock.now - began <= 110
    assert {name for name, _ in again.trials} >= {name for name, _ in first.trials}
    assert max(t.score for _, t in again.trials) >= max(t.score for _, t in first.trials)


def test_what_is_remembered_is_not_left_out_where_the_machine_became_slower(works, shop, tmp_path):
    given = {"budget": 100, "device": "cpu", "trials": tmp_path / "trials", "neural": False}
    quick = dict.fromkeys(EVEN, 0.1)  # else the sum that the others stand beside goes on to change
    works(quick)
    auto(shop, **given)
    works(quick | {"rp3beta": 20.0})
    again = auto(shop, **given)
    assert "rp3beta" in {name for name, _ in again.trials}
    assert "rp3beta" not in again.recommender.metrics["choice"]["skipped"]


def test_a_climb_makes_what_it_remembers_when_time_is_over_and_learns_how_long_it_took(clock):
    def score(settings):
        clock.now += 0.0 if settings["size"] < 4 else 5.0
        return settings["size"]

    trials, complete = climb(
        {"size": [1.0, 2.0, 3.0, 4.0]},
        {"size": 1.0},
        score,
        max_seconds=-1.0,
        lasted=lambda settings: 5.0 if settings["size"] < 4 else None,
    )
    assert [trial.parameters["size"] for trial in trials] == [1.0, 2.0, 3.0]
    assert not complete
    trials, _ = climb(
        {"size": [1.0, 4.0]}, {"size": 1.0}, score, max_seconds=4.0,
        lasted=lambda settings: 5.0 if settings["size"] < 4 else None,
    )  # fmt: skip
    assert [trial.parameters["size"] for trial in trials] == [1.0]


def test_a_climb_starts_nothing_that_its_work_says_will_not_end(clock):
    def score(settings):
        clock.now += settings["size"]
        return settings["size"]

    ladder = {"size": [1.0, 2.0, 4.0, 8.0]}
    trials, complete = climb(
        ladder, {"size": 1.0}, score, max_seconds=7.5, work=lambda settings: settings["size"]
    )
    assert [trial.seconds for trial in trials] == [1.0, 2.0, 4.0]
    assert not complete


def test_halving_gives_the_next_half_of_its_time_though_one_training_was_very_late(clock):
    given = {}

    def train(name, seconds):
        given.setdefault(name, seconds)
        clock.now += 10.0 if name == "a" else 1.0  # five slices
        return 0.0

    Halving(list("abcd"), Budget(16.0), train).run()
    assert given["a"] == 2.0
    assert given["b"] >= 0.5 * (16.0 - 10.0) / 7


def test_halving_ends_in_time_although_every_training_is_late(clock):
    spent = {}

    def train(name, seconds):
        clock.now += seconds - spent.get(name, 0.0) + 0.5
        spent[name] = seconds
        return float(-ord(name))

    began = clock.now
    Halving(list("abcd"), Budget(40.0), train).run()
    assert 39 <= clock.now - began <= 40.6
    assert spent["a"] > spent["b"] > spent["c"]


@pytest.mark.parametrize(("n_items", "share"), [(9_000, 0.12), (9_001, 0.2)])
def test_of_many_items_the_spectral_one_is_given_the_time_of_the_locally_linear_one(n_items, share):
    tried = closed_forms(n_items)
    assert (LocallyLinearAutoencoder in tried) == (n_items == 9_000)
    assert share_of(SpectralAutoencoder, n_items) == share
    assert LINEAR_SHARE + sum(share_of(kind, n_items) for kind in tried[1:]) < 0.75
