"""One table of all models on all sets, and one figure of quality against seconds, of the results.

    python bench/accuracy/table.py

Fits nothing: bench/results/accuracy-*.json are what run.py wrote. The table goes into README.md,
between its two marks, the figure to docs/images/quality-cost.svg.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import matplotlib.pyplot as plt
from run import LEAST_SECONDS, pareto

import records

plt.rcParams["svg.hashsalt"] = "likewise"
ROOT = Path(__file__).resolve().parents[2]
FIGURE = ROOT / "docs" / "images" / "quality-cost.svg"
MARKS = "<!-- bench/accuracy/table.py -->\n", "<!-- end -->\n"
METRIC = "ndcg@20"
STARTED = 1.0
"""Seconds without which no peer's program is loaded: with `--cpu` theirs are not counted."""


@dataclass(frozen=True)
class Column:
    """A set; what its results are read from, the later ones adding rows that the others lack."""

    title: str
    data: str
    results: tuple[str, ...]
    longer: str | None = None
    """Results of `auto` given minutes."""


COLUMNS = (
    Column("Online Retail", "online-retail", ("-auto", "", "-published")),
    Column("MovieLens-1M", "ml-1m", ("-auto", "", "-published")),
    Column("MovieLens small", "ml-latest-small", ("-auto", "", "-published")),
    Column("Belgian retail", "belgian-retail", ("-auto", "", "-published"), "-7-minutes"),
    Column(
        "ML-1M, UltraGCN's",
        "ml-1m-ultragcn",
        ("-auto", "-later", "", "-published", "-peers"),
        "-4-minutes",
    ),
)

MINUTES = "auto, minutes"
ROWS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("**likewise auto** (the default)", ("auto",)),
    ("**the same**, four or seven minutes", (MINUTES,)),
    ("likewise, a blend of published parts", ("published blend",)),
    ("likewise LLE", ("LLE",)),
    ("likewise linear, all settings chosen", ("linear",)),
    ("likewise DAN", ("DAN",)),
    ("likewise RDLAE", ("RDLAE",)),
    ("likewise EDLAE", ("EDLAE",)),
    ("likewise EASE", ("EASE",)),
    ("RecBole EASE", ("RecBole EASE",)),
    ("cornac EASE", ("cornac EASE",)),
    ("likewise ALS", ("ALS",)),
    ("implicit ALS", ("implicit ALS",)),
    ("likewise spectral", ("spectral",)),
    ("likewise kernel", ("kernel",)),
    ("likewise cosine", ("cosine",)),
    ("likewise Mult-DAE", ("Mult-DAE",)),
    ("likewise Mult-VAE", ("Mult-VAE",)),
    ("RecBole MultiVAE", ("RecBole MultiVAE", "RecBole MultiVAE small batches")),
    ("cornac VAECF", ("cornac VAECF", "cornac VAECF small batches")),
    ("likewise RecVAE", ("RecVAE",)),
    ("RecBole RecVAE", ("RecBole RecVAE", "RecBole RecVAE small batches")),
    ("cornac RecVAE", ("cornac RecVAE", "cornac RecVAE small batches")),
    ("likewise H+Vamp", ("H+Vamp",)),
    ("likewise item k-NN", ("item k-NN",)),
    ("implicit item k-NN", ("implicit cosine", "implicit TF-IDF", "implicit BM25")),
    ("RP3beta", ("RP3beta",)),
    ("recent popularity", ("recent popularity",)),
    ("popularity", ("popularity",)),
)
"""What the row is called, and the models of which the best is shown."""

SHOWN = {name for _, names in ROWS for name in names}


def main() -> None:
    found = {column: dict(models(column)) for column in COLUMNS}
    readme = ROOT / "README.md"
    readme.write_text(replaced(readme.read_text("utf-8"), markdown(found)), "utf-8")
    figure(found)


