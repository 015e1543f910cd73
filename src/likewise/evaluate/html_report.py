"""A comparison as one HTML file that needs nothing else: no scripts, no fonts, no requests."""

from base64 import b64encode
from collections.abc import Mapping
from html import escape

from likewise.errors import InputError
from likewise.evaluate.comparison import Comparison
from likewise.evaluate.report import headers, notes, rows, sentences, title

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --paper: #fff; --soft: #5c6670; --line: #d9dee3; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --paper: #15181b; --soft: #9aa4ae; --line: #343b42; }
}
body { margin: 0 auto; max-width: 90rem; padding: 2rem 1rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .5rem; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child { text-align: left; }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 400; }
.leads { font-weight: 700; }
figure { margin: 1.5rem 0; }
img { max-width: 100%; background: #fff; border-radius: .4rem; }
figcaption, .notes { color: var(--soft); font-size: .9rem; }
""".strip()

# The browser is told to load nothing, in case a name should ever slip through unescaped.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_PNG = b"\x89PNG\r\n\x1a\n"


def html_report(comparison: Comparison, figures: Mapping[str, bytes] | None = None) -> str:
    """Return the comparison as a self-contained HTML page, for light and dark screens.

    Parameters
    ----------
    comparison : Comparison
        With its reading of repeat purchases, where it has one.
    figures : mapping of title to bytes, optional
        SVG or PNG files, embedded in the order given.

    Raises
    ------
    InputError
        If a figure is neither SVG nor PNG.
    """
    tables = [_section(comparison)]
    if comparison.with_repeats is not None:
        tables.append(_section(comparison.with_repeats))
    parts = [*tables, *(_figure(name, data) for name, data in (figures or {}).items())]
    body = "\n".join([*parts, "<h2>How to read this</h2>", _list(notes(), "notes")])
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>Evaluation: {escape(comparison.split)}</title>
<style>
{_STYLE}
</style>
</head>
<body>
<h1>Evaluation</h1>
{body}
</body>
</html>
"""


def _section(comparison: Comparison) -> str:
    heading = "Repeat purchases count" if comparison.repeats else "Only what is new counts"
    return "\n".join([f"<h2>{heading}</h2>", _table(comparison), _list(sentences(comparison))])


def _table(comparison: Comparison) -> str:
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in headers(comparison))
    leads = [comparison.leaders(metric) for metric in comparison.metrics]
    body = "\n".join(_row(cells, leads) for cells in rows(comparison))
    caption = f"{title(comparison)} Bold: the highest mean, and what cannot be told apart from it."
    return (
        '<div class="scroll" role="region" aria-label="Results" tabindex="0">\n<table>\n'
        f"<caption>{escape(caption)}</caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _row(cells: list[str], leads: list[set[str]]) -> str:
    model, *values = cells
    marks = [' class="leads"' if model in names else "" for names in leads]
    marks += [""] * (len(values) - len(marks))
    data = "".join(f"<td{mark}>{escape(v)}</td>" for mark, v in zip(marks, values, strict=True))
    return f'<tr><th scope="row">{escape(model)}</th>{data}</tr>'


def _list(lines: list[str], kind: str = "words") -> str:
    return "\n".join([f'<ul class="{kind}">', *(f"<li>{escape(s)}</li>" for s in lines), "</ul>"])


def _figure(name: str, data: bytes) -> str:
    source = f"data:{_media_type(name, data)};base64,{b64encode(data).decode('ascii')}"
    label = escape(name)
    return (
        f'<figure>\n<img src="{source}" alt="{label}">\n<figcaption>{label}</figcaption>\n</figure>'
    )


def _media_type(name: str, data: bytes) -> str:
    if data.startswith(_PNG):
        return "image/png"
    if b"<svg" in data[:2048]:
        return "image/svg+xml"
    raise InputError(f"the figure {name!r} is neither SVG nor PNG; give the bytes of one of these")
