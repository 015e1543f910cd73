"""`likewise steps`: the seven steps of one basket, on the screen and as a page."""

import re

import pytest

import likewise

STEPS = ["Take one row x", "Encode", "Decode", "Reconstruction error", "Back-propagate",
         "Repeat for every row", "Repeat for more epochs"]  # fmt: skip


def test_all_seven_steps_are_shown_in_order(run, fitted):
    result = run("steps", fitted, "--basket", "85123A,20725")
    assert (result.code, result.err) == (0, "")
    numbered = [line for line in result.out.splitlines() if re.match(r"\d  ", line)]
    assert [line[3:].startswith(step) for line, step in zip(numbered, STEPS, strict=True)] == [
        True
    ] * 7
    assert "x = 1  Tea pot" in result.out


def test_the_numbers_are_those_of_the_library(run, fitted):
    document = run("steps", fitted, "--basket", "85123A", "--json", "-q").document()
    steps = likewise.load(fitted).steps(["85123A"])
    assert document["code"] == steps.code
    assert document["loss"] == steps.loss > steps.loss_after == document["loss_after"]
    assert document["cells"][0]["item"] == "85123A"


def test_a_classic_model_shows_itself(run, orders, tmp_path):
    folder = tmp_path / "classic.model"
    settings = ["--set", "n_latent=3", "--set", "batch_size=1", "--set", "max_epochs=2"]
    settings += ["--set", "optimizer=sgd"]
    run("fit", orders, "--out", folder, "--model", "undercomplete", *settings)
    steps = run("steps", folder, "--basket", "85123A", "--json").document()
    assert (steps["n_latent"], len(steps["losses"]), steps["stands_in_for"]) == (3, 2, None)
    page = tmp_path / "steps.html"
    shown = run("steps", folder, "--basket", "85123A", "--out", page).out
    assert shown.startswith("1  Take one row x")
    assert "stands in" not in shown + page.read_text(encoding="utf-8")


def test_that_another_model_stands_in_is_said_first(run, fitted, tmp_path):
    page = tmp_path / "steps.html"
    first, second, *_ = run("steps", fitted, "--basket", "85123A", "--out", page).out.splitlines()
    assert first == (
        "A small classic autoencoder of the 18 items bought most stands in for the linear model, "
        "which learns in another way and may recommend others."
    )
    assert second == ""
    assert f"</h1>\n<p>{first}</p>" in page.read_text(encoding="utf-8")
    document = run("steps", fitted, "--basket", "85123A", "--json").document()
    assert document["stands_in_for"] == "linear"


def test_unknown_items_are_named(run, fitted):
    assert "(not among these items: 000)" in run("steps", fitted, "--basket", "85123A,000").out


def test_the_page_loads_nothing_from_outside(run, fitted, tmp_path):
    out = tmp_path / "steps.html"
    result = run("steps", fitted, "--basket", "85123A", "--out", out)
    assert (result.code, result.err) == (0, f"wrote {out}\n")
    page = out.read_text(encoding="utf-8")
    assert "Tea pot" in page
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!data:|#)", page)
    assert run("steps", fitted, "--basket", "85123A", "--out", out, "-q").err == ""


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "give --basket, or --images for a model of images"),
        (["--basket", ""], "--basket is empty; give item ids, separated by commas"),
        (["--basket", "85123A", "--basket", "20725"], "name all of its items at once, as"),
        (["--basket", "000,111"], "none of 000, 111 is among the 18 items bought most"),
        (["--basket", "85123A", "--size", "8x8"], "--size and --mode are of --images"),
        (["--images", ".", "--size", "8"], "--size 8 given; give HEIGHTxWIDTH"),
        (["--basket", "85123A", "--out", "steps.txt"], "it is one of .html"),
        (["--basket", "85123A", "--out", "no/steps.html"], "there is no folder no"),
    ],
)
def test_steps_refuses(refused, fitted, tmp_path, monkeypatch, arguments, why):
    monkeypatch.chdir(tmp_path)
    assert why in refused("steps", fitted, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_classic_one_beside_it_says_what_to_do(refused, tmp_path):
    likewise.Recommender().fit([["tea", "cup"], ["tea", "cup"]]).save(tmp_path / "bare.model")
    message = refused("steps", tmp_path / "bare.model", "--basket", "tea")
    assert "no classic autoencoder is kept beside this model: `likewise fit` keeps one" in message


def test_a_bare_autoencoder_is_no_recommender(refused, tmp_path):
    likewise.LinearAutoencoder(l2=1.0).fit([[1.0, 1.0], [1.0, 0.0]]).save(tmp_path / "bare.model")
    for command in ("steps", "recommend"):
        message = refused(command, tmp_path / "bare.model", "--basket", "tea")
        assert message.endswith("holds a bare autoencoder; give a folder that `fit` wrote")
