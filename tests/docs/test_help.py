"""The help of every command has examples, and they run as they stand."""

import re
import shlex

import pytest
import typer

from likewise.cli.app import COMMANDS, app

LIKEWISE = typer.main.get_command(app)


def examples(command):
    """Return the examples in a command's help, split into arguments."""
    context = LIKEWISE.make_context("likewise", [command], resilient_parsing=True)
    text = LIKEWISE.commands[command].get_help(context)
    return [shlex.split(line)[1:] for line in re.findall(r"^ +(likewise .*)$", text, re.MULTILINE)]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_has_examples_of_its_own_command(command):
    found = examples(command)
    assert found
    assert {arguments[0] for arguments in found} == {command}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_runs(command, model, run, cheap_line_up):
    for arguments in examples(command):
        if command in {"demo", "serve"}:  # minutes, and until it is stopped
            LIKEWISE.commands[command].make_context(command, arguments[1:])
            continue
        code, shown = run(_few(arguments))
        assert code == 0, shown


def _few(arguments):
    """Ask for no more items than the small shop has."""
    few = list(arguments)
    if "-k" in few:
        few[few.index("-k") + 1] = "10"
    return few


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command):
    for parameter in LIKEWISE.commands[command].params:
        assert parameter.help, f"{command} {parameter.name}"


def test_help_of_all_names_every_command(run):
    code, shown = run([])
    assert code == 0
    assert [c for c in COMMANDS if f"\n  {c} " not in shown] == []
    assert run(["--help"]) == (0, shown)


def test_help_fits_a_narrow_terminal_but_for_what_is_copied(run):
    for command in COMMANDS:
        lines = run([command, "--help"])[1].splitlines()
        assert [n for n in lines if len(n) > 80 and not n.startswith("    likewise ")] == []
