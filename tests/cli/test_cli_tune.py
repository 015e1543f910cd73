"""`likewise tune`: a space is read, trials are printed and kept, the best one is fitted."""

import math
import sys
import time

import pytest

import likewise
from likewise.autoencoders import (
    DenoisingAutoencoder,
    LinearAutoencoder,
    UndercompleteAutoencoder,
)
from likewise.cli import space
from likewise.data.interactions import Interactions
from likewise.errors import InputError
from likewise.extras import how_to_install
from likewise.recommend import tuning
from likewise.recommend.tuning import OneOf, Span

FREE = ["--set", "l2=1..100:log", "--set", "dropout=0|0.5", "--set", "item_power=0.2"]


@pytest.fixture
def tune(run, orders, tmp_path):
    pytest.importorskip("optuna", reason="optuna is not installed")

    def _tune(*arguments):
        out = ["--out", tmp_path / "tuned.model"]
        return run("tune", orders, *out, *FREE, *arguments)

    return _tune


def test_the_best_trial_is_fitted_and_kept(tune, tmp_path):
    result = tune("--trials", "4")
    assert result.code == 0
    lines = [line for line in result.err.splitlines() if line.startswith("ndcg@100 ")]
    assert len(lines) == 4
    recommender = likewise.load(tmp_path / "tuned.model")
    choice = recommender.metrics["choice"]
    best = max(choice["trials"], key=lambda trial: trial["score"])
    assert choice["score"] == best["score"]
    assert recommender.model_.l2 == best["parameters"]["l2"]
    assert str(recommender.model_.dropout) in {"0", "0.5"}
    assert recommender.model_.item_power == 0.2


def test_a_study_is_gone_on_with_and_another_is_refused(tune, run, refused, orders, tmp_path):
    study = ["--study", tmp_path / "study.db"]
    first = tune(*study, "--trials", "2", "--json").document()["choice"]["trials"]
    both = tune(*study, "--trials", "3", "--json").document()["choice"]["trials"]
    assert both[:2] == first
    assert len(both) == 3
    assert both[2] not in first
    for other in (
        ["--metric", "recall@20"],
        ["--set", "item_power=0.3"],
        ["--set", "dropout=0|0.6"],
        ["--set", "relaxation=0..0.5"],
    ):
        given = ["--out", tmp_path / "o.model", *FREE, *study, *other]
        assert "a study of another log, model, space" in refused("tune", orders, *given)
    turned = [*FREE[4:], *FREE[:4], *study, "--trials", "3"]
    assert run("tune", orders, "--out", tmp_path / "o.model", *turned).code == 0
    (tmp_path / "text.db").write_text("no database at all, but a text that is long enough" * 9)
    given = ["--out", tmp_path / "o.model", *FREE, "--study", tmp_path / "text.db"]
    assert "is no study" in refused("tune", orders, *given)


def test_a_neural_model_keeps_its_best_epochs(run, orders, tmp_path):
    pytest.importorskip("optuna", reason="optuna is not installed")
    given = ["--model", "denoising", "--set", "n_latent=2..4", "--set", "max_epochs=2"]
    result = run("tune", orders, "--out", tmp_path / "t.model", *given, "--trials", "2")
    assert result.code == 0
    assert 2 <= likewise.load(tmp_path / "t.model").model_.n_latent <= 4


def test_a_budget_that_ended_it_is_told(tune):
    err = tune("--trials", "2", "--budget", "0.000001").err
    assert "the budget ended it after 1 of 2 trials; give a longer --budget" in err
    assert "best of 1 trial\n" in err
    assert "the budget ended it" not in tune("--trials", "1").err


def test_a_study_of_another_seed_of_a_model_that_draws_is_called_so(run, refused, orders, tmp_path):
    pytest.importorskip("optuna", reason="optuna is not installed")
    given = [
        "--model", "denoising", "--set", "n_latent=2..4", "--set", "max_epochs=1", "--trials", "1",
        "--study", tmp_path / "study.db", "--out", tmp_path / "t.model",
    ]  # fmt: skip
    assert run("tune", orders, *given).code == 0
    assert "weighting or seed" in refused("tune", orders, *given, "--seed", "1")


def test_what_is_no_setting_is_not_named_as_one(refused, tmp_path):
    given = ["--model", "denoising", "--out", tmp_path / "t.model"]
    message = refused("tune", tmp_path / "no such log.csv", *given)
    named = message.split("has the settings ")[1].strip().split(", ")
    assert "dropout" in named or "corruption" in named
    assert not {"device", "max_seconds", "progress", "checkpoint", "random_state"} & set(named)


def test_settings_that_do_not_fit_into_memory_are_a_failed_trial(run, orders, tmp_path):
    pytest.importorskip("optuna", reason="optuna is not installed")
    given = ["--model", "denoising", "--set", "n_latent=4|1000000000", "--set", "max_epochs=1"]
    out = tmp_path / "t.model"
    result = run("tune", orders, "--out", out, *given, "--trials", "6", "--json")
    trials = result.document()["choice"]["trials"]
    failed = {trial["parameters"]["n_latent"]: trial["score"] is None for trial in trials}
    assert failed == {"4": False, "1000000000": True}
    assert likewise.load(out).model_.n_latent == 4
    assert "n_latent=1000000000: training DenoisingAutoencoder on" in result.err


