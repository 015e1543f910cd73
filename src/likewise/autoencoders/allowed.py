"""What a parameter may be, in words: scikit-learn's constraints, as refusals tell them."""

from collections.abc import Callable, Iterable, Iterator
from numbers import Integral
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions, make_constraint

NAMED: dict[Any, str] = {
    "random_state": "a whole number, 0 or more, a RandomState or None",
    callable: "a function",
}
"""What is told by its kind alone."""


def is_allowed(value: Any, constraints: Iterable[Any]) -> bool:
    """Say whether a value satisfies one of the constraints.

    Examples
    --------
    >>> count = Interval(Integral, 1, None, closed="left")
    >>> is_allowed(3, [count, None]), is_allowed(None, [count, None]), is_allowed(0, [count])
    (True, True, False)
    """
    return any(make_constraint(one).is_satisfied_by(value) for one in constraints)


def in_words(
    constraints: Iterable[Any], say: Callable[[Any], str] = repr, sequence: str = "a sequence"
) -> str:
    """Return what constraints allow: words first, then numbers.

    Parameters
    ----------
    say : callable
        How a value is written where it will be given.
    sequence : str
        What a sequence is called there.

    Examples
    --------
    >>> in_words([Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})])
    "'auto' or a whole number, 1 or more"
    """
    ordered = sorted(constraints, key=lambda one: isinstance(one, Interval) or one == "array-like")
    return " or ".join(word for one in ordered for word in _words(one, say, sequence))


def _words(constraint: Any, say: Callable[[Any], str], sequence: str) -> Iterator[str]:
    if constraint is None:
        yield say(None)
    elif constraint == "boolean":
        yield from map(say, (True, False))
    elif constraint == "array-like":
        yield sequence
    elif isinstance(constraint, StrOptions):
        yield from map(say, sorted(constraint.options))
    elif isinstance(constraint, Interval):
        yield ", ".join(filter(None, [_kind(constraint), " and ".join(_bounds(constraint))]))
    else:
        yield NAMED.get(constraint) or f"a {constraint.__name__}"


def _kind(interval: Interval) -> str:
    return "a whole number" if interval.type is Integral else "a number"


def _bounds(interval: Interval) -> Iterator[str]:
    if interval.left is not None:
        low = f"{interval.left:g}"
        yield f"{low} or more" if interval.closed in {"left", "both"} else f"more than {low}"
    if interval.right is not None:
        high = f"{interval.right:g}"
        yield f"{high} or less" if interval.closed in {"right", "both"} else f"less than {high}"
