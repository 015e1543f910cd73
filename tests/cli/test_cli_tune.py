"""`likewise tune`: a space is read, trials are printed and kept, the best one is fitted."""

import sys

import pytest

import likewise
from likewise.autoencoders import DenoisingAutoencoder, LinearAutoencoder
from likewise.cli import space
from likewise.errors import InputError
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


def test_a_study_is_gone_on_with_and_another_is_refused(tune, refused, orders, tmp_path):
    study = ["--study", tmp_path / "study.db"]
    first = tune(*study, "--trials", "2", "--json").document()["choice"]["trials"]
    both = tune(*study, "--trials", "3", "--json").document()["choice"]["trials"]
    assert both[:2] == first
    assert len(both) == 3
    assert both[2] not in first
    other = ["--out", tmp_path / "o.model", *FREE, *study, "--metric", "recall@20"]
    assert "a study of another log" in refused("tune", orders, *other)
    (tmp_path / "text.db").write_text("no database at all, but a text that is long enough" * 9)
    given = ["--out", tmp_path / "o.model", *FREE, "--study", tmp_path / "text.db"]
    assert "is no study" in refused("tune", orders, *given)


def test_a_neural_model_keeps_its_best_epochs(run, orders, tmp_path):
    pytest.importorskip("optuna", reason="optuna is not installed")
    given = ["--model", "denoising", "--set", "n_latent=2..4", "--set", "max_epochs=2"]
    result = run("tune", orders, "--out", tmp_path / "t.model", *given, "--trials", "2")
    assert result.code == 0
    assert 2 <= likewise.load(tmp_path / "t.model").model_.n_latent <= 4


def test_without_optuna_it_says_what_to_install(refused, orders, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    message = refused("tune", orders, "--out", tmp_path / "t.model", *FREE, code=1)
    assert "pip install 'likewise[tune]'" in message


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "there is nothing to try"),
        (["--set", "l2=20"], "there is nothing to try"),
        (["--set", "l2=20..10"], "LOW below HIGH"),
        (["--set", "l2=0..10:log"], "LOW above 0"),
        (["--set", "l2=1..10:cube"], "LOW below HIGH"),
        (["--set", "l3=1..10"], "linear has the settings"),
        (["--set", "l2=1..much"], "give a number"),
        ([*FREE, "--trials", "0"], "give 1 or more"),
        ([*FREE, "--model", "auto"], "is none of linear"),
        ([*FREE, "--weighting", "heavy"], "weighting='heavy'"),
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
