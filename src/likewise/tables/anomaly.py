"""What is said of a row that is like no others."""

from typing import Any, NamedTuple


class Cause(NamedTuple):
    """One column of an anomaly: its share of the row's score, what it holds, what was expected."""

    column: str
    share: float
    value: Any
    expected: Any


class Anomaly(NamedTuple):
    """One row: its place in the table, its score (higher is stranger), and the columns' parts."""

    row: int
    score: float
    causes: list[Cause]