def models(column: Column) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and row of all that was measured on a set, what counts last."""
    for suffix in reversed(column.results):
        for row in records.read(f"accuracy-{column.data}{suffix}")["models"]:
            yield row["model"], row
    if column.longer is not None:
        (row,) = records.read(f"accuracy-{column.data}{column.longer}")["models"]
        yield MINUTES, row


def markdown(found: dict[Column, dict[str, Any]]) -> str:
    """Return the table: a row a model, a column a set."""
    lines = [
        "| nDCG@20 | " + " | ".join(column.title for column in COLUMNS) + " | `--models` |",
        "|---|" + "---:|" * len(COLUMNS) + "---|",
    ]
    best = {
        column: max(_quality(row) for name, row in rows.items() if name in SHOWN)
        for column, rows in found.items()
    }
    for label, names in ROWS:
        cells = [_cell(rows, names, best[column]) for column, rows in found.items()]
        asked = "auto" if names == (MINUTES,) else ",".join(names)
        lines.append(f"| {label} | {' | '.join(cells)} | `{_quoted(asked)}` |")
    return "\n".join([*lines, ""])


def _cell(rows: dict[str, Any], names: tuple[str, ...], best: float) -> str:
    there = [rows[name] for name in names if name in rows]
    if not there:
        return ""
    row = max(there, key=_quality)
    interval = row["metrics"][METRIC]
    mean = f"{interval['mean']:.3f}".removeprefix("0")
    half = f"{(interval['high'] - interval['low']) / 2:.3f}".removeprefix("0")
    text = f"{mean}±{half}"
    return f"**{text}**" if f"{_quality(row):.3f}" == f"{best:.3f}" else text


def _quality(row: dict[str, Any]) -> float:
    return float(row["metrics"][METRIC]["mean"])


def _quoted(names: str) -> str:
    return f'"{names}"' if re.search(r"\W", names) else names


def replaced(text: str, table: str) -> str:
    """Return a page with this table between its marks."""
    before, rest = text.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    return before + MARKS[0] + "\n" + table + "\n" + MARKS[1] + after


def figure(found: dict[Column, dict[str, Any]]) -> None:
    """Draw quality against seconds, choosing included, and what no quicker one reaches."""
    fig, axes = plt.subplots(2, 3, figsize=(13, 7.6), layout="constrained")
    for ax, (column, rows) in zip(axes.flat, found.items(), strict=False):
        points = [
            (max(row["seconds"], LEAST_SECONDS), _quality(row), name)
            for name, row in rows.items()
            if name in SHOWN and not (_is_peer(name) and row["seconds"] < STARTED)
        ]
        front = pareto(points)
        for is_peer, color in ((False, "C0"), (True, "0.6")):
            shown = [(s, q) for s, q, name in points if _is_peer(name) == is_peer]
            ax.plot(*zip(*shown, strict=True), "o", color=color, markersize=4) if shown else None
        ends = [*(s for s, *_ in front), max(s for s, *_ in points)]
        ax.step(ends, [*(q for _, q, _ in front), front[-1][1]], where="post", color="C1", lw=1)
        name_front(ax, front)
        ax.set(xscale="log", title=column.title, xlim=(LEAST_SECONDS / 100, None))
        ax.spines[["top", "right"]].set_visible(False)
    last = axes.flat[-1]
    last.axis("off")
    for color, label in (("C0", "likewise"), ("0.6", "RecBole, cornac, implicit")):
        last.plot([], [], "o", color=color, label=label)
    last.plot([], [], color="C1", label="the best that so many seconds reach")
    last.legend(loc="center", frameon=False)
    fig.supxlabel("seconds of one core, to choose settings and to train")
    fig.supylabel("nDCG@20")
    fig.savefig(FIGURE, metadata={"Date": None})
    plt.close(fig)


def name_front(ax: Any, front: list[tuple[float, float, str]]) -> None:
    """Name what the front is made of, the best first; what would stand on another name is not."""
    low, high = ax.get_ylim()
    named: list[float] = []
    for seconds, quality, name in reversed(front):
        if all(abs(quality - other) > (high - low) / 20 for other in named):
            ax.annotate(name, (seconds, quality), (-4, 3), textcoords="offset points", ha="right",
                        fontsize=8, color="C1")  # fmt: skip
            named.append(quality)


def _is_peer(name: str) -> bool:
    return name.startswith(("RecBole", "cornac", "implicit"))


if __name__ == "__main__":
    main()
