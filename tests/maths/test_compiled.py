"""Compiled loops where there is a folder to keep them in, and where there is none."""

import json
import subprocess
import sys

import numpy as np
import pytest
from numba.core import caching
from scipy import sparse

from likewise.autoencoders import products
from likewise.autoencoders.compiled import gather_ties
from likewise.autoencoders.parts import scores_of
from likewise.autoencoders.ties import Ties
from likewise.compiling import compiled
from likewise.errors import InputError


def doubled(values):
    for n in range(len(values)):
        values[n] *= 2


@pytest.mark.parametrize("can_write", [True, False])
def test_no_folder_need_be_writable(monkeypatch, tmp_path, can_write):
    found = [caching.UserProvidedCacheLocator] if can_write else []
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", found)
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    values = np.arange(3.0)
    compiled()(doubled)(values)
    assert values.tolist() == [0, 2, 4]
    assert any(tmp_path.rglob("*.nbi")) == can_write


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("longest", [0, 1, 3, 4, 5, 9])
def test_scores_are_the_product_of_rows_and_matrix_whatever_their_number(kind, longest):
    random = np.random.default_rng(longest)
    rows = np.zeros((7, 9), np.float32)
    for n, row in enumerate(rows):
        row[random.permutation(9)[: max(0, longest - n)]] = random.random(max(0, longest - n))
    B = (random.random((9, 12)) * (random.random((9, 12)) < 0.5)).astype(np.float32)
    X = sparse.csr_array(rows)
    found = scores_of(X, kind(B))
    np.testing.assert_allclose(found, rows.astype(float) @ B, rtol=1e-6, atol=1e-7)
    alone = np.vstack([scores_of(X[[n]], kind(B)) for n in range(7)])
    np.testing.assert_array_equal(alone, found)


def test_arrays_of_a_loaded_model_which_only_read_need_no_code_of_their_own():
    X = sparse.csr_array(np.eye(3, dtype=np.float32))

    def compiled_for(B):
        scores_of(X, B)
        return [set(loop.signatures) for loop in (products.add_rows, products.add_dense_rows)]

    for B in (np.ones((3, 2), np.float32), sparse.csr_array(np.ones((3, 2), np.float32))):
        once = compiled_for(B)
        for array in (B.indptr, B.indices, B.data) if sparse.issparse(B) else (B,):
            array.flags.writeable = False
        assert compiled_for(B) == once


def test_rows_of_another_width_are_refused():
    with pytest.raises(InputError, match="rows of 3 columns were given for 2"):
        scores_of(sparse.csr_array(np.eye(3, dtype=np.float32)), np.ones((2, 2), np.float32))


MANY = products.EXACT + 1_000


def test_a_pair_is_counted_beyond_what_float32_can_count():
    ones, places, starts = np.ones(1, np.float32), np.zeros(MANY, np.int32), np.array([0, MANY])
    part = np.zeros((1, 1), np.float32)
    products.add_pairs(part, 0, starts, places, places + 1, np.zeros(1, np.uint32), ones)
    assert part == MANY


def test_a_tie_is_counted_beyond_what_float32_can_count():
    starts, users, ones = np.array([0, 1, 1 + MANY]), np.zeros(1 + MANY, np.int32), np.ones(2)
    rows = np.array([0, 2]), np.arange(2, dtype=np.int32), ones.astype(np.float32)
    columns = starts, users, np.ones(1 + MANY, np.float32)
    neighbours, items, values = np.zeros((2, 1), np.int32), np.empty(2, np.int32), np.empty(2)
    length = ones.astype(np.float32)
    kept = values.astype(np.float32)
    counts = gather_ties(0, columns, rows, length, 1, neighbours, items, kept)
    assert counts.tolist() == [0, 1]
    assert kept[0] == MANY


def test_a_column_is_counted_beyond_what_float32_can_count():
    ones, items = np.ones(MANY, np.float32), np.zeros(MANY, np.int32)
    X = sparse.csr_array((ones, items, np.arange(MANY + 1, dtype=np.int32)), shape=(MANY, 1))
    assert Ties.of(X, 1, 1).diagonal == MANY


WARMED = """
import gc, json
import numpy as np
from numba.core.dispatcher import Dispatcher
from likewise.data.fold import FoldIn
from likewise.data.interactions import Interactions
from likewise.evaluate.protocol import evaluate
from likewise.recommend.recommender import Recommender
from likewise.recommend.searches import SEARCHES
from likewise.recommend.selection import warm

def loops():
    found = (one for one in gc.get_objects() if isinstance(one, Dispatcher))
    return {one.__name__: len(one.signatures) for one in found}

random = np.random.default_rng(0)
items = np.array([str(n) for n in range(300)])
log = Interactions.of([items[random.random(300) ** 3 < chance] for chance in np.arange(400) / 4e4])
late = {}
for kind, search in SEARCHES.items():
    warm(kind)
    before = loops()
    search = search.within(log)
    found = Recommender(search.model(search.start, log)).fit(log, support=False)
    evaluate(found, FoldIn(log.matrix, log.matrix, log.users), ("ndcg@2",), repeats=True)
    new = {name for name, n in loops().items() if n > before.get(name, 0)}
    if new:
        late[kind.type_name] = sorted(new)
print(json.dumps(late))
"""


def test_the_first_trial_of_a_type_compiles_nothing_once_it_is_warm():
    run = subprocess.run([sys.executable, "-c", WARMED], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == {}
