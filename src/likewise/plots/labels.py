"""Labels as colours: which of them are named, and what stands for the others and for none."""

from collections import Counter
from collections.abc import Hashable, Sequence
from numbers import Real
from typing import Any

NAMED = 10
"""Labels that have a colour of their own: more cannot be told apart."""

PALETTE = ("C0", "C1", "C2", "C3", "C4", "C5", "C6", "#14213d", "C8", "C9")
"""Matplotlib's own colours but for its grey."""

OTHERS, MISSING = "#858c93", "#d8dce0"


def is_missing(label: Any) -> bool:
    """Say whether a label is none: None or NaN.

    Examples
    --------
    >>> [is_missing(label) for label in (None, float("nan"), 0, "")]
    [True, True, False, False]
    """
    return label is None or bool(label != label)


def colours(labels: Sequence[Hashable], most: int = NAMED) -> dict[Hashable, str]:
    """Return the colour of each label that is named, in their order: the most frequent ones.

    Examples
    --------
    >>> colours(["ink", "tea", "tea", None])
    {'ink': 'C0', 'tea': 'C1'}
    >>> colours(["ink", "tea", "tea", "jam", "jam"], most=2)
    {'jam': 'C0', 'tea': 'C1'}
    """
    counts = Counter(label for label in labels if not is_missing(label))
    named = sorted((label for label, _ in counts.most_common(most)), key=_order)
    return {label: PALETTE[number % len(PALETTE)] for number, label in enumerate(named)}


def _order(label: Any) -> tuple[bool, Any, str]:
    number = isinstance(label, Real)
    return (not number, label if number else 0, str(label))
