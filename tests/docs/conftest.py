"""A folder with the files that the documentation's examples speak of, and ways to run them."""

import contextlib
import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as papq
import pytest
from PIL import Image

from likewise.cli import fit, main
from likewise.recommend import line_up

ORDERS = Path(__file__).parents[1] / "shop" / "orders.csv"
HOUSES = ORDERS.with_name("houses.csv")
CLOTHES = Path(__file__).parents[1] / "images" / "fashion.npz"
TEXTS = {"customer": pa.string(), "sku": pa.string()}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with the small shop's log and what is made of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fit, "BUDGET", 1.0)  # the default is a minute
    Path("orders.csv").write_bytes(ORDERS.read_bytes())
    Path("houses.csv").write_bytes(HOUSES.read_bytes())
    Path("clothes.npz").write_bytes(CLOTHES.read_bytes())
    Path("space.toml").write_text('l2 = "10..1000:log"\n')
    for number in range(12):
        photo = Path("photos", ("cats", "dogs")[number % 2], f"{number}.png")
        photo.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30), (20 * number, 100, 200)).save(photo)
    table = pacsv.read_csv(ORDERS, convert_options=pacsv.ConvertOptions(column_types=TEXTS))
    papq.write_table(table.select(["customer", "sku"]), "2025-01.parquet")
    baskets = table.slice(0, 9).select(["customer", "sku"]).rename_columns(["user", "item"])
    papq.write_table(baskets, "baskets.parquet")
    papq.write_table(pa.table({"item": ["85123A", "22423"]}), "items.parquet")
    stars = pa.array([3 + row % 3 for row in range(len(table))])
    ratings = {"user": table["customer"], "item": table["sku"], "rating": stars}
    pacsv.write_csv(pa.table(ratings), "ratings.csv")
    titles = table.group_by("sku").aggregate([("title", "min")])
    pacsv.write_csv(titles.rename_columns(["item", "title"]), "films.csv")
    return tmp_path


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the small shop."""
    out = tmp_path_factory.mktemp("fitted") / "shop.model"
    with contextlib.redirect_stdout(io.StringIO()):
        main(["fit", str(ORDERS), "--out", str(out), "--model", "linear", "--quiet"])
    return out


@pytest.fixture(scope="session")
def fitted_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the table of houses."""
    out = tmp_path_factory.mktemp("fitted") / "houses.model"
    with contextlib.redirect_stdout(io.StringIO()):
        main(["anomalies", str(HOUSES), "--save", str(out), "--seconds", "1", "--quiet"])
    return out


@pytest.fixture
def model(shop: Path, fitted: Path, fitted_table: Path) -> Path:
    """The folder ``shop.model`` in the shop's; ``houses.model`` beside it."""
    shutil.copytree(fitted_table, shop / "houses.model")
    return shutil.copytree(fitted, shop / "shop.model")


@pytest.fixture
def run() -> Callable[[Sequence[str]], tuple[int, str]]:
    """Run a command; return its exit code and what a terminal would have shown."""

    def _run(arguments: Sequence[str]) -> tuple[int, str]:
        if arguments[0:1] == ["images"] and "--seconds" not in arguments:
            arguments = [*arguments, "--seconds", "2"]  # the default is a minute
        shown, code = io.StringIO(), 0
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            try:
                main(list(arguments))
            except SystemExit as end:
                code = int(end.code or 0)
        return code, shown.getvalue()

    return _run


@pytest.fixture
def cheap_line_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `evaluate` compare what takes no time, where no models are named."""
    whole = line_up.line_up

    def cheap(split: Any, names: Any = None, *, budget: float = 1.0) -> Any:
        return whole(split, names or ["popularity", "item k-NN"], budget=1.0)

    monkeypatch.setattr(line_up, "line_up", cheap)
