"""The documentation is true: its blocks run, its commands and options exist, its links lead on.

A ```python block runs as it stands; one with ``>>>`` is a doctest. The blocks of one page share
their names. A line ``$ likewise ...`` (in a ```bash block without the $) runs where that is cheap.
"""

import doctest
import re
import shlex
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest
import typer

import likewise
from likewise.autoencoders import TYPES
from likewise.cli.app import COMMANDS, app
from likewise.data.public_sets import PUBLIC_SETS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
LIKEWISE = typer.main.get_command(app)

PAGE = "docs/command-line.md"
"""Its examples are run with what they print."""

OTHER_COLUMNS = {"docs/file-formats.md"}
"""Pages whose orders.csv has other columns than the one here: their commands are parsed only."""


def blocks(text, *languages):
    return [code for language, code in BLOCK.findall(text) if language in languages]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def commands(text):
    """Return the lines that call likewise, each split into arguments."""
    lines = [line for code in blocks(text, "console") for line in code.splitlines()]
    typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    typed += [line for code in blocks(text, "bash") for line in code.splitlines()]
    return [shlex.split(line)[1:] for line in typed if line.startswith("likewise")]


# Python


@pytest.mark.parametrize("name", NAMES)
def test_python_blocks_run(name, shop, monkeypatch):
    page = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", page)  # where a class of the page looks for its module
    for number, code in enumerate(blocks(read(name), "python")):
        if ">>>" not in code:
            exec(compile(code, f"{name} block {number}", "exec"), vars(page))  # noqa: S102 - ours
            continue
        test = doctest.DocTestParser().get_doctest(code, vars(page), f"{name} {number}", name, 0)
        runner = doctest.DocTestRunner(optionflags=FLAGS)
        said: list[str] = []
        runner.run(test, out=said.append, clear_globs=False)
        vars(page).update(test.globs)
        assert not runner.failures, "".join(said)


TYPES_PAGES = [name for name in NAMES if name.startswith("docs/types/")]
SOURCE = "\n".join(
    path.read_text()
    for room in ("autoencoders", "nn")
    for path in (ROOT / "src/likewise" / room).glob("*.py")
)


@pytest.mark.parametrize("name", TYPES_PAGES)
def test_the_code_that_is_explained_is_that_of_the_type(name):
    """A ```py block quotes lines of the source; it is not run."""
    source = {line.strip() for line in SOURCE.splitlines()}
    for code in blocks(read(name), "py"):
        assert {line.strip() for line in code.splitlines() if line.strip()} <= source


@pytest.mark.parametrize("name", TYPES_PAGES)
def test_a_table_of_parameters_has_the_defaults_of_the_type(name):
    page = read(name)
    assert "| | |\n" not in page, "a table of parameters has a column of defaults"
    for rows in re.findall(r"^\| \| default \| \|\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE):
        told = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", rows, re.MULTILINE))
        parameters = TYPES[Path(name).stem]().get_params()
        assert told == {key: _as_told(parameters[key]) for key in told}
        assert len(told) == rows.count("\n")


def _as_told(default):
    return f"{default:g}" if isinstance(default, float) else str(default)


def test_every_public_name_has_a_heading_on_the_python_page():
    page = read("docs/python.md")
    explained = set(re.findall(r"^### `(\w+)`$", page, flags=re.MULTILINE))
    explained |= set(re.findall(r"^\| `(\w+Error)` \|", page, flags=re.MULTILINE))
    assert explained == set(likewise.__all__) - {"__version__"}
    assert "likewise.__version__" in page


# The command line


@pytest.mark.parametrize("name", NAMES)
def test_commands_parse(name):
    for arguments in commands(read(name)):
        context = LIKEWISE.make_context("likewise", arguments[:1], resilient_parsing=True)
        if arguments[0].startswith("-"):
            continue
        LIKEWISE.commands[arguments[0]].make_context(arguments[0], arguments[1:], parent=context)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in {PAGE, *OTHER_COLUMNS}])
def test_cheap_commands_run(name, model, run, cheap_line_up):
    for arguments in commands(read(name)):
        files = [word for word in arguments if re.search(r"\.(csv|parquet)$", word)]
        there = [file for file in files if file.startswith("recs") or Path(file).exists()]
        if (
            arguments[0] in {"demo", "serve"}
            or files != there
            or "postgresql" in " ".join(arguments)
        ):
            continue
        code, shown = run(arguments)
        assert code == 0, f"{arguments}: {shown}"


