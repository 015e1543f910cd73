"""What dense types and neighbourhoods state of memory, beside the peak that the system saw."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

MEBI = 2**20
LIBRARIES = 48 * MEBI
"""Of code that is loaded, and of memory kept for later, at the first work of a kind."""

MEASURE = """
import json, sys
import numpy as np
import pandas as pd
import likewise
from likewise import memory
from likewise.evaluate.resources import measured
import likewise.tables.anomalies, likewise.autoencoders.neural_memory

stated = []
def state(needed, what, instead):
    stated.append(memory._resident() + needed)
for module in list(sys.modules.values()):
    if hasattr(module, "require_memory"):
        module.require_memory = state

def table(n, f, kind=np.float32):
    return np.random.default_rng(0).standard_normal((n, f)).astype(kind)

def model(**more):
    return likewise.UndercompleteAutoencoder(max_epochs=1, random_state=0, **more)

known = model().fit(table(1000, 8))
detector = likewise.AnomalyDetector(model(), random_state=0)
detector.fit(table(1000, 8))
deep = likewise.DeepAutoencoder(
    n_latent=16, pretrain=False, projection_steps=1, max_epochs=1, random_state=0
).fit(table(500, 200))
draws = likewise.VariationalAutoencoder(
    n_importance=20, batch_size=1000, max_epochs=1, random_state=0
)
coded = likewise.AutoencoderClassifier(
    model().fit(table(500, 100)), pretrain="prefit", batch_size=1000, max_epochs=1
)
WORK = {
    "fit": (lambda: table(120_000, 100), model(batch_size=1000).fit),
    "fit of a frame": (lambda: pd.DataFrame(table(90_000, 100, float)), model(batch_size=500).fit),
    "fit of large batches": (lambda: table(15_000, 100), model(batch_size=15_000).fit),
    "fit of a large net": (lambda: table(500, 1000), model(hidden=(3000, 1000)).fit),
    "fit that keeps neighbours": (
        lambda: table(4_000, 8), model(batch_size=4_000, neighbour_weight=1).fit
    ),
    "fit of many draws": (lambda: table(1_200, 300), draws.fit),
    "labels": (lambda: table(100_000, 100), lambda X: coded.fit(X, np.arange(100_000) % 2)),
    "projection": (lambda: table(3_000, 200), deep.transform),
    "transform": (lambda: table(500_000, 8), known.transform),
    "score": (lambda: table(500_000, 8), known.score),
    "anomalies": (lambda: table(60_000, 100, float), detector.fit),
}
found = {}
for name, (make, verb) in WORK.items():
    rows = make()
    stated.clear()
    with measured() as cost:
        before = memory._resident()
        verb(rows)
    found[name] = (max(stated, default=0) - before, cost.added_bytes, 0)
print(json.dumps(found))
"""


NEIGHBOURHOODS = """
import json
import numpy as np
import torch
from scipy import sparse
from likewise import NeighbourhoodAutoencoder
from likewise.autoencoders.density import BLOCK_BYTES, BLOCKS_HELD
from likewise.evaluate.resources import measured
from likewise.recommend.estimate import model_bytes

rng = np.random.default_rng(0)
chance = 1 / np.arange(1, 3_001)
rows, items = rng.integers(6_000, size=500_000), rng.choice(3_000, 500_000, p=chance / chance.sum())
X = sparse.csr_array((np.ones(500_000, np.float32), (rows, items)), shape=(6_000, 3_000))
X.sum_duplicates()
X.data[:] = 1
found = {}
for k, p in ((200, 200), (400, 0), (25, 25)):
    for threads in (1, 2):
        torch.set_num_threads(threads)
        model = NeighbourhoodAutoencoder(n_neighbours=k, n_whole=p)
        model.fit(X[:2_000, :600])  # so that what is loaded and compiled once is not counted
        with measured() as cost:
            model.fit(X)
        by_chance = (threads - 1) * BLOCKS_HELD * BLOCK_BYTES  # if all are at their peak at once
        found[f"{k} neighbours, {threads} threads"] = (
            model_bytes(model, X), cost.added_bytes, by_chance
        )
print(json.dumps(found))
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize(
    ("code", "n_kinds", "beyond"),
    [(MEASURE, 11, LIBRARIES), (NEIGHBOURHOODS, 6, 8 * MEBI)],
    ids=["dense types", "neighbourhoods"],
)
def test_what_is_taken_is_stated_and_not_much_more(code, n_kinds, beyond):
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)
    wrong = {
        name: f"{stated / MEBI:.0f} MiB stated, {taken / MEBI:.0f} taken"
        for name, (stated, taken, by_chance) in found.items()
        if not taken - beyond < stated < 1.5 * taken + LIBRARIES + by_chance
    }
    assert len(found) == n_kinds
    assert not wrong
