"""A comparison in numbers, in a table and in words; nothing here computes, it only says."""

from collections.abc import Sequence
from math import ceil, hypot, log10
from typing import Any

from likewise.evaluate.comparison import Comparison, Row
from likewise.evaluate.protocol import COVERAGE_AT
from likewise.evaluate.significance import FEWEST_USERS, LEVEL, Difference

_COVERAGE = f"coverage@{COVERAGE_AT}"

_NOTES = (
    f"± is half of a {LEVEL:.0%} bootstrap interval over users, each on its own.",
    "Differences are measured on the same users; the intervals of one metric hold all at once.",
    "Every item was ranked for every user.",
    "recall divides by the number n of held-out items, recall_capped by min(k, n).",
    f"{_COVERAGE} is the share of the catalogue that stands in anybody's list.",
    "fit is the wall time of one fit, the choice of its settings included.",
    "memory is how far the fit raised the process's peak.",
)


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """Return everything but the values per user, ready for JSON, in full precision."""
    again = comparison.with_repeats
    return {
        "split": comparison.split,
        "users": comparison.n_users,
        "repeats": comparison.repeats,
        "level": LEVEL,
        "models": [_row_as_dict(row) for row in comparison.rows],
        "differences": [
            {
                "metric": metric,
                "best": comparison.best(metric).model,
                "other": other,
                "difference": gap.mean,
                "low": gap.low,
                "high": gap.high,
                "real": gap.real,
            }
            for metric in comparison.metrics
            for other, gap in comparison.behind_best(metric).items()
        ],
        "sentences": sentences(comparison),
        "with_repeats": None if again is None else as_dict(again),
    }


def headers(comparison: Comparison) -> list[str]:
    """Return the table's column names."""
    return ["model", *comparison.metrics, _COVERAGE, "fit", "memory"]


def rows(comparison: Comparison) -> list[list[str]]:
    """Return the table's cells, one row a model: mean ± half of the interval, time, memory."""
    return [
        [
            row.model,
            *(_mean(row, metric) for metric in comparison.metrics),
            _number(row.coverage),
            _duration(row.cost.seconds),
            _size(row.cost.added_bytes),
        ]
        for row in comparison.rows
    ]


def title(comparison: Comparison) -> str:
    """Return one line: how the log was split, who was tested, and on what."""
    what = "all they bought, repeats too" if comparison.repeats else "what was new to them"
    return f"Split: {comparison.split}. Test: {comparison.n_users:,} users, judged on {what}."


def sentences(comparison: Comparison) -> list[str]:
    """Say in words which differences are real, the best model of each metric against the others.

    A difference is real if its interval, widened for the number of pairs, leaves out 0; see
    :func:`~likewise.evaluate.significance.paired_differences`.
    """
    said = []
    if comparison.n_users < FEWEST_USERS:
        said.append(
            f"Only {comparison.n_users} users were tested; with fewer than {FEWEST_USERS} no "
            "difference is called real."
        )
    if len(comparison.rows) > 1:
        said += [_verdict(comparison, metric) for metric in comparison.metrics]
    return said + [_seeds(row) for row in comparison.rows if row.n_seeds > 1]


def notes() -> list[str]:
    """Say how to read the table."""
    return list(_NOTES)


def text(comparison: Comparison) -> str:
    """Return title, table and sentences as plain text, repeat purchases after new ones."""
    table = [headers(comparison), *rows(comparison)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [title(comparison), "", *(_line(cells, widths) for cells in table), ""]
    said = "\n".join(lines + sentences(comparison)).rstrip() + "\n"
    again = comparison.with_repeats
    return said if again is None else f"{said}\n{text(again)}"


def _row_as_dict(row: Row) -> dict[str, Any]:
    return {
        "model": row.model,
        "seeds": row.n_seeds,
        "seconds": row.cost.seconds,
        "peak_bytes": row.cost.peak_bytes,
        "added_bytes": row.cost.added_bytes,
        _COVERAGE: row.coverage,
        "metrics": {
            metric: {
                "mean": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "seed_spread": row.seed_spread[metric],
            }
            for metric, interval in row.intervals.items()
        },
    }


def _verdict(comparison: Comparison, metric: str) -> str:
    best = comparison.best(metric)
    row_of = {row.model: row for row in comparison.rows}
    gaps = comparison.behind_best(metric)
    if gaps and not any(gap.mean or gap.low or gap.high for gap in gaps.values()):
        return f"On {metric}, all the models are equal: no list differs in what it finds."
    ahead = [
        f"of {other} by {_gap(gap)}" + _seed_doubt(best, row_of[other], metric)
        for other, gap in gaps.items()
        if gap.real
    ]
    tied = [other for other, gap in gaps.items() if not gap.real]
    apart = f"{_listed(tied)} cannot be told apart from it"
    if not ahead:
        return f"On {metric}, {best.model} has the highest mean, but {apart}."
    said = f"On {metric}, {best.model} is ahead {_listed(ahead)}"
    return f"{said}; {apart}." if tied else f"{said}."


def _seed_doubt(best: Row, other: Row, metric: str) -> str:
    """Warn where fitting again with another seed could turn the order round."""
    noise = hypot(best.seed_spread[metric], other.seed_spread[metric])
    gap = best.intervals[metric].mean - other.intervals[metric].mean
    return " (but another seed moves it as much)" if 2 * noise > gap else ""


def _seeds(row: Row) -> str:
    metric, spread = max(row.seed_spread.items(), key=lambda item: item[1])
    return (
        f"{row.model} was fitted with {row.n_seeds} seeds; its means vary from seed to seed by at "
        f"most {_number(spread, 4)} (standard deviation, {metric})."
    )


def _mean(row: Row, metric: str) -> str:
    interval = row.intervals[metric]
    return f"{_number(interval.mean)}±{_number(interval.half_width)}"


def _gap(gap: Difference) -> str:
    """Write a difference with its interval, with decimals enough to show the interval's width."""
    width = gap.high - gap.low
    digits = max(3, min(6, ceil(log10(2 / width)))) if width > 0 else 3
    low, high = _number(gap.low, digits), _number(gap.high, digits)
    return f"{_number(gap.mean, digits)} [{low}, {high}]"


def _number(value: float, digits: int = 3) -> str:
    """Write a share as tables in this field do: .123."""
    rounded = f"{value:.{digits}f}"
    return rounded.replace("0.", ".", 1) if rounded.lstrip("-").startswith("0.") else rounded


def _duration(seconds: float) -> str:
    if seconds >= 100:
        return f"{int(seconds) // 60} min {int(seconds) % 60:02} s"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2f} s"


def _size(n_bytes: int | None) -> str:
    if n_bytes is None:
        return "unknown"
    mebibytes = n_bytes / 2**20
    return f"{mebibytes / 1024:.1f} GiB" if mebibytes >= 1000 else f"{mebibytes:.0f} MiB"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *values = cells
    padded = [value.rjust(width) for value, width in zip(values, widths[1:], strict=True)]
    return "  ".join([name.ljust(widths[0]), *padded])
