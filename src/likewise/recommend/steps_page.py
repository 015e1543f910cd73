"""What the pages of the seven steps are made of: a page, rows of bars, a curve."""

from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --paper: #fff; --soft: #5c6670; --bar: #2f6fdb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --paper: #15181b; --soft: #9aa4ae; --bar: #7aa8ff; }
}
body { margin: 0 auto; max-width: 52rem; padding: 2rem 1rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
td, th { padding: .2rem .6rem .2rem 0; text-align: left; }
td.n { text-align: right; width: 5rem; } td.b { width: 14rem; }
.bar { background: var(--bar); height: .7rem; border-radius: .2rem; min-width: 1px; }
p, .soft { color: var(--soft); } svg { max-width: 100%; }
polyline { fill: none; stroke: var(--bar); stroke-width: 2; }
""".strip()

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(title: str, parts: list[str]) -> str:
    """Return a self-contained HTML page of these parts; it loads nothing and runs nothing."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def bars(rows: list[tuple[str, float, float]]) -> str:
    """Return rows of a name, a number, and the share of a bar's length as a table."""
    cells = "\n".join(
        f'<tr><td class="b"><div class="bar" style="width:{min(1.0, length):.0%}"></div></td>'
        f'<td class="n">{value:.3f}</td><td>{escape(name)}</td></tr>'
        for name, value, length in rows
    )
    return f"<table>\n{cells}\n</table>"


def curve(losses: list[float]) -> str:
    """Return the losses of the epochs as a line, and the first and the last in words."""
    if not losses:
        return "<p>(not kept)</p>"
    low, high = min(losses), max(losses)
    scale, last = (high - low) or 1.0, max(1, len(losses) - 1)
    points = " ".join(
        f"{10 + 480 * n / last:.1f},{10 + 120 * (high - loss) / scale:.1f}"
        for n, loss in enumerate(losses)
    )
    return (
        '<svg viewBox="0 0 500 140" role="img" aria-label="mean loss by epoch">'
        f'<polyline points="{points}"/></svg>'
        f"<p>from {losses[0]:.3f} to {losses[-1]:.3f}</p>"
    )
