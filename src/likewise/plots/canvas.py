"""What every figure shares."""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

INK = "#2f6fdb"
SOFT = "#9aa4ae"


def figure(width: float, height: float) -> Figure:
    """Return an empty figure, in inches."""
    return Figure(figsize=(width, height), layout="constrained", dpi=120)


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many letters; an ellipsis stands for what is left out.

    Examples
    --------
    >>> shortened("white hanging heart", 10), shortened("tea", 10)
    ('white han…', 'tea')
    """
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def clean(axes: Any) -> None:
    """Take the frame's upper and right side away."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def bare(axes: Any) -> None:
    """Take the frame and the ticks away."""
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)


def name(axes: Any, names: Sequence[tuple[str, Any]]) -> None:
    """Write names beside places; of two that would overlap, the first alone."""
    axes.figure.draw_without_rendering()  # places are known in pixels from now on
    taken: list[Any] = []
    for text, place in names:
        label = axes.annotate(
            text, place, (3, 3), textcoords="offset points", fontsize=7, in_layout=False
        )
        box = label.get_window_extent().padded(2)
        if box.count_overlaps(taken):
            label.remove()
        else:
            taken.append(box)
