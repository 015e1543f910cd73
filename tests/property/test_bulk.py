"""Recommendations in bulk are those of `recommend`, whatever the block."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as papq
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from likewise.autoencoders import (
    LinearAutoencoder,
    NeighbourhoodAutoencoder,
    UndercompleteAutoencoder,
)
from likewise.autoencoders import parts as parts_module
from likewise.data.table_file import TableFile
from likewise.errors import InputError, LogError
from likewise.recommend import bulk, scorer, topk
from likewise.recommend.recommender import Recommender

ITEMS = ["tea", "cup", "007", "ink", "pen"]
LOG = [["tea", "cup", "007"], ["ink", "pen"], ["tea", "cup"], ["pen", "ink", "007"]]
PURCHASE = st.tuples(st.sampled_from(["ann", "bob", "eve", "zoë"]), st.sampled_from([*ITEMS, "x"]))


@pytest.fixture(scope="module")
def recommender():
    return Recommender(LinearAutoencoder(l2=1.0), weighting="linear").fit(LOG)


@settings(max_examples=30, deadline=None)
@given(purchases=st.lists(PURCHASE, min_size=1), block=st.integers(1, 8), keep=st.booleans())
def test_a_file_holds_what_recommend_says(recommender, purchases, block, keep):
    users, items = zip(*purchases, strict=True)
    table = pa.table({"user": users, "item": items})
    expected = recommender.recommend(table, 1, filter_seen=False)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "BLOCK_ROWS", block)
        baskets, out = Path(folder, "baskets.parquet"), Path(folder, "out.parquet")
        papq.write_table(table, baskets)
        written = bulk.recommend_file(recommender, baskets, out, 1, filter_seen=False)
        found = papq.read_table(out)
    assert found.equals(expected)
    assert written.n_rows == found.num_rows
    assert written.n_baskets == len(set(users))
    assert written.n_fallback == sum(
        all(item == "x" for name, item in purchases if name == user) for user in set(users)
    )


SHOP = np.random.default_rng(0).random((40, 12)) < 0.4
MODELS = [
    LinearAutoencoder(l2=1.0),
    NeighbourhoodAutoencoder(l2=1.0, n_neighbours=4),
    UndercompleteAutoencoder(n_latent=3, max_epochs=1, random_state=0),
]


@pytest.fixture(scope="module", params=MODELS, ids=lambda model: model.type_name)
def shop(request):
    return Recommender(request.param).fit([np.flatnonzero(row).tolist() for row in SHOP])


@settings(max_examples=12)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 15)), min_size=1, max_size=40),
    st.integers(1, 6),
    st.integers(1, 20),
    st.booleans(),
)
def test_whatever_the_model_and_the_blocks_each_user_is_answered_as_alone(
    shop, purchases, k, block, filter_seen
):
    """Items from 12 on are unknown; a basket has six items at most."""
    baskets: dict[int, list[int]] = {}
    for user, item in purchases:
        if len(baskets.setdefault(user, [])) < 6:
            baskets[user].append(item)
    assume(any(item < 12 for basket in baskets.values() for item in basket))
    rows = [(user, item) for user, basket in baskets.items() for item in basket]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "BLOCK_ROWS", block)
        out = Path(folder, "out.parquet")
        bulk.recommend_file(shop, write(Path(folder), rows), out, k, filter_seen=filter_seen)
        found = papq.read_table(out).to_pylist()
    assert [row["user"] for row in found] == [str(user) for user in baskets for _ in range(k)]
    for n, basket in enumerate(baskets.values()):
        (alone,) = shop.recommend([basket], k, filter_seen=filter_seen)
        mine = found[n * k : n * k + k]
        assert [row["rank"] for row in mine] == list(range(1, k + 1))
        assert [row["score"] for row in mine] == pytest.approx([r.score for r in alone], abs=1e-5)
        assert [row["item"] for row in mine] == [r.item for r in alone]
        assert {row["fallback"] for row in mine} == {all(item > 11 for item in basket)}


def test_two_threads_write_the_file_of_one(shop, tmp_path, monkeypatch):
    rows = [(user, item) for user, row in enumerate(SHOP) for item in np.flatnonzero(row)[:6]]
    baskets, files, parts = write(tmp_path, rows), [], []
    monkeypatch.setattr(scorer, "SCORE_BYTES", 7 * 4 * 12)
    monkeypatch.setattr(scorer, "CACHED_BYTES", 7 * 4 * 12)
    monkeypatch.setattr(topk, "ROWS_AT_A_TIME", 3)
    pool = parts_module.ThreadPoolExecutor
    monkeypatch.setattr(parts_module, "ThreadPoolExecutor", lambda n: parts.append(n) or pool(n))
    for n_threads in (1, 2):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=n_threads: n)
        out = tmp_path / f"{n_threads}.csv"
        bulk.recommend_file(shop, baskets, out, 5)
        files.append(out.read_bytes())
        assert set(parts) == ({2} if n_threads == 2 else set())
    assert files[0] == files[1]


def write(folder, rows):
    path = folder / "baskets.csv"
    path.write_text("user,item\n" + "".join(f"{user},{item}\n" for user, item in rows))
    return path


def test_what_is_in_the_basket_is_left_out(recommender, tmp_path):
    rows = [("ann", "tea"), ("ann", "cup"), ("bob", "ink"), ("eve", "unheard")]
    out = tmp_path / "out.parquet"
    told = []
    bulk.recommend_file(
        recommender, write(tmp_path, rows), out, 3, progress=lambda *at: told.append(at)
    )
    found = papq.read_table(out)
    expected = recommender.recommend(
        pa.table({"user": [user for user, _ in rows], "item": [item for _, item in rows]}), 3
    )
    assert found.equals(expected)
    assert told == [(3, 3)]


def test_a_wrong_table_is_refused_and_leaves_the_old_file(recommender, tmp_path):
    out = tmp_path / "out.csv"
    with TableFile(out) as file:
        file.write(pa.table({"old": [1]}))
    before = out.read_bytes()
    with pytest.raises(LogError, match="line 3: no item"):
        bulk.recommend_file(recommender, write(tmp_path, [("a", "tea"), ("b", "")]), out)
    with pytest.raises(InputError, match="k=6 but only 4 items remain beside those of the basket"):
        bulk.recommend_file(recommender, write(tmp_path, [("a", "tea")]), out, 6)
    with pytest.raises(InputError, match="k=0"):
        bulk.recommend_file(recommender, write(tmp_path, [("a", "tea")]), out, 0)
    assert out.read_bytes() == before


def test_integers_for_a_catalogue_of_texts_are_refused(recommender, tmp_path):
    path = tmp_path / "baskets.parquet"
    papq.write_table(pa.table({"user": ["a"], "item": [7]}), path)
    with pytest.raises(InputError, match="they are int, such as 7, and the model's are str"):
        bulk.recommend_file(recommender, path, tmp_path / "out.csv")