MASKS = [
    (r"\d*\.\d+", "#"),  # numbers differ in their last digits from machine to machine
    (r"\d+ MiB", "# MiB"),
    (r"[█·]+|─+", "-"),
    (r"\s+", " "),
]


def masked(shown):
    for pattern, instead in MASKS:
        shown = re.sub(pattern, instead, shown)
    return shown.strip()


def test_the_command_line_page_shows_what_is_printed(shop, run):
    """Every example of the page prints what stands below it; "…" stands for anything."""
    for block in blocks(read(PAGE), "console"):
        for example in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = example.partition("\n")
            code, shown = run(shlex.split(command)[1:])
            pattern = ".*".join(re.escape(part) for part in masked(printed).split("…"))
            assert code == 0, shown
            assert re.fullmatch(pattern, masked(shown)), f"{command}\n{shown}"


def sections():
    """Return heading -> text of the command-line page."""
    parts = re.split(r"^## (.*)\n", read(PAGE), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def table(section):
    """Return option -> default of a section's table of options."""
    rows = re.findall(r"^\| (`-.*?) \| (.*?) ?\| .*\|$", section, flags=re.MULTILINE)
    return {name: default for names, default in rows for name in re.findall(r"`(-[\w-]+)`", names)}


def options(command):
    """Return the options that a command really has."""
    context = LIKEWISE.commands[command].make_context(command, [], resilient_parsing=True)
    return {
        name: parameter
        for parameter in LIKEWISE.commands[command].get_params(context)
        for name in parameter.opts
        if name.startswith("-")
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_page_has_every_option_and_no_other(command):
    own = table(sections()[f"likewise {command}"])
    of_every = table(sections()["Options of every command"])
    of_logs = table(sections()["Options that read a log"])
    shared = {*of_every, *(of_logs if command in {"fit", "tune", "evaluate"} else ())}
    assert not shared & {*own}
    assert {*own} | shared == {*options(command)}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_line_page_has_the_right_defaults(command):
    for name, default in table(sections()[f"likewise {command}"]).items():
        parameter = options(command)[name]
        assert (default == "needed") == parameter.required
        if not parameter.required and parameter.default not in {None, False}:
            assert default == str(parameter.default)


def test_the_command_line_page_has_no_command_that_is_gone():
    told = {name.removeprefix("likewise ") for name in sections() if name.startswith("likewise ")}
    assert told == {*COMMANDS}


# Links, versions, and what has no place here


def anchors(text):
    """Return the anchors that a page's headings make."""
    prose = BLOCK.sub("", text)
    headings = re.findall(r"^#+ (.*)$", prose, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", [*NAMES, "CHANGELOG.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name):
    page = ROOT / name
    for link in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", read(name))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


def test_the_page_on_evaluation_names_every_public_set_and_no_other():
    section = read("docs/evaluation.md").split("## Sets cut")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(.+?)`", "".join(rows))) == sorted(PUBLIC_SETS)


def test_the_changelog_begins_with_this_version():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    versions = re.findall(r"^## \[?(\d[^\]\s]*)", read("CHANGELOG.md"), flags=re.MULTILINE)
    assert versions[0] == project["version"]


OUT_OF_PLACE = {
    "a folder of somebody's machine": (
        r"(?<![\w.)}])/(?:wor[k]|roo[t]|home/\w+|Users/\w+)/|/tm[p]/\w"
    ),
    "how the work was organised": (
        r"(?i)\b(?:this|previous|earlier|next|other|another|parallel) (?:sessio[n]|helpe[r])s?\b"
        r"|\bissu[e] ?#? ?\d|\bthe brie[f]\b|\bAI[- ]generate[d]\b|language mode[l]"
    ),
    "a registry": r"(?i)index-ur[l]|extra-inde[x]|pypi\.or[g]/simple|artifactor[y]|\bnexu[s]\b",
}


def text_files():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("this is no git checkout, so what belongs to the project is not known")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and b"\0" not in path.read_bytes()[:8192]:
            yield name, path.read_text(encoding="utf-8")


@pytest.mark.parametrize("what", OUT_OF_PLACE)
def test_nothing_is_out_of_place(what):
    found = [
        f"{name}: {match[0]}"
        for name, text in text_files()
        for match in re.finditer(OUT_OF_PLACE[what], text)
    ]
    assert found == []
