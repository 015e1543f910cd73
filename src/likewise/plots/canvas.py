"""What every figure shares."""

from typing import Any

from matplotlib.figure import Figure

INK = "#2f6fdb"
SOFT = "#9aa4ae"


def figure(width: float, height: float) -> Figure:
    """Return an empty figure, in inches."""
    return Figure(figsize=(width, height), layout="constrained", dpi=120)


def clean(axes: Any) -> None:
    """Take the frame's upper and right side away."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def bare(axes: Any) -> None:
    """Take the frame and the ticks away."""
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
