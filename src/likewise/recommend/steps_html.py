"""The seven steps as one HTML file that needs nothing else."""

from html import escape

from likewise.recommend.steps import Cell, Steps
from likewise.recommend.steps_page import bars, curve, page


def steps_html(steps: Steps) -> str:
    """Return the seven steps as a self-contained HTML page."""
    bought = [cell for cell in steps.cells if cell.x]
    parts = [
        "<h1>How an autoencoder learns from one basket</h1>",
        *([f"<p>{escape(steps.stand_in)}</p>"] if steps.stand_in else []),
        "<h2>1 Take one row x</h2>",
        f"<p>{steps.n_items} items: 1 bought, 0 not bought. This basket has {len(bought)}:</p>",
        bars([(cell.title, cell.x, cell.x) for cell in bought]),
        "<h2>2 Encode</h2>",
        f"<p>h = {escape(steps.activation)}(W x + b): {steps.n_latent} numbers for "
        f"{steps.n_items}.</p>",
        bars([(f"h{unit}", value, value) for unit, value in enumerate(steps.code)]),
        "<h2>3 Decode</h2>",
        "<p>x̂ is as long as x. What comes out for the basket's items, then the highest outputs "
        "for items that are not in it: the recommendations.</p>",
        bars([(_marked(cell), cell.x_hat, cell.x_hat) for cell in steps.cells]),
        "<h2>4 Reconstruction error</h2>",
        f"<p>x - x̂ for each item; the {escape(steps.loss_name)} loss of the whole row is "
        f"{steps.loss:.3f}.</p>",
        bars([(_marked(cell), cell.error, abs(cell.error)) for cell in steps.cells]),
        "<h2>5 Back-propagate</h2>",
        f"<p>Each weight changes by its share of the error times the learning rate "
        f"{steps.learning_rate:g}. The largest changes:</p>",
        _changes(steps),
        f"<p>With these weights the basket's loss is {steps.loss_after:.3f} instead of "
        f"{steps.loss:.3f}.</p>",
        "<h2>6 Repeat for every row</h2>",
        "<p>The weights change after each one.</p>",
        "<h2>7 Repeat for more epochs</h2>",
        f"<p>The mean loss of a row over {len(steps.losses)} "
        f"epoch{'s' * (len(steps.losses) != 1)}:</p>",
        curve(steps.losses),
    ]
    return page("The seven steps", parts)


def _marked(cell: Cell) -> str:
    return f"{cell.title} (in the basket)" if cell.x else cell.title


def _changes(steps: Steps) -> str:
    rows = "\n".join(
        f"<tr><td>{change.layer}</td><td>h{change.unit}</td>"
        f'<td class="n">{change.weight:+.4f}</td><td class="n">{change.change:+.5f}</td>'
        f"<td>{escape(change.title)}</td></tr>"
        for change in steps.changes
    )
    head = "<tr><th>layer</th><th>unit</th><th>weight</th><th>change</th><th>item</th></tr>"
    return f"<table>\n{head}\n{rows}\n</table>"
