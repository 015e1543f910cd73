"""`likewise fit --dry-run`, and the limits that every command keeps to."""

import ast
import inspect
import re
import threading

import pytest
import torch

from likewise.autoencoders.parts import in_threads
from likewise.cli import options
from likewise.cli.app import COMMANDS
from likewise.cli.fit import MODELS
from likewise.cli.output import Output
from likewise.data.engine import engine, limit_threads
from likewise.memory import MIB, available_memory

LIMITED = {"fit", "recommend", "also-bought", "evaluate"}
"""Commands whose work grows with the log or the catalogue."""


def test_a_dry_run_says_what_it_would_take_and_writes_nothing(run, orders, tmp_path):
    result = run("fit", orders, "--out", tmp_path / "m", "--dry-run", "--budget", "90")
    lines = result.out.splitlines()
    assert result.code == 0
    assert lines[0].startswith("model      linear (the exact one takes 256 MiB for 18 items, and ")
    assert lines[1] == "learns     232 purchases of 18 items by 40 users"
    assert lines[3] == "time       about 90 s, to choose among models too (--budget 90 s)"
    assert "beside reading, the classic autoencoder of `likewise steps` and the map" in lines[4]
    assert lines[5:] == [
        "half-life  chosen first, in 25 % of it at most (--half-life none for none)",
        "nothing was written",
    ]
    assert list(tmp_path.glob("m*")) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--half-life", "none"], None),
        (["--half-life", "30"], "half-life  30 days"),
        (["--time", ""], None),
        (["--model", "linear"], None),
        (["--model", "linear", "--half-life", "30"], "half-life  30 days"),
        (
            ["--model", "linear", "--half-life", "auto"],
            "half-life  chosen first, in 20 s at most (--half-life none for none)",
        ),
    ],
)
def test_a_dry_run_says_how_purchases_would_lose_weight_and_chooses_nothing(
    run, orders, monkeypatch, given, said
):
    monkeypatch.setattr("likewise.recommend.recency.choose_half_life", None)
    lines = run("fit", orders, "--dry-run", *given).out.splitlines()
    assert [line for line in lines if line.startswith("half-life")] == ([said] if said else [])


def test_a_dry_run_needs_no_place_to_write(run, orders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("fit", orders, "--dry-run").out.endswith("nothing was written\n")
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_takes_the_neighbourhood_where_the_exact_one_would_not_fit(
    run, orders, tmp_path, monkeypatch
):
    monkeypatch.setattr("likewise.memory._machine_available", lambda: 220 * MIB)
    document = run("fit", orders, "--out", tmp_path / "m", "--dry-run", "--json").document()
    assert document["model"] == "neighbourhood"
    assert "each item is solved within its neighbourhood instead" in document["why"]
    assert document["fits"] is True
    assert (document["users"], document["items"], document["purchases"]) == (40, 18, 232)
    assert list(tmp_path.glob("m*")) == []


def test_a_dry_run_tells_what_cannot_do_without_from_what_is_tried(run, orders, monkeypatch):
    whole = run("fit", orders, "--dry-run", "--json").document()
    assert 0 < whole["least_bytes"] < whole["memory_bytes"]
    between = (whole["least_bytes"] + whole["memory_bytes"]) // 2
    for free, fits, said in (
        (between, True, "with counts of pairs and all that is tried: what has no room is left out"),
        (
            whole["least_bytes"] // 1000,
            False,
            "the fit refused unless another type has room; leave out",
        ),
    ):
        monkeypatch.setattr("likewise.recommend.estimate.available_memory", lambda free=free: free)
        assert run("fit", orders, "--dry-run", "--json").document()["fits"] is fits
        assert said in run("fit", orders, "--dry-run").out


@pytest.mark.parametrize("model", ["auto", "linear", "popularity"])
def test_what_would_be_refused_says_what_is_needed_what_is_free_and_what_to_do(
    run, orders, monkeypatch, model
):
    monkeypatch.setattr("likewise.recommend.estimate.available_memory", lambda: 2**10)
    limits = {None: "free some memory", 560: "give --memory 560MiB or more"}
    refused = {
        "auto": "it would be left out, and the fit refused unless another type has room"
    }.get(model, "it would be refused")
    smaller = "" if model == "popularity" else " name a smaller model, such as popularity,"
    for limit, more in limits.items():
        monkeypatch.setattr("likewise.memory.limit_for", lambda _, limit=limit: limit)
        out = run("fit", orders, "--dry-run", "--model", model).out
        assert re.search(
            rf"^memory     \d+ MiB needed, 1 MiB free: {refused}; leave out rare items "
            rf"with --drop,{smaller} or {more}$",
            out,
            re.MULTILINE,
        )


def test_a_dry_run_takes_the_neighbourhood_where_the_exact_one_would_take_too_long(
    run, orders, tmp_path, monkeypatch
):
    monkeypatch.setattr("likewise.recommend.searches.CUBES_PER_SECOND", 18**3 / 10)
    arguments = ["fit", orders, "--out", tmp_path / "m", "--dry-run", "--json", "--budget"]
    models = [run(*arguments, budget).document()["model"] for budget in ("60", "90")]
    assert models == ["neighbourhood", "linear"]


@pytest.mark.parametrize("model", MODELS)
def test_a_dry_run_of_a_named_model(run, orders, tmp_path, model):
    arguments = ["fit", orders, "--out", tmp_path / "m", "--dry-run", "--model", model, "--json"]
    document = run(*arguments).document()
    assert (document["model"], document["why"]) == (model, "named")
    assert document["memory_bytes"] > 0
    assert list(tmp_path.glob("m*")) == []


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--model", "hvamp", "--set", "output=sampled"], "use output='blocked'"),
        (["--model", "deep", "--set", "projection_steps=3"], "set projection_steps=0"),
        (["--model", "denoising", "--set", "loss=bernoulli", "--weighting", "linear"], "in [0, 1]"),
    ],
)
def test_a_dry_run_refuses_what_the_fit_refuses(refused, orders, tmp_path, given, why):
    arguments = ["fit", orders, "--out", tmp_path / "m", "--quiet", *given]
    dry = refused(*arguments, "--dry-run")
    assert why in dry
    assert dry == refused(*arguments)


