"""The seven steps as one HTML file that needs nothing else."""

from html import escape

from likewise.recommend.steps import Cell, Steps

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


def steps_html(steps: Steps) -> str:
    """Return the seven steps as a self-contained HTML page."""
    bought = [cell for cell in steps.cells if cell.x]
    parts = [
        "<h1>How an autoencoder learns from one basket</h1>",
        "<h2>1 Take one row x</h2>",
        f"<p>{steps.n_items} items: 1 bought, 0 not bought. This basket has {len(bought)}:</p>",
        _table([(cell.title, cell.x, cell.x) for cell in bought]),
        "<h2>2 Encode</h2>",
        f"<p>h = {escape(steps.activation)}(W x + b): {steps.n_latent} numbers for "
        f"{steps.n_items}.</p>",
        _table([(f"h{unit}", value, value) for unit, value in enumerate(steps.code)]),
        "<h2>3 Decode</h2>",
        "<p>x̂ is as long as x. What comes out for the basket's items, then the highest outputs "
        "for items that are not in it: the recommendations.</p>",
        _table([(_marked(cell), cell.x_hat, cell.x_hat) for cell in steps.cells]),
        "<h2>4 Reconstruction error</h2>",
        f"<p>x - x̂ for each item; the {escape(steps.loss_name)} loss of the whole row is "
        f"{steps.loss:.3f}.</p>",
        _table([(_marked(cell), cell.error, abs(cell.error)) for cell in steps.cells]),
        "<h2>5 Back-propagate</h2>",
        f"<p>Each weight changes by its share of the error times the learning rate "
        f"{steps.learning_rate:g}. The largest changes:</p>",
        _changes(steps),
        f"<p>With these weights the basket's loss is {steps.loss_after:.3f} instead of "
        f"{steps.loss:.3f}.</p>",
        "<h2>6 Repeat for every row</h2>",
        "<p>The weights change after each one.</p>",
        "<h2>7 Repeat for more epochs</h2>",
        f"<p>The mean loss of a row over {len(steps.losses)} epochs:</p>",
        _curve(steps.losses),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>The seven steps</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _marked(cell: Cell) -> str:
    return f"{cell.title} (in the basket)" if cell.x else cell.title


def _table(rows: list[tuple[str, float, float]]) -> str:
    """Rows of a name, a number, and the share of a bar's length."""
    cells = "\n".join(
        f'<tr><td class="b"><div class="bar" style="width:{min(1.0, length):.0%}"></div></td>'
        f'<td class="n">{value:.3f}</td><td>{escape(name)}</td></tr>'
        for name, value, length in rows
    )
    return f"<table>\n{cells}\n</table>"


def _changes(steps: Steps) -> str:
    rows = "\n".join(
        f"<tr><td>{change.layer}</td><td>h{change.unit}</td>"
        f'<td class="n">{change.weight:+.4f}</td><td class="n">{change.change:+.5f}</td>'
        f"<td>{escape(change.title)}</td></tr>"
        for change in steps.changes
    )
    head = "<tr><th>layer</th><th>unit</th><th>weight</th><th>change</th><th>item</th></tr>"
    return f"<table>\n{head}\n{rows}\n</table>"


def _curve(losses: list[float]) -> str:
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
