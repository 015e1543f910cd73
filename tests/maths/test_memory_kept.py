"""A limit of memory is kept: the peak that the system saw of a process of its own."""

import json
import subprocess
import sys

import duckdb
import numpy as np
import pytest
from scipy import sparse

from likewise.data.interactions import Interactions
from likewise.recommend.baselines import Popularity
from likewise.recommend.recommender import Recommender

RUN = """
import json, sys
from likewise.errors import NotEnoughMemoryError
from likewise.memory import limit_memory
{loading}
limit_memory({limit} * 2**20, "--memory {limit}MB")
said = ""
try:
    {work}
except NotEnoughMemoryError as error:
    said = str(error)
status = open("/proc/self/status").read().splitlines()
peak = next(int(line.split()[1]) // 2**10 for line in status if line.startswith("VmHWM:"))
print(json.dumps([said, peak]))
"""
READING = "from likewise.data.log import read_log"
LISTING = "from likewise import load, recommend_file; import torch; torch.set_num_threads(2)"


def peak_within(limit, loading, work):
    """Return what a process said that may take so many MiB, and the MiB that it took."""
    code = RUN.format(limit=limit, loading=loading, work=work)
    run = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module", params=["csv", "parquet"])
def log(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / f"log.{request.param}"
    duckdb.sql(
        "COPY (SELECT 'customer-' || (range * 7919 % 200000) AS customer, 'sku-' || (range % 5000) "
        f"AS sku, TIMESTAMP '2024-01-01' + to_seconds(range) AS date FROM range(1500000)) "
        f"TO '{path}'"
    )
    return path


@pytest.mark.parametrize(("limit", "refuses"), [(280, True), (340, True), (480, False)])
def test_reading_keeps_to_it_or_says_what_it_needs(log, limit, refuses):
    said, peak = peak_within(limit, READING, f"read_log({str(log)!r}, threads=2)")
    assert peak <= limit
    assert bool(said) is refuses
    if refuses:
        assert f"--memory {limit}MB leaves" in said
        assert "raise it to" in said


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A model, and a table of many baskets."""
    folder, n_items = tmp_path_factory.mktemp("shop"), 2_000
    X = sparse.csr_array(np.ones((2, n_items), np.float32))
    Recommender(Popularity()).fit(Interactions.of_matrix(X), support=False).save(folder / "model")
    duckdb.sql(
        "COPY (SELECT 'customer-' || (range // 5) AS user, range * 7919 % 2000 AS item "
        f"FROM range(600000)) TO '{folder / 'baskets.parquet'}'"
    )
    return folder


@pytest.mark.parametrize("limit", [450, 800])
def test_lists_for_everyone_keep_to_it_or_say_what_they_need(shop, limit):
    model, baskets, out = (str(shop / name) for name in ("model", "baskets.parquet", "out.csv"))
    work = f"recommend_file(load({model!r}), {baskets!r}, {out!r})"
    said, peak = peak_within(limit, LISTING, work)
    assert peak <= limit
    assert bool(said) is (limit == 450)
    if not said:
        assert duckdb.sql(f"SELECT count(*) FROM '{out}'").fetchall() == [(1_200_000,)]
