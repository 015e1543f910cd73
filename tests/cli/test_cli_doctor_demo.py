"""`likewise doctor` says what is there and what is broken; `likewise demo` does the whole job."""

import re
import shlex
import sys
from pathlib import Path

import pytest

import likewise
from likewise import extras
from likewise.cli import demo, doctor
from likewise.cli.output import Output
from likewise.extras import EXTRAS, how_to_install


def test_a_healthy_machine(run):
    result = run("doctor")
    assert (result.code, result.err) == (0, "")
    told = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert told["likewise"] == likewise.__version__
    assert [line.split()[-1] for line in result.out.splitlines()[-3:]] == ["ok"] * 3


def test_doctor_as_json(run):
    document = run("doctor", "--json", "--quiet").document()
    assert document["facts"]["likewise"] == likewise.__version__
    assert document["checks"] == dict.fromkeys(doctor.CHECKS, "ok")


def test_a_broken_part_is_named_and_the_exit_code_is_1(run, monkeypatch):
    def broken():
        raise ArithmeticError("this LAPACK computes wrongly")

    monkeypatch.setitem(doctor.CHECKS, "linear algebra", broken)
    result = run("doctor")
    assert result.code == 1
    assert "linear algebra  FAILED: this LAPACK computes wrongly" in result.out
    assert result.err == "ArithmeticError: this LAPACK computes wrongly\n"


def test_a_package_that_is_missing_is_told(run, monkeypatch):
    monkeypatch.setattr(doctor, "PACKAGES", ("likewise", "no-such-package"))
    monkeypatch.setitem(EXTRAS, "postgres", "no_such_module")
    out = run("doctor").out
    assert "no-such-package missing" in out
    assert how_to_install("postgres") in out


@pytest.mark.parametrize("is_clone", [True, False])
def test_what_is_missing_is_installed_from_where_likewise_came(monkeypatch, tmp_path, is_clone):
    if is_clone:
        (tmp_path / "pyproject.toml").touch()
        (tmp_path / "constraints.txt").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(extras, "_CLONE", tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    of_the_clone = (
        ".venv/bin/python -m pip install --editable '.[serve]' --constraint constraints.txt"
    )
    expected = of_the_clone if is_clone else "pip install 'likewise[serve]'"
    assert how_to_install("serve") == expected


def test_the_demo_says_what_a_next_command_needs_first(monkeypatch):
    assert " serve m" in "\n".join(demo._next(Path("m")))
    monkeypatch.setitem(EXTRAS, "serve", "no_such_module")
    (line,) = [line for line in demo._next(Path("m")) if " serve m" in line]
    assert line.endswith(f"  # first: {how_to_install('serve')}")


@pytest.mark.parametrize("check", doctor.CHECKS)
def test_each_check_looks_at_what_it_names(check, run, monkeypatch):
    """A check passes on what works, and fails where that answers wrongly."""
    wrong = {
        "reading a log": ("likewise.data.log.read_log", lambda path: _Wrong()),
        "linear algebra": ("numpy.linalg.inv", lambda table: 2 * table),
        "model folder": ("likewise.recommend.folder.load", lambda folder: _Wrong()),
    }
    monkeypatch.setattr(*wrong[check])
    document = run("doctor", "--json")
    assert document.code == 1
    assert f'"{check}": "FAILED: ' in document.out


class _Wrong:
    """Answers anything, wrongly."""

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **options):
        return [[self]]

    def tolist(self):
        return [7]


@pytest.fixture
def small_demo(orders, monkeypatch):
    """The demo on the log of the small shop, with a second for each model."""
    log = likewise.read_log(orders)
    monkeypatch.setattr("likewise.data.datasets.load_sample", lambda: log)
    monkeypatch.setattr(demo, "SEARCH_SECONDS", 0.5)
    monkeypatch.setattr(demo, "FIT_SECONDS", 0.5)
    monkeypatch.setattr(demo, "CUSTOMERS", ("c001", "c002"))
    monkeypatch.setattr(demo, "PRODUCTS", ("85123A", "20725", "48138"))


def test_the_demo_does_the_whole_job(run, small_demo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("demo")
    assert result.code == 0
    assert "1  Reading a real log" in result.err
    assert "Recommended for customer c001, who has " in result.out
    assert "Customers who bought Tea pot also bought" in result.out
    assert "Split: global time. Test: " in result.out
    assert "item k-NN" in result.out
    pictures = [tmp_path / "likewise-demo" / f"{name}.png" for name in
                ("learning-curve", "recall-by-model", "product-map")]  # fmt: skip
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    kept = likewise.load(tmp_path / "likewise-demo" / "shop.model").metrics["comparison"]
    assert [model["model"] for model in kept["models"]] == list(demo.MODELS)
    _the_next_commands_run(run, result.out)


def test_the_demo_prints_small_scores_with_decimals_that_tell_them_apart(
    small_demo, orders, capsys
):
    log = likewise.read_log(orders)
    recommender = likewise.Recommender(likewise.LinearAutoencoder(l2=1e6)).fit(log)
    demo._answers(recommender, log, Output(as_json=False, quiet=True))
    scores = re.findall(r"0\.0\d+", capsys.readouterr().out)
    assert len(scores) == 5 * (2 + 3)
    assert all(map(float, scores))


def _the_next_commands_run(run, out):
    lines = [line.strip() for line in out.split("Next:\n")[1].splitlines()]
    commands = [shlex.split(line)[1:] for line in lines]
    assert [command[0] for command in commands] == [
        "recommend",
        "also-bought",
        "steps",
        "serve",
        "fit",
        "evaluate",
    ]
    for command in commands[:3]:  # those on the model that the demo wrote
        assert run(*command).code == 0


def test_the_demo_as_json(run, small_demo, tmp_path):
    out = tmp_path / "shown"
    result = run("demo", "--out", out, "--json", "--quiet")
    document = result.document()
    assert result.err == ""
    assert document["model"] == str(out / "shop.model")
    assert list(document["recommended"]) == ["c001", "c002"]
    assert len(document["also_bought"]["85123A"]) == 5
    assert [m["model"] for m in document["quality"]["models"]] == list(demo.MODELS)
    assert likewise.load(document["model"]).n_items == 18


def test_the_demo_refuses_a_place_that_is_taken(refused, small_demo, tmp_path):
    (tmp_path / "file").write_text("")
    assert "is a file; name a folder" in refused("demo", "--out", tmp_path / "file")
    (tmp_path / "shop.model").mkdir()
    assert "is not a model folder" in refused("demo", "--out", tmp_path)


def test_the_next_commands_are_as_they_can_be_typed(monkeypatch):
    monkeypatch.setattr("sys.argv", ["bin/likewise", "demo"])
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert demo._next(Path("shop.model"))[4] == "  bin/likewise serve shop.model"
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert demo._next(Path("shop.model"))[4] == "  likewise serve shop.model"
