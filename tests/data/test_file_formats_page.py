"""The page about file formats says what the code does."""

import inspect
import re
from pathlib import Path

import pytest

from likewise.data.columns import NAMES, find_columns, normalise
from likewise.data.files import FORMATS, PACKED
from likewise.data.log import read_log

PAGE = (Path(__file__).parents[2] / "docs" / "file-formats.md").read_text(encoding="utf-8")
LOG_PART = PAGE.split("\n## The model")[0]


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", LOG_PART, flags=re.DOTALL)


def test_the_example_prints_what_the_page_says(capsys):
    exec(compile(_blocks("python")[0], "file-formats.md", "exec"), {})  # noqa: S102 - the page
    assert capsys.readouterr().out == _blocks("text")[0]


def test_the_csv_of_the_page_is_read_as_it_stands(write):
    log = read_log(write("orders.csv", _blocks("csv")[0]))
    assert log.users.ids.tolist() == ["17850", "basket:536414"]
    assert log.weight.tolist() == [6, 6, 56]


def test_the_refusal_of_the_page_is_what_is_raised(write, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write("orders.csv", "user,item,qty\nann,tea,1\nann,cup,many\nann,jar,1\n")
    with pytest.raises(ValueError, match="line 3") as refusal:
        read_log("orders.csv")
    assert str(refusal.value) == _blocks("text")[1].strip()


@pytest.mark.parametrize("role", NAMES)
def test_the_names_of_each_role_are_found(role):
    (row,) = re.findall(rf"^\| {role} \|.*\| (.*) \|$", LOG_PART, flags=re.MULTILINE)
    for name in row.split(", "):
        assert find_columns([name], {}) == {role: name}, name
    assert normalise(row.split(", ")[0]) == NAMES[role][0]


def test_every_option_and_format_is_on_the_page():
    options = [name for name in inspect.signature(read_log).parameters if name != "source"]
    by_table = set(NAMES)
    assert [o for o in options if o not in by_table and f"{o}=" not in LOG_PART] == []
    assert [e for e in [*FORMATS, *PACKED] if f"`{e}`" not in LOG_PART and e != ".csv"] == []
