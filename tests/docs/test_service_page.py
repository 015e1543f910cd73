"""The page about the service names every route, key and option, and no route that is gone."""

import configparser
import json
import re
from pathlib import Path

import typer

from likewise.cli.app import app
from likewise.serve import answers, requests
from likewise.serve.app import ROUTE_NAMES, ROUTES
from likewise.serve.settings import Settings

COMMANDS = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
PAGE = (Path(__file__).parents[2] / "docs" / "service.md").read_text(encoding="utf-8")


def test_the_table_has_every_route_and_no_other():
    told = set(re.findall(r"^\| `(GET|POST) (/\S+)` \|", PAGE, flags=re.MULTILINE))
    routes = {(method, path.replace(":path", "")) for method, path, *_ in ROUTES}
    probes = {("GET", path) for path in ROUTE_NAMES if not path.startswith("/v1")}
    assert told == routes | probes


def test_every_key_of_a_request_and_an_answer_is_told():
    for name, model in {**vars(requests), **vars(answers)}.items():
        for key in getattr(model, "model_fields", {}) if isinstance(model, type) else ():
            assert re.search(rf"[`\"]{key}[`\"]", PAGE), f"{name}.{key}"


def test_every_option_is_told():
    command = typer.main.get_command(app).commands["serve"]
    options = {name for parameter in command.params for name in parameter.opts if name[:2] == "--"}
    below = COMMANDS.split("\n## likewise serve\n")[1].split("\n## ")[0]
    rows = {*re.findall(r"^\| `(--\S+)` \|", below, flags=re.MULTILINE)}
    assert {name for name in options - rows if f"`{name}`" not in PAGE} == set()
    assert rows <= options
    assert "films=runs/films.model" in PAGE
    assert "`NAME=FOLDER`" in below


def test_the_commands_of_the_deployments_parse():
    command = typer.main.get_command(app).commands["serve"]
    (unit,) = re.findall(r"ExecStart=\S+likewise serve (.*)", PAGE)
    entry, rest = (
        re.findall(r'"([^"]*)"', line)
        for line in re.findall(r"^    (?:ENTRYPOINT|CMD) (\[.*\])$", PAGE, flags=re.MULTILINE)
    )
    for arguments in (unit.split(), [*entry[2:], *rest]):
        assert command.make_context("serve", arguments)


# Deployments


def block(heading, language_start):
    """The indented block below a heading, from the line that begins so."""
    below = PAGE.split(f"\n### {heading}\n")[1].split("\n### ")[0]
    lines = [line[4:] for line in below.splitlines() if line.startswith("    ")]
    assert lines[0].startswith(language_start)
    return lines


def test_the_systemd_unit_has_sections_and_keys_that_systemd_knows():
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str
    parser.read_string("\n".join(block("systemd", "[Unit]")))
    assert {section: {*parser[section]} - known for section, known in UNIT_KEYS.items()} == {
        section: set() for section in parser.sections()
    }
    # The service ends by itself within --timeout and 5 seconds; systemd must wait for that.
    assert int(parser["Service"]["TimeoutStopSec"]) >= Settings().timeout + 5


UNIT_KEYS = {
    "Unit": {"Description", "After", "Wants"},
    "Service": {
        "Type", "ExecStart", "ExecReload", "DynamicUser", "ProtectSystem", "ProtectHome",
        "NoNewPrivileges", "PrivateTmp", "LoadCredential", "MemoryMax", "Restart", "TimeoutStopSec",
        "CacheDirectory", "Environment",
    },
    "Install": {"WantedBy"},
}  # fmt: skip
"""Keys of systemd.unit(5), systemd.service(5) and systemd.exec(5) that the page may use."""


def test_both_deployments_keep_what_is_compiled_where_they_may_write():
    (folder,) = set(re.findall(r"NUMBA_CACHE_DIR=(\S+)", PAGE))
    (named,) = re.findall(r"CacheDirectory=(\S+)", PAGE)  # systemd makes /var/cache/NAME
    assert folder == f"/var/cache/{named}"
    assert re.search(rf"install --directory --owner=likewise \S+ {folder}$", PAGE, re.MULTILINE)


def test_the_container_file_has_instructions_in_an_order_that_builds():
    lines = "\n".join(block("A container", "FROM ")).replace("\\\n", "").splitlines()
    words = [line.split(maxsplit=1)[0] for line in lines]
    known = {"FROM", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert (words[0], {*words} <= known) == ("FROM", True)
    assert words.index("RUN") < words.index("USER") < words.index("ENTRYPOINT") < words.index("CMD")
    for line in lines:
        if found := re.fullmatch(r"(?:HEALTHCHECK CMD|ENTRYPOINT|CMD) (.*)", line):
            assert all(isinstance(part, str) for part in json.loads(found[1]))
    (probe,) = (line for line in lines if line.startswith("HEALTHCHECK"))
    compile(json.loads(probe.split(" CMD ")[1])[2], "healthcheck", "exec")


def test_the_proxys_configuration_is_balanced_and_limits_bodies_as_the_service_does():
    text = "\n".join(block("A reverse proxy with TLS (nginx)", "upstream"))
    depth = 0
    for line in text.splitlines():
        depth += line.count("{") - line.count("}")
        assert depth >= 0
        assert line.rstrip()[-1] in "{};", line
    assert depth == 0
    (name,) = re.findall(r"upstream (\w+) \{", text)
    assert f"proxy_pass http://{name};" in text
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", text)
    assert int(megabytes) << 20 == Settings().max_body


# Security


def test_every_rule_names_tests_that_are_there():
    """The table's last column: what shows that the rule holds."""
    rows = re.findall(r"^\| .+ \| (`test_[^|]+) \|$", PAGE, flags=re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(test_\w+)`", row)]
    folder = Path(__file__).parents[1]
    written = "\n".join(path.read_text("utf-8") for path in folder.rglob("test_*.py"))
    assert len(rows) >= 12
    assert [name for name in named if f"def {name}(" not in written] == []