SHOP = Interactions.of([["tea", "cup", "milk"], ["ink", "pen", "pad"]] * 20)
WIDTHS = {"n_latent": Span(2, 4, whole=True)}


def test_a_training_that_was_interrupted_is_no_trial(tmp_path):
    pytest.importorskip("optuna", reason="optuna is not installed")

    def stop(at):
        if at.epoch == 2:
            raise KeyboardInterrupt

    model = UndercompleteAutoencoder(max_epochs=3, random_state=0, device="cpu")
    given = {"n_trials": 1, "study": tmp_path / "study.db"}
    told = []
    with pytest.raises(KeyboardInterrupt):
        tuning.tune(model.set_params(progress=stop), WIDTHS, SHOP, **given, on_trial=told.append)
    assert not told
    _, trials = tuning.tune(model.set_params(progress=None), WIDTHS, SHOP, **given)
    assert len(trials) == 1
    assert math.isfinite(trials[0].score)


def test_no_trial_begins_that_earlier_ones_say_would_not_end_in_time(tmp_path, monkeypatch):
    pytest.importorskip("optuna", reason="optuna is not installed")
    given = LinearAutoencoder(), {"l2": Span(1, 10)}, SHOP
    study, score = tmp_path / "study.db", tuning._score

    def slow(*given):
        time.sleep(0.3)
        return score(*given)

    with monkeypatch.context() as patch:
        patch.setattr(tuning, "_score", slow)
        tuning.tune(*given, n_trials=1, study=study)
    for seconds, n_trials in ((0.25, 1), (60, 2)):
        _, trials = tuning.tune(*given, n_trials=2, study=study, max_seconds=seconds)
        assert len(trials) == n_trials


def test_a_metric_that_there_is_not_begins_no_study(tmp_path):
    with pytest.raises(InputError, match="metric 'ndcg' is not known"):
        tuning.tune(
            LinearAutoencoder(), {"l2": Span(1, 10)}, SHOP, metric="ndcg", study=tmp_path / "s.db"
        )
    assert not (tmp_path / "s.db").exists()


def test_without_optuna_it_says_what_to_install_before_the_log_is_read(
    refused, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "optuna", None)
    log = tmp_path / "no such log.csv"
    message = refused("tune", log, "--out", tmp_path / "t.model", *FREE, code=1)
    assert message.endswith(how_to_install("tune"))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "there is nothing to try"),
        (["--set", "l2=20"], "there is nothing to try"),
        (["--set", "l2=20..10"], "LOW below HIGH"),
        (["--set", "item_power=0..1:log"], "LOW above 0"),
        (["--set", "l2=1..10:cube"], "LOW below HIGH"),
        (["--set", "l3=1..10"], "linear has the settings"),
        (["--set", "l2=1..much"], "l2 cannot be 'much'; give LOW..HIGH or LOW..HIGH:log, each a"),
        (["--set", "l2=1..2..3"], "l2 cannot be '2..3'; give LOW..HIGH"),
        (["--set", "l2=1|much"], "--set l2=1|much: l2 cannot be 'much'; give A|B|C, each a number"),
        (["--set", "dropout=0..1"], "dropout cannot be '1'; give LOW..HIGH"),
        (["--model", "neighbourhood", "--set", "n_whole=auto..9"], "n_whole cannot be 'auto'"),
        (["--model", "denoising", "--set", "loss=a..b"], "loss is no number, and has no range"),
        (["--model", "popularity"], "popularity has no settings; likewise fit --model popularity"),
        ([*FREE, "--trials", "0"], "give 1 or more"),
        ([*FREE, "--model", "auto"], "is none of linear"),
        ([*FREE, "--weighting", "heavy"], "weighting='heavy'"),
        ([*FREE, "--metric", "ndcg"], "metric 'ndcg' is not known"),
        (["--space", "no.toml"], "--space no.toml"),
    ],
)
def test_what_is_no_space_is_refused_before_the_log_is_read(refused, tmp_path, given, why):
    log, out = tmp_path / "no such log.csv", tmp_path / "t.model"
    assert why in refused("tune", log, "--out", out, *given)


def test_a_space_is_read_as_its_parameters_are(tmp_path):
    (tmp_path / "a.toml").write_text('n_latent = "4..16:log"\nhidden = ["8", "16,8"]\nseed = 1\n')
    texts = space.from_file(tmp_path / "a.toml")[:2]
    fixed, free = space.read([*texts, "learning_rate=0.01"], DenoisingAutoencoder())
    assert fixed == {"learning_rate": 0.01}
    assert free["n_latent"] == Span(4, 16, log=True, whole=True)
    assert free["hidden"] == OneOf({"8": (8,), "16,8": (16, 8)})
    assert space.read(["l2=1..10"], LinearAutoencoder())[1]["l2"] == Span(1, 10)
    with pytest.raises(InputError, match="has the settings"):
        space.read(["seed=1"], DenoisingAutoencoder())


def test_of_a_setting_given_twice_the_later_counts():
    fixed, free = space.read(
        [
            "l2=1..10",
            "dropout=0.5",
            "item_power=0|0.2",
            "l2=20",
            "dropout=0|0.5",
            "item_power=0..1",
        ],
        LinearAutoencoder(),
    )
    assert fixed == {"l2": 20}
    assert free == {"dropout": OneOf({"0": 0, "0.5": 0.5}), "item_power": Span(0, 1)}
