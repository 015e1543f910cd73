"""Honest evaluation: full ranking of held-out users, intervals, and words for what is real."""

from likewise.evaluate.comparison import Comparison, compare
from likewise.evaluate.metrics import per_user_metrics
from likewise.evaluate.protocol import (
    DEFAULT_METRICS,
    Evaluation,
    Ranker,
    evaluate,
    future_items,
    shuffled_labels,
)
from likewise.evaluate.significance import bootstrap_interval, paired_difference

__all__ = [
    "DEFAULT_METRICS",
    "Comparison",
    "Evaluation",
    "Ranker",
    "bootstrap_interval",
    "compare",
    "evaluate",
    "future_items",
    "paired_difference",
    "per_user_metrics",
    "shuffled_labels",
]
