"""The report's text, JSON and HTML, to the letter; and no name or figure breaks out of it.

After a wanted change: LIKEWISE_UPDATE_GOLDEN=1 pytest tests/golden/test_report.py; read the diff.
"""

import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from likewise.errors import InputError
from likewise.evaluate import report
from likewise.evaluate.comparison import Comparison, Row
from likewise.evaluate.html_report import html_report
from likewise.evaluate.resources import Cost
from likewise.evaluate.significance import Difference, Interval

HERE = Path(__file__).parent
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>'
MIB = 2**20


def row(model: str, recall: float, ndcg: float, **settings) -> Row:
    means = {"recall@20": recall, "ndcg@10": ndcg}
    defaults = {
        "per_user": {},
        "intervals": {name: Interval(m, m - 0.004, m + 0.006, 1234) for name, m in means.items()},
        "seed_spread": dict.fromkeys(means, 0.0),
        "coverage": 0.25,
        "n_seeds": 1,
        "cost": Cost(0.042, 700 * MIB, 20 * MIB),
    }
    return Row(model=model, **(defaults | settings))


def comparison(rows, half=0.005, n_users=1234, **settings) -> Comparison:
    """Differences of the rows' means, all with intervals of the same width."""
    metrics = ("recall@20", "ndcg@10")
    differences = {
        metric: {
            (a.model, b.model): Difference(gap, gap - half, gap + half, n_users)
            for a in rows
            for b in rows
            if a is not b
            for gap in [a.intervals[metric].mean - b.intervals[metric].mean]
        }
        for metric in metrics
    }
    return Comparison("global time", metrics, rows, differences, n_users, **settings)


POPULARITY = row("popularity", 0.1, 0.05, coverage=0.0123)
NEIGHBOURS = row("item k-NN", 0.3, 0.21, cost=Cost(3.21, 900 * MIB, 220 * MIB))
LINEAR = row("linear", 0.3141, 0.2212, cost=Cost(61.04, 3000 * MIB, 2300 * MIB))
MULT_VAE = row(
    "Mult-VAE",
    0.3125,
    0.2342,
    n_seeds=3,
    seed_spread={"recall@20": 0.0012, "ndcg@10": 0.0061},
    cost=Cost(754.0, None, None),
)


@pytest.fixture
def example() -> Comparison:
    rows = [POPULARITY, NEIGHBOURS, LINEAR, MULT_VAE]
    again = [replace(one, coverage=one.coverage / 2) for one in rows]
    return comparison(rows, with_repeats=comparison(again, n_users=1301, repeats=True))


@pytest.mark.parametrize(
    ("file", "render"),
    [
        ("report.txt", report.text),
        ("report.json", lambda case: json.dumps(report.as_dict(case), indent=1) + "\n"),
        ("report.html", lambda case: html_report(case, {"Recall by model": SVG, "Codes": PNG})),
    ],
)
def test_golden(example, file, render):
    path = HERE / file
    if os.environ.get("LIKEWISE_UPDATE_GOLDEN"):
        path.write_text(render(example), encoding="utf-8", newline="\n")
    assert render(example) == path.read_text(encoding="utf-8")


def test_the_table_has_a_cell_for_each_header(example):
    assert report.headers(example) == [
        "model",
        "recall@20",
        "ndcg@10",
        "coverage@20",
        "fit",
        "memory",
    ]
    assert report.rows(example)[2] == [
        "linear", ".314±.005", ".221±.005", ".250", "61.0 s", "2.2 GiB",
    ]  # fmt: skip


def test_the_dictionary_is_json_in_full_precision(example):
    told = json.loads(json.dumps(report.as_dict(example), allow_nan=False))
    assert told["models"][2]["metrics"]["ndcg@10"]["mean"] == 0.2212
    assert told["models"][3]["added_bytes"] is None
    assert [gap["other"] for gap in told["differences"] if gap["real"]].count("popularity") == 2
    assert told["with_repeats"]["users"] == 1301
    assert told["with_repeats"]["with_repeats"] is None


def said(rows, **settings) -> list[str]:
    return report.sentences(comparison(rows, **settings))


def test_the_best_is_set_against_every_other():
    assert said([POPULARITY, NEIGHBOURS, LINEAR], half=0.01)[1] == (
        "On ndcg@10, linear is ahead of item k-NN by .011 [.001, .021] and of popularity by "
        ".171 [.161, .181]."
    )


def test_what_cannot_be_told_apart_is_said():
    assert said([POPULARITY, NEIGHBOURS, LINEAR], half=0.02)[1] == (
        "On ndcg@10, linear is ahead of popularity by .171 [.151, .191]; item k-NN cannot be told "
        "apart from it."
    )


