"""The seven steps as text for a terminal."""

from likewise.recommend.steps import Steps

_WIDTH = 20
_BLOCKS = " ▁▂▃▄▅▆▇█"


def steps_lines(steps: Steps) -> list[str]:
    """Return the seven steps as lines of text.

    Examples
    --------
    >>> from likewise.recommend.classic import Classic
    >>> from likewise.recommend.steps import seven_steps
    >>> from likewise.data.interactions import Interactions
    >>> log = Interactions.of([["tea", "cup"], ["tea", "cup", "milk"], ["ink", "pen"]])
    >>> classic = Classic.of(log, n_latent=2, max_epochs=2)
    >>> ids = log.items.ids.tolist()
    >>> steps = seven_steps(classic.model, ids, ids, ["tea"], classic.losses)
    >>> steps_lines(steps)[0]
    '1  Take one row x: 5 items, 1 bought, 0 not bought. This basket has 1.'
    """
    bought = [cell for cell in steps.cells if cell.x]
    others = [cell for cell in steps.cells if not cell.x]
    unknown = ", ".join(map(str, steps.unknown))
    return [
        *([steps.stand_in, ""] if steps.stand_in else []),
        f"1  Take one row x: {steps.n_items} items, 1 bought, 0 not bought. "
        f"This basket has {len(bought)}.",
        *(f"     x = 1  {cell.title}" for cell in bought),
        *([f"     (not among these items: {unknown})"] if unknown else []),
        "",
        f"2  Encode: h = {steps.activation}(W x + b), {steps.n_latent} numbers for "
        f"{steps.n_items}.",
        *(f"     h{n:<3}{value:7.3f}  {bar(value)}" for n, value in enumerate(steps.code)),
        "",
        "3  Decode: x̂ = link(W' h + b'), as long as x. Of what is in the basket it gives back",
        *(f"     x̂ = {cell.x_hat:.3f}  {bar(cell.x_hat)}  {cell.title}" for cell in bought),
        "   and of what is not, the highest outputs (the recommendations) are",
        *(f"     x̂ = {cell.x_hat:.3f}  {bar(cell.x_hat)}  {cell.title}" for cell in others),
        "",
        f"4  Reconstruction error x - x̂, and the {steps.loss_name} loss of the whole row: "
        f"{steps.loss:.3f}.",
        *(f"     {cell.error:+.3f}  {cell.title}" for cell in steps.cells),
        "",
        f"5  Back-propagate: each weight changes by its share, times the learning rate "
        f"{steps.learning_rate:g}. The largest changes:",
        *(
            f"     {change.layer} h{change.unit:<3} {change.weight:+.4f} {change.change:+.5f}"
            f"  {change.title}"
            for change in steps.changes
        ),
        f"   With these weights the basket's loss is {steps.loss_after:.3f} "
        f"instead of {steps.loss:.3f}.",
        "",
        "6  Repeat for every row, changing the weights after each one.",
        "",
        f"7  Repeat for more epochs. The mean loss of a row over {epochs(steps.losses)}:",
        f"     {spark(steps.losses)}",
        "     " + " ".join(f"{loss:.2f}" for loss in steps.losses),
    ]


def bar(value: float) -> str:
    """Return a bar for a value of at most 1."""
    filled = round(min(1.0, abs(value)) * _WIDTH)
    return "█" * filled + "·" * (_WIDTH - filled)


def epochs(losses: list[float]) -> str:
    """Return how many epochs these losses are of, in words."""
    return f"{len(losses):,} epoch{'s' * (len(losses) != 1)}"


def spark(values: list[float]) -> str:
    """Return a line of blocks, as high as the values."""
    if not values:
        return ""
    low, high = min(values), max(values)
    scale = (high - low) or 1.0
    return "".join(_BLOCKS[1 + round((value - low) / scale * 7)] for value in values)
