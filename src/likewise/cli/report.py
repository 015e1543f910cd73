"""Writing a comparison as HTML, with its figures."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from likewise.errors import MachineError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from likewise.evaluate.comparison import Comparison


def write_report(comparison: "Comparison", path: Path) -> None:
    """Write one self-contained HTML file."""
    from likewise import plots
    from likewise.evaluate.html_report import html_report

    figures = {
        metric: svg(plots.metric_by_model(comparison, metric))
        for metric in comparison.metrics
        if metric in {"recall@20", "ndcg@10"}
    }
    write_text(path, html_report(comparison, figures))


def svg(figure: "Figure") -> bytes:
    """Return a figure as SVG."""
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error}") from error
