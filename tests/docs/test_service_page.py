"""The page about the service names every route, key and option, and no route that is gone."""

import re
from pathlib import Path

import typer

from likewise.cli.app import app
from likewise.serve import answers, requests
from likewise.serve.app import ROUTE_NAMES, ROUTES

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


def test_every_option_that_changes_what_is_safe_or_how_much_is_told():
    command = typer.main.get_command(app).commands["serve"]
    options = {name for parameter in command.params for name in parameter.opts if name[:2] == "--"}
    untold = {name for name in options if f"`{name}`" not in PAGE and f"{name} " not in PAGE}
    assert untold <= {"--json", "--port", "--quiet"}


def test_the_commands_of_the_deployments_parse():
    command = typer.main.get_command(app).commands["serve"]
    (unit,) = re.findall(r"ExecStart=\S+likewise serve (.*)", PAGE)
    entry, rest = (
        re.findall(r'"([^"]*)"', line)
        for line in re.findall(r"^    (?:ENTRYPOINT|CMD) (\[.*\])$", PAGE, flags=re.MULTILINE)
    )
    for arguments in (unit.split(), [*entry[2:], *rest]):
        assert command.make_context("serve", arguments)
