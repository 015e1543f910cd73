"""The seven steps of a table's row as one HTML file that needs nothing else."""

from html import escape

from likewise.recommend.steps_page import bars, curve, page
from likewise.recommend.steps_text import epochs
from likewise.steps.tables import TableSteps
from likewise.steps.tables_text import SHOWN, word


def table_steps_html(steps: TableSteps) -> str:
    """Return the seven steps as a self-contained HTML page."""
    one = steps.walk
    most = float(abs(one.code).max()) or 1.0
    worst = max(cell.error for cell in steps.cells) or 1.0
    numbers = [number for cell in steps.cells for number in cell.numbers]
    widest = max(abs(number.x) for number in numbers) or 1.0
    errors = sorted(steps.cells, key=lambda cell: -cell.error)
    parts = [
        "<h1>How an autoencoder learns from one row of a table</h1>",
        "<h2>1 Take one row x</h2>",
        f"<p>{len(steps.cells)} columns:</p>",
        _grid(("column", "value"), [(c.column, word(c.value)) for c in steps.cells]),
        f"<p>Encoded, they are {len(numbers)} numbers: a number in deviations from its column's "
        "mean, a text as a 1 in a column of its own.</p>",
        bars([(number.name, number.x, abs(number.x) / widest) for number in numbers]),
        "<h2>2 Encode</h2>",
        f"<p>h = f(x): {len(one.code)} numbers for {len(one.x)}. The strongest:</p>",
        bars(
            [(f"h{n}", float(one.code[n]), abs(one.code[n]) / most) for n in one.strongest(SHOWN)]
        ),
        "<h2>3 Decode</h2>",
        "<p>x̂ = g(h) is as long as x, and is turned back into columns.</p>",
        _grid(
            ("column", "value", "came back as"),
            [(c.column, word(c.value), word(c.back)) for c in steps.cells],
        ),
        "<h2>4 Reconstruction error</h2>",
        f"<p>(x - x̂)² by column; the {escape(steps.loss_name)} loss of the whole row is "
        f"{one.loss:.3f}.</p>",
        bars([(cell.column, cell.error, cell.error / worst) for cell in errors]),
        "<h2>5 Back-propagate</h2>",
        f"<p>Each weight changes by its share of the error times a learning rate of "
        f"{one.learning_rate:.3g}. The largest changes:</p>",
        _grid(
            ("weight of", "weight", "change"),
            [(steps.told(c), f"{c.weight:+.4f}", f"{c.change:+.5f}") for c in steps.changes()],
        ),
        f"<p>With these weights the row's loss is {one.loss_after:.3f} instead of "
        f"{one.loss:.3f}.</p>",
        "<h2>6 Repeat for every row</h2>",
        "<p>The weights change after each batch of them.</p>",
        "<h2>7 Repeat for more epochs</h2>",
        f"<p>The mean loss of a row over {epochs(steps.losses)}:</p>",
        curve(steps.losses),
    ]
    return page("The seven steps of a row", parts)


def _grid(headers: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in headers)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows
    )
    return f"<table>\n<tr>{head}</tr>\n{body}\n</table>"