def test_a_dry_run_accepts_what_the_weighting_makes_learnable(run, orders):
    given = ["--model", "denoising", "--set", "loss=bernoulli", "--weighting", "binary"]
    assert run("fit", orders, "--dry-run", *given).code == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_takes_memory_and_threads_keeps_to_them(name):
    command = COMMANDS[name].command
    has = {"memory", "threads"} & set(inspect.signature(command).parameters)
    calls = [node for node in ast.walk(ast.parse(inspect.getsource(command)))
             if isinstance(node, ast.Call) and ast.unparse(node.func) == "o.limit"]  # fmt: skip
    expected = ["o.limit(memory, threads, output)"] if name in LIMITED or has else []
    assert [ast.unparse(call) for call in calls] == expected


def test_the_limits_are_those_of_the_process_and_of_compiled_loops():
    before = torch.get_num_threads()
    try:
        options.limit("1MB", 1, Output())
        assert available_memory() == 0
        threads = set(in_threads(lambda _: threading.get_ident(), range(50)))
        assert len(threads) == 1
        options.limit("1TB", 3, Output(quiet=True))
        assert available_memory() > 0
        assert torch.get_num_threads() == 3
        with engine() as duck:
            assert duck.threads() == 3
        gate = threading.Barrier(3, timeout=20)
        assert sorted(in_threads(lambda _: gate.wait(), range(3))) == [0, 1, 2]
    finally:
        torch.set_num_threads(before)
        limit_threads(None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            ["--memory", "520MB"],
            "100 neighbours, and 100 columns over all items: memory has no room for 200 and 200, "
            "for which --memory {}MiB would do",
        ),
        (
            ["--memory", "520MB", "--set", "n_neighbours=30"],
            "30 neighbours, and 200 columns over all items",
        ),
        ([], "200 neighbours, and 200 columns over all items"),
    ],
)
def test_a_dry_run_says_how_dense_a_sparse_one_would_be(run, many_items, given, words):
    result = run("fit", many_items, "--dry-run", "--model", "neighbourhood", *given)
    (line,) = [line for line in result.out.splitlines() if line.startswith("density")]
    assert re.sub(r"--memory \d+", "--memory {}", line) == f"density    {words}"
    assert "would be refused" not in result.out


@pytest.mark.parametrize("given", [[], ["--set", "n_neighbours=1000000"]])
def test_of_few_items_no_more_neighbours_are_told_than_there_are(run, orders, given):
    command = ["fit", orders, "--dry-run", "--model", "neighbourhood", *given]
    assert "\ndensity    17 neighbours\n" in run(*command).out
    density = run(*command, "--json").document()["density"]
    assert density["taken"] == density["densest"]
    assert (density["taken"]["n_neighbours"], density["taken"]["n_whole"]) == (17, 0)


def test_where_trials_decide_a_dry_run_says_nothing_of_density(run, orders, monkeypatch):
    monkeypatch.setattr("likewise.memory._machine_available", lambda: 220 * MIB)
    result = run("fit", orders, "--dry-run")
    assert result.out.startswith("model      neighbourhood")
    assert "density" not in result.out
