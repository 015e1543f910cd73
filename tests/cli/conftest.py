"""A small shop, and the command line run on it: in this process, or in one of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest

from likewise.cli import main
from likewise.memory import limit_memory
from likewise.recommend.classic import Classic

SHOP = Path(__file__).parents[1] / "shop"
"""The log of a made-up shop: 40 customers, each mostly with one of 3 groups of 6 items."""

COMMAND = "from likewise.cli import main; main()"


class Result(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        """Return stdout as the one JSON document that it is, after a command that went well."""
        assert self.code == 0, self.err
        return json.loads(self.out, parse_constant=_no_number)


def _no_number(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def brief_classic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train what `steps` shows for one epoch: the tests of the command line fit many models."""
    monkeypatch.setitem(Classic.of.__func__.__kwdefaults__, "max_epochs", 1)


@pytest.fixture(autouse=True)
def no_limit() -> Iterator[None]:
    """Take back a --memory that a command set for its process."""
    yield
    limit_memory(None)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def _run(*arguments: object) -> Result:
        capsys.readouterr()
        try:
            main([str(argument) for argument in arguments])
            code: Any = 0
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return _run


@pytest.fixture
def refused(run: Run) -> Callable[..., str]:
    """Run a command that is to fail with this exit code; return its one line."""

    def _refused(*arguments: object, code: int = 2) -> str:
        result = run(*arguments)
        *notes, line = result.err.splitlines() or [""]
        assert (result.code, result.out) == (code, ""), result
        assert line.startswith("error: ")
        assert line.isprintable()
        assert not [note for note in notes if note.startswith(("error", "Traceback"))]
        return line.removeprefix("error: ")

    return _refused


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command in a process of its own; `prelude` is Python that comes before it."""

    def _process(
        *arguments: object, prelude: str = "", **options: Any
    ) -> subprocess.CompletedProcess[str]:
        python = [sys.executable, "-c", f"{prelude}\n{COMMAND}"]
        return subprocess.run(
            [*python, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            **options,
        )

    return _process


@pytest.fixture
def orders() -> Path:
    """The log, with the columns customer, sku, date, qty and title."""
    return SHOP / "orders.csv"


@pytest.fixture
def table(orders: Path) -> pa.Table:
    """The log as a table; ids are texts."""
    texts = {"customer": pa.string(), "sku": pa.string()}
    return pacsv.read_csv(orders, convert_options=pacsv.ConvertOptions(column_types=texts))


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that `likewise fit` wrote; it is not to be changed."""
    folder = tmp_path_factory.mktemp("fitted") / "shop.model"
    main(["fit", str(SHOP / "orders.csv"), "--out", str(folder), "--model", "linear", "--quiet"])
    return folder


@pytest.fixture
def fading(tmp_path):
    """A log of customers who come twice: what follows what turned in the middle of it."""
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(200), 16)
    first, later = rng.integers(0, 20, len(day)), day + rng.integers(5, 25, len(day))
    second = (first + np.where(later < 130, 1, 7)) % 20
    start = date(2025, 1, 1)
    lines = [
        f"{customer},{item},{start + timedelta(days=int(when))}"
        for items, days in ((first, day), (second, later))
        for customer, (item, when) in enumerate(zip(items, days, strict=True))
    ]
    path = tmp_path / "fading.csv"
    path.write_text("\n".join(["customer,item,date", *lines]))
    return path


@pytest.fixture
def many_items(tmp_path, monkeypatch):
    """A log of 400 items, where likewise itself takes 400 MiB whatever ran before, or is read."""
    monkeypatch.setattr("likewise.memory._resident", lambda: 400 * 2**20)
    monkeypatch.setattr("likewise.data.engine.BESIDE", 0)
    for name, value in {"BLOCK_BYTES": 2**26, "BLOCKS_HELD": 3}.items():  # so densities differ
        monkeypatch.setattr(f"likewise.autoencoders.density.{name}", value)
    rng = np.random.default_rng(0)
    items = np.concatenate([np.arange(400), rng.integers(0, 400, 1_600)])
    lines = [f"{rng.integers(0, 120)},i{item}" for item in items]
    path = tmp_path / "many.csv"
    path.write_text("\n".join(["customer,item", *lines]))
    return path
