"""The lines that the seven steps of an image and of a table's row have in common."""

from collections.abc import Iterable

from likewise.autoencoders.walk import Walk
from likewise.recommend.steps_text import bar, epochs, spark


def encoded(one: Walk, n: int) -> list[str]:
    """Return the lines of step 2, with the n strongest units of the code."""
    most = float(abs(one.code).max()) or 1.0
    return [
        f"2  Encode: h = f(x), {len(one.code)} numbers for {len(one.x)}. The strongest:",
        *(f"     h{n:<4}{one.code[n]:8.3f}  {bar(one.code[n] / most)}" for n in one.strongest(n)),
    ]


def repeated(
    one: Walk, changes: Iterable[str], losses: list[float], article: str, row: str
) -> list[str]:
    """Return the lines of steps 5 to 7; a row is called what it is."""
    return [
        "5  Back-propagate: each weight changes by its share, times a learning rate of "
        f"{one.learning_rate:.3g}. The largest changes:",
        *(f"     {change}" for change in changes),
        f"   With these weights the {row}'s loss is {one.loss_after:.3f} instead of "
        f"{one.loss:.3f}.",
        "",
        f"6  Repeat for every {row}, changing the weights after each batch of them.",
        "",
        f"7  Repeat for more epochs. The mean loss of {article} {row} over {epochs(losses)}:",
        f"     {spark(losses)}",
    ]
