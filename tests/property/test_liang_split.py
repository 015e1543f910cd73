"""Liang's split, to the last random number, against the authors' published pre-processing.

What follows in `published` are the cells of their notebook (VAE_ML20M_WWW2018), as literally as
pandas of today allows; nothing of it is shared with the library.
"""

import numpy as np
import pandas as pd
import pytest

from likewise.data import public_sets
from likewise.data.interactions import Interactions
from likewise.data.liang import strong_generalisation
from likewise.data.log import Log
from likewise.errors import InputError

N_HELD_OUT = 12


def ratings(seed: int, ids: str) -> pd.DataFrame:
    """A table in file order: users mixed, some with few items, popular and rare items."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in rng.permutation(120) + 1:
        popularity = 1 / np.arange(1, 301)
        items = rng.choice(
            300, rng.choice([3, 5, 5, 6, 9, 24]), replace=False, p=popularity / popularity.sum()
        )
        rows += [(int(user), int(item) * 7 + 3) for item in items]
    table = pd.DataFrame(rows, columns=["userId", "movieId"]).sample(frac=1, random_state=seed)
    if ids == "texts":  # 10 before 2, upper case before lower, leading zeros
        table["userId"] = [f"{'uU'[u % 2]}{u}" for u in table["userId"]]
        table["movieId"] = [f"{m:04d}" if m % 3 else f"film {m}" for m in table["movieId"]]
    return table.reset_index(drop=True)


def published(raw_data, n_heldout_users):
    def get_count(tp, id):  # noqa: A002 - theirs
        return tp.groupby(id).size()

    def filter_triplets(tp, min_uc=5):
        usercount = get_count(tp, "userId")
        tp = tp[tp["userId"].isin(usercount.index[usercount >= min_uc])]
        return tp, get_count(tp, "userId"), get_count(tp, "movieId")

    raw_data, user_activity, _ = filter_triplets(raw_data)
    unique_uid = user_activity.index
    np.random.seed(98765)  # noqa: NPY002 - theirs
    idx_perm = np.random.permutation(unique_uid.size)  # noqa: NPY002
    unique_uid = unique_uid[idx_perm]
    n_users = unique_uid.size
    tr_users = unique_uid[: (n_users - n_heldout_users * 2)]
    vd_users = unique_uid[(n_users - n_heldout_users * 2) : (n_users - n_heldout_users)]
    te_users = unique_uid[(n_users - n_heldout_users) :]
    train_plays = raw_data.loc[raw_data["userId"].isin(tr_users)]
    unique_sid = pd.unique(train_plays["movieId"])

    def split_train_test_proportion(data, test_prop=0.2):
        data_grouped_by_user = data.groupby("userId")
        tr_list, te_list = [], []
        np.random.seed(98765)  # noqa: NPY002
        for _, group in data_grouped_by_user:
            n_items_u = len(group)
            if n_items_u >= 5:
                idx = np.zeros(n_items_u, dtype="bool")
                idx[
                    np.random.choice(  # noqa: NPY002
                        n_items_u, size=int(test_prop * n_items_u), replace=False
                    ).astype("int64")
                ] = True
                tr_list.append(group[np.logical_not(idx)])
                te_list.append(group[idx])
            else:
                tr_list.append(group)
        return pd.concat(tr_list), pd.concat(te_list)

    folds = []
    for users in (vd_users, te_users):
        plays = raw_data.loc[raw_data["userId"].isin(users)]
        plays = plays.loc[plays["movieId"].isin(unique_sid)]
        folds.append(split_train_test_proportion(plays))
    return train_plays, *folds


def pairs_of(matrix, users, items):
    rows = matrix.tocoo()
    return set(zip(users.decode(rows.row).tolist(), items.decode(rows.col).tolist(), strict=True))


def pairs(plays):
    return set(zip(plays["userId"].tolist(), plays["movieId"].tolist(), strict=True))


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("ids", ["integers", "texts"])
def test_it_is_the_published_split(seed, ids):
    table = ratings(seed, ids)
    split = strong_generalisation(
        Log.of(user=table["userId"], item=table["movieId"]), n_held_out=N_HELD_OUT
    )
    require_published(split, table, some_have_few_left=seed == 0)


def test_so_is_that_of_the_owners_file(tmp_path):
    table = ratings(0, "integers")
    given = table.assign(rating=4.0, timestamp=1112486027)
    disliked = given.sample(frac=0.5, random_state=0).assign(rating=3.5)
    disliked["movieId"] += 10_000
    given = pd.concat([disliked, given]).sort_values("userId", kind="stable")
    given.to_csv(tmp_path / "ratings.csv", index=False)
    liked = given[given["rating"] > 3.5].reset_index(drop=True)
    require_published(public_sets._liang(N_HELD_OUT)(tmp_path), liked)


def require_published(split, table, *, some_have_few_left=False):
    train, validation, test = published(table, N_HELD_OUT)
    assert sorted(split.train.items.ids) == sorted(set(train["movieId"]))
    assert split.train.users.ids.tolist() == sorted(set(train["userId"]))
    assert pairs_of(split.train.matrix, split.train.users, split.train.items) == pairs(train)
    few_remain = 0
    for fold, (tr, te) in ((split.validation, validation), (split.test, test)):
        assert fold.users.ids.tolist() == sorted(set(tr["userId"]))
        assert pairs_of(fold.given, fold.users, split.train.items) == pairs(tr)
        assert pairs_of(fold.held_out, fold.users, split.train.items) == pairs(te)
        few_remain += (np.diff(fold.held_out.indptr) == 0).sum()
    assert split.refit is split.train
    if some_have_few_left:
        assert few_remain > 0, "the table should have users with fewer than five items left"


def test_the_order_of_the_lines_decides_the_draw_as_it_does_theirs():
    table = ratings(0, "integers")
    turned = table.iloc[::-1]
    first, second = (
        strong_generalisation(Log.of(user=t["userId"], item=t["movieId"]), n_held_out=N_HELD_OUT)
        for t in (table, turned)
    )
    assert first.test.users == second.test.users
    ours, theirs = (
        pairs_of(split.test.held_out, split.test.users, split.train.items)
        for split in (first, second)
    )
    assert ours != theirs
    assert theirs == pairs(published(turned, N_HELD_OUT)[2][1])


def test_a_line_that_repeats_counts_once_at_its_first_place():
    table = ratings(1, "integers")
    repeated = pd.concat([table, table.sample(frac=0.3, random_state=0)])
    plain, again = (
        strong_generalisation(Log.of(user=t["userId"], item=t["movieId"]), n_held_out=N_HELD_OUT)
        for t in (table, repeated)
    )
    assert pairs_of(plain.test.held_out, plain.test.users, plain.train.items) == pairs_of(
        again.test.held_out, again.test.users, again.train.items
    )
    assert again.train.matrix.sum() > plain.train.matrix.sum()


def split_of(seed=0, **settings):
    table = ratings(seed, "integers")
    log = Log.of(user=table["userId"], item=table["movieId"])
    return table, strong_generalisation(log, **{"n_held_out": N_HELD_OUT} | settings)


def test_nothing_leaks():
    _, split = split_of()
    groups = [set(p.users.ids) for p in (split.train, split.validation, split.test)]
    assert len(set.union(*groups)) == sum(map(len, groups))
    for fold in (split.validation, split.test):
        assert fold.given.shape == fold.held_out.shape == (len(fold), split.train.n_items)
        assert fold.given.multiply(fold.held_out).nnz == 0
    assert (split.train.item_counts > 0).all()


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.8])
def test_the_share_that_is_held_out(fraction):
    table, split = split_of(held_fraction=fraction)
    known = set(split.train.items.ids)
    for row, user in enumerate(split.test.users.ids):
        n = table.loc[table["userId"] == user, "movieId"].isin(known).sum()
        expected = int(fraction * n) if n >= 5 else 0
        assert split.test.held_out[[row]].nnz == expected
        assert split.test.given[[row]].nnz == n - expected


def test_a_tenth_of_the_users_is_held_out_by_default():
    table, split = split_of(n_held_out=None)
    eligible = (table.groupby("userId").size() >= 5).sum()
    assert len(split.test) == len(split.validation) == eligible // 10
    assert split.train.n_users == eligible - 2 * (eligible // 10)


def test_other_seeds_and_least_lengths_make_other_splits():
    table, split = split_of()
    _, other = split_of(seed=0, min_items=1)
    assert split.train.n_users + 24 < other.train.n_users + 24 == table["userId"].nunique()
    log = Log.of(user=table["userId"], item=table["movieId"])
    reseeded = strong_generalisation(log, n_held_out=N_HELD_OUT, seed=1)
    assert reseeded.test.users != split.test.users


def test_interactions_are_cut_by_users_too():
    table, split = split_of()
    log = Log.of(user=table["userId"], item=table["movieId"])
    again = strong_generalisation(log.interactions(), n_held_out=N_HELD_OUT)
    assert again.test.users == split.test.users
    assert again.train.items == split.train.items
    assert (again.train.matrix != split.train.matrix).nnz == 0
    matrix = Interactions.of_matrix((np.random.default_rng(0).random((40, 9)) < 0.95) * 2.0)
    assert len(strong_generalisation(matrix).test) == 4


@pytest.mark.parametrize("held", [0, -1, 60, 10**6])
def test_too_many_or_no_held_out_users_are_refused(held):
    with pytest.raises(InputError, match=rf"users have 5 items or more, and {held} validation"):
        split_of(n_held_out=held)


def test_a_log_of_short_histories_is_refused():
    log = Log.of(user=[1, 1, 2, 2, 3, 3], item=[1, 2, 1, 2, 1, 2])
    with pytest.raises(InputError, match="0 users have 5 items or more"):
        strong_generalisation(log)
    assert len(strong_generalisation(log, min_items=2).test) == 1
