"""Draw the pictures of the README from a real run of the demo.

    python bench/make_pictures.py

Runs `likewise demo`, and writes into docs/images: demo.svg (what it prints, shortened),
recall-by-model.png, learning-curve.png and product-map.png.
"""

import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
WIDTH = 112


def main() -> None:
    with tempfile.TemporaryDirectory() as parent:
        out = Path(parent) / "likewise-demo"
        command = [str(Path(sys.executable).with_name("likewise")), "demo", "--out", out.name]
        run = subprocess.run(
            command,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=parent,
        )
        for name in ("recall-by-model.png", "product-map.png", "learning-curve.png"):
            shutil.copy(out / name, IMAGES / name)
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    for line in shortened(run.stdout.splitlines()):
        console.print(Text(line[:WIDTH].rstrip()))
    svg = console.export_svg(title="make demo")
    own_fonts = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # loads nothing
    (IMAGES / "demo.svg").write_text(own_fonts, encoding="utf-8")


def shortened(lines: list[str]) -> list[str]:
    """Keep the reading, a customer, a product, and the first table of models."""
    kept, tables = [], 0
    for line in lines:
        if line.startswith(("Recommended", "Customers")):
            tables += 1
        if line.startswith("On "):
            break
        if tables in (0, 1, 4) or line.startswith(("3 ", "Split")) or tables > 6:
            kept.append(line)
            tables = 7 if line.startswith("3 ") else tables
    return kept


if __name__ == "__main__":
    main()