def test_nobody_is_ahead_where_nobody_is():
    assert said([NEIGHBOURS, LINEAR], half=0.2)[1] == (
        "On ndcg@10, linear has the highest mean, but item k-NN cannot be told apart from it."
    )


def test_a_small_but_real_difference_keeps_its_digits():
    close = row("close", 0.3141, 0.2209)
    assert said([LINEAR, close], half=0.00012)[1] == (
        "On ndcg@10, linear is ahead of close by .0003 [.0002, .0004]."
    )


def test_too_few_users_are_owned_up_to():
    first, second, *_ = said([POPULARITY, LINEAR], n_users=19)
    assert first == "Only 19 users were tested; with fewer than 20 no difference is called real."
    assert second.endswith("popularity cannot be told apart from it.")


def test_the_noise_of_seeds_is_said():
    recall, ndcg, spread = said([LINEAR, MULT_VAE], half=0.0008)
    assert recall == (
        "On recall@20, linear is ahead of Mult-VAE by .0016 [.0008, .0024] "
        "(but another seed moves it as much)."
    )
    assert ndcg == "On ndcg@10, Mult-VAE is ahead of linear by .0130 [.0122, .0138]."
    assert spread == (
        "Mult-VAE was fitted with 3 seeds; its means vary from seed to seed by at most .0061 "
        "(standard deviation, ndcg@10)."
    )


def test_one_model_alone_is_not_compared():
    assert said([LINEAR]) == []


def test_models_that_never_differ_are_written_plainly():
    same = replace(LINEAR, model="same")
    assert said([LINEAR, same], half=0.0)[0] == (
        "On recall@20, all the models are equal: no list differs in what it finds."
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, ".000"), (1.0, "1.000"), (0.1239, ".124"), (-0.05, "-.050"), (10.0, "10.000")],
)
def test_shares_are_written_as_tables_write_them(value, written):
    assert report._number(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.004, "0.00 s"),
        (0.994, "0.99 s"),
        (12.34, "12.3 s"),
        (100, "1 min 40 s"),
        (3725, "62 min 05 s"),
    ],
)
def test_times_are_written_for_people(seconds, written):
    assert report._duration(seconds) == written


class Page(HTMLParser):
    """Collects what the tests ask about, and checks that every element is closed."""

    VOID = frozenset({"meta", "img"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data.strip())


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>&amp;\' onload="alert(3)'


def test_names_are_escaped_wherever_they_stand():
    other = replace(LINEAR, model=HOSTILE)
    case = replace(comparison([LINEAR, other]), split=HOSTILE)
    page = Page(html_report(case, {HOSTILE: SVG}))
    assert "script" not in {tag for tag, _ in page.tags}
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert [image["alt"] for image in images] == [HOSTILE]
    assert page.words.count(HOSTILE) == 2  # the table's row and the figure's caption, as typed
    assert f"Evaluation: {HOSTILE}" in page.words


def test_the_page_asks_for_nothing_from_outside(example):
    text = html_report(example, {"Recall": SVG, "Codes": PNG})
    assert re.findall(r"https?:|//[a-z]|url\(|@import", text) == []
    page = Page(text)
    assert {tag for tag, _ in page.tags}.isdisjoint(
        {"script", "link", "iframe", "object", "base", "form"}
    )
    sources = [a[name] for _, a in page.tags for name in ("src", "href", "srcset") if name in a]
    assert [source.split(";")[0] for source in sources] == ["data:image/svg+xml", "data:image/png"]
    policies = [a["content"] for _, a in page.tags if "http-equiv" in a]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_the_leaders_are_bold(example):
    text = html_report(example)
    linear = next(line for line in text.splitlines() if '<th scope="row">linear' in line)
    assert re.findall(r"<td( class=\"leads\")?>", linear) == [' class="leads"', "", "", "", ""]
    neighbours = next(line for line in text.splitlines() if '<th scope="row">item k-NN' in line)
    assert 'class="leads"' not in neighbours


def test_a_page_without_figures_and_repeats_has_one_table():
    tags = [tag for tag, _ in Page(html_report(comparison([LINEAR, POPULARITY]))).tags]
    assert (tags.count("table"), tags.count("img")) == (1, 0)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<html></html>"])
def test_a_figure_of_another_kind_is_refused(data):
    with pytest.raises(InputError, match="the figure 'Codes' is neither SVG nor PNG"):
        html_report(comparison([LINEAR]), {"Codes": data})
