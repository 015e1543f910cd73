"""The command line in processes of its own: exit codes, streams, Ctrl-C, a reader who leaves."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import likewise
from likewise.cli import main

LIKEWISE = [sys.executable, "-m", "likewise"]
FULL = Path("/dev/full")
NEVER_ENDING = ["--model", "variational", "--budget", "500", "--set", "n_latent=4", "--set",
                "hidden=8", "--set", "max_epochs=1000000", "--set", "patience=1000000"]  # fmt: skip
SLOW_CHOICE = """
import os, signal
from likewise.recommend import selection
selection.evaluate = lambda *given, **named: os.kill(os.getpid(), signal.SIGINT)
"""
"""Ctrl-C while the first of the settings is judged."""

SWALLOWED = """
import os, signal, time
from likewise.recommend import line_up

class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)

def slow(*given, **named):
    del Dying.of
    HALF_DONE

Dying.of = Dying()
line_up.every = slow
"""
"""Ctrl-C in a destructor, out of which Python lets nothing."""


def test_the_package_installs_this_command():
    (script,) = entry_points(group="console_scripts", name="likewise")
    assert script.load() is main


def test_results_and_notes_do_not_mix(process, orders, tmp_path):
    out = tmp_path / "shop.model"
    done = process("fit", orders, "--out", out, "--model", "linear", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["out"] == str(out)
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["read", "kept"]


def test_nothing_but_what_likewise_says_is_on_stderr(process, orders, tmp_path):
    """No warning of a library reaches the user, whatever is trained and drawn."""
    page = tmp_path / "report.html"
    given = ["--budget", 1, "--seeds", 1, "--quiet"]
    done = process("evaluate", orders, *given, "--out", page)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Mult-VAE" in done.stdout
    assert page.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["--version"], 0, None),
        (["fit", "--help"], 0, None),
        (["guess"], 2, "error: No such command 'guess'."),
        (["fit", "--out"], 2, "error: Option '--out' requires an argument."),
    ],
)
def test_exit_codes(process, tmp_path, arguments, code, line):
    done = process(*arguments, cwd=tmp_path)
    assert done.returncode == code
    if line is None:
        assert (done.stderr, bool(done.stdout)) == ("", True)
    else:
        assert done.stdout == ""
        assert done.stderr.startswith(line)
        assert done.stderr.count("\n") == 1


def test_help_comes_without_loading_torch(process):
    after = "import atexit, sys\natexit.register(lambda: print('torch' in sys.modules))"
    done = process("fit", "--help", prelude=after)
    assert done.stdout.splitlines()[-1] == "False"


def test_a_full_disk_leaves_the_old_model(process, orders, fitted, tmp_path):
    out = shutil.copytree(fitted, tmp_path / "shop.model")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))"
    done = process("fit", orders, "--out", out, "--model", "linear", "-q", prelude=limit)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: cannot save the model to '{out}': ")
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_reader_who_leaves_ends_the_command_quietly(fitted):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        done = subprocess.run(
            [*LIKEWISE, "recommend", str(fitted), "--basket", "85123A", "--json"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_results_that_cannot_be_printed_are_an_error():
    with FULL.open("w") as full:
        done = subprocess.run(
            [*LIKEWISE, "fit", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "error: [Errno 28] No space left on device\n")


def test_ctrl_c_while_settings_are_chosen_writes_nothing(process, orders, tmp_path):
    out = tmp_path / "shop.model"
    done = process("fit", orders, "--out", out, "-q", prelude=SLOW_CHOICE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "error: stopped by Ctrl-C before it was done"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("then", ["time.sleep(20)", "raise RuntimeError('no compiled object')"])
def test_ctrl_c_that_python_cannot_raise_where_it_comes_ends_the_command_too(process, orders, then):
    done = process("evaluate", orders, "-q", prelude=SWALLOWED.replace("HALF_DONE", then))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == "error: stopped by Ctrl-C before it was done"


def test_ctrl_c_in_training_keeps_the_best_weights_and_says_so(orders, tmp_path):
    """On a terminal: the bar shows how far training is; after Ctrl-C the model is written."""
    out = tmp_path / "shop.model"
    terminal, inside = pty.openpty()
    fit = subprocess.Popen(
        [*LIKEWISE, "fit", str(orders), "--out", str(out), *NEVER_ENDING],
        stdout=subprocess.PIPE,
        stderr=inside,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TERM": "xterm", "COLUMNS": "200"},
    )
    os.close(inside)
    try:
        shown = _read_until(terminal, "nDCG")  # the bar names the score of an epoch that ended
        fit.send_signal(signal.SIGINT)
        shown += _read_until(terminal, "(stopped by interrupt)")
        stdout, _ = fit.communicate(timeout=120)
    finally:
        fit.kill()
        os.close(terminal)
    assert fit.returncode == 0
    assert "rows/s" in shown
    assert "s left" in shown
    assert stdout.startswith(f"wrote {out}: variational over 18 items")
    recommender = likewise.load(out)
    training = recommender.metrics["training"]
    scores = [epoch["validation"] for epoch in training["epochs"]]
    assert training["stopped"] == "interrupt"
    assert scores[training["best_epoch"] - 1] == max(scores)
    assert len(recommender.recommend([["85123A"]], 3)[0]) == 3


def _read_until(terminal: int, words: str) -> str:
    """Read what a terminal shows until the words are there."""
    shown = ""
    while words not in shown:
        ready, _, _ = select.select([terminal], [], [], 120)
        assert ready, f"{words!r} was not shown within two minutes, but {shown[-2000:]!r}"
        shown += os.read(terminal, 65536).decode("utf-8", "replace")
    return shown
