"""`likewise types` tells of every type there is, and of no other."""

import shlex
from pathlib import Path

import typer

from likewise import autoencoders
from likewise.cli.app import app
from likewise.cli.fit import MODELS
from likewise.cli.types import TYPES

LIKEWISE = typer.main.get_command(app)
PAGES = Path(__file__).parents[2] / "docs" / "types"


def test_every_type_is_told_of_once_and_has_a_page():
    assert set(TYPES) == set(autoencoders.TYPES)
    assert {page.stem for page in PAGES.glob("*.md")} >= set(TYPES)


def test_the_commands_are_there():
    for name, about in TYPES.items():
        program, command, *words = shlex.split(about.use)
        assert program == "likewise"
        options = {o for p in LIKEWISE.commands[command].params for o in p.opts}
        assert {word for word in words if word.startswith("--")} <= options
        if "--model" in words:
            assert words[words.index("--model") + 1] == name
            assert name in MODELS
        if "--type" in words:  # test_cli_tables.py and test_cli_images.py run them all
            assert words[words.index("--type") + 1] == name


def test_the_table_and_its_json_say_the_same(run):
    lines = [line for line in run("types").out.splitlines() if line.strip()]
    assert [line.split()[0] for line in lines[2:] if line[2] != " "] == list(TYPES)
    document = run("types", "--json").document()
    assert [row["type"] for row in document] == list(TYPES)
    assert document[0].keys() == {"type", "idea", "penalty", "when", "use"}
