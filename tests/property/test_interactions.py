"""Ids, vocabularies, interactions and support: what goes in comes out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from likewise.data.interactions import Interactions, checked_csr, csr
from likewise.data.vocabulary import Vocabulary, as_ids
from likewise.errors import InputError
from likewise.recommend.support import Support

INTEGERS = st.integers(-(2**63), 2**63 - 1)
IDS = st.one_of(
    st.lists(INTEGERS, min_size=1, max_size=20, unique=True),
    st.lists(st.text(max_size=6), min_size=1, max_size=20, unique=True),
)


# Ids


@given(IDS)
def test_ids_come_out_as_they_went_in(ids):
    array = as_ids(ids)
    assert array.tolist() == ids
    assert array.dtype == (np.int64 if isinstance(ids[0], int) else object)
    assert as_ids(array).tolist() == as_ids(tuple(ids)).tolist() == ids


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.int32, np.uint32, np.int64, np.uint64, "U3", object]
)
def test_ids_may_be_arrays_of_any_width(dtype):
    array = np.array([7, 1, 3]).astype(dtype)
    expected = ["7", "1", "3"] if dtype == "U3" else [7, 1, 3]
    assert as_ids(array).tolist() == expected
    assert as_ids(list(array)).tolist() == expected
    assert as_ids(array[:0]).tolist() == []


@pytest.mark.parametrize(
    ("ids", "says"),
    [
        ([1.0], r"an id is 1.0 \(float\)"),
        ([1, 2.5], "an id is 2.5"),
        (np.array([1.5]), "an id is 1.5"),
        ([None], "an id is None"),
        ([b"a"], "an id is b'a'"),
        (["a", 1], "mix str and int .such as 'a' and 1.; make them all one kind"),
        ([1, "a"], "mix str and int"),
        ([np.int32(1), "a"], "mix str and int"),
        ([2**63], "an id is 9223372036854775808, and integer ids have 64 bits"),
        (np.array([2**63], dtype=np.uint64), "64 bits"),
        ([1, -(2**80)], "64 bits"),
        ([[1, 2]], r"an id is \[1, 2\]"),
        (np.ones((2, 2), dtype=int), r"an id is \[1, 1\]"),
        ([(1,), (1, 2)], r"an id is \(1,\)"),
    ],
)
def test_what_is_no_id_is_refused(ids, says):
    with pytest.raises(InputError, match=says) as caught:
        as_ids(ids)
    assert "\n" not in str(caught.value)


# Vocabularies


@given(IDS, st.lists(st.one_of(INTEGERS, st.text(max_size=6)), max_size=10))
def test_a_vocabulary_numbers_its_ids_and_knows_strangers(ids, others):
    vocabulary = Vocabulary.of(ids)
    rows = vocabulary.encode(ids)
    assert rows.tolist() == list(range(len(ids)))
    assert vocabulary.decode(rows).tolist() == ids
    assert vocabulary.encode([str(id_) for id_ in ids]).tolist() == rows.tolist()
    texts = {str(id_) for id_ in ids}
    for stranger in others:
        assert (vocabulary.encode([stranger])[0] == -1) == (str(stranger) not in texts)
    assert len(vocabulary) == len(ids)
    assert vocabulary == Vocabulary.of(ids)
    assert hash(vocabulary) == hash(Vocabulary.of(ids))


def test_leading_zeros_are_kept():
    vocabulary = Vocabulary.of(["7", "007", " 7"])
    assert vocabulary.encode(["007", 7, "07", " 7"]).tolist() == [1, 0, -1, 2]


def test_an_id_given_twice_is_refused():
    for ids in (["a", "b", "a"], [1, 1]):
        with pytest.raises(InputError, match="give each id once"):
            Vocabulary.of(ids)


@pytest.mark.parametrize(
    ("baskets", "says"),
    [
        (["tea", "cup"], "a basket is 'tea'; give a list of baskets"),
        ([["tea", "cup"], "milk"], "a basket is 'milk'"),
        ([["tea"], {"cup": 2}], "a basket is {'cup': 2}"),
        ([["tea"], 7], "a basket is 7"),
        ({"ann": ["tea"]}, "baskets is {'ann'"),
        ("tea", "baskets is 'tea'"),
    ],
)
def test_a_text_is_no_basket_of_letters(baskets, says):
    with pytest.raises(InputError, match=says):
        Interactions.of(baskets)


def test_a_text_is_no_vocabulary_of_letters():
    with pytest.raises(InputError, match="ids is 'tea'; give a list"):
        Vocabulary.of("tea")


def test_vocabularies_of_other_ids_are_others():
    one = Vocabulary.of(["a", "b"])
    assert one != Vocabulary.of(["b", "a"])
    assert one != Vocabulary.of(["a"])
    assert one != ["a", "b"]
    assert Vocabulary.of([1]) != Vocabulary.of(["1"])


# Interactions

BASKETS = st.lists(st.lists(st.integers(0, 8), max_size=6), min_size=1, max_size=8)


@given(BASKETS)
def test_interactions_of_baskets_weigh_an_item_by_how_often_it_is_named(baskets):
    found = Interactions.of(baskets)
    assert found.items.ids.tolist() == sorted({item for basket in baskets for item in basket})
    for row, basket in zip(found.matrix.toarray(), baskets, strict=True):
        assert found.items.ids[row > 0].tolist() == sorted(set(basket))
        assert row[row > 0].tolist() == [basket.count(item) for item in sorted(set(basket))]
    counts = [sum(item in basket for basket in baskets) for item in found.items.ids]
    assert found.item_counts.tolist() == counts
    assert (found.n_users, found.n_items) == found.matrix.shape


@given(BASKETS, st.randoms(use_true_random=False))
def test_parts_keep_their_ids(baskets, random):
    whole = Interactions.of(baskets)
    rows = np.array([random.random() < 0.5 for _ in range(whole.n_users)], dtype=bool)
    columns = np.array([random.random() < 0.5 for _ in range(whole.n_items)], dtype=bool)
    part = whole.take(rows).only_items(columns)
    np.testing.assert_array_equal(part.matrix.toarray(), whole.matrix.toarray()[rows][:, columns])
    assert part.users.ids.tolist() == whole.users.ids[rows].tolist()
    assert part.items.ids.tolist() == whole.items.ids[columns].tolist()


@given(st.integers(0, 999))
def test_triples_of_the_same_cell_are_summed(seed):
    rng = np.random.default_rng(seed)
    row, column, value = rng.integers(0, [4, 3, 3], (12, 3)).T
    matrix = csr(row, column, value, (4, 3))
    expected = np.zeros((4, 3))
    np.add.at(expected, (row, column), value)
    np.testing.assert_array_equal(matrix.toarray(), expected)
    assert matrix.has_canonical_format
    assert matrix.dtype == np.float32
    assert matrix.nnz == np.count_nonzero(expected)


def test_matrices_from_outside_are_checked_and_left_alone():
    given_ = sparse.csr_array(
        (np.array([1.0, 2, 0, 4]), np.array([2, 0, 1, 1]), np.array([0, 2, 4])), shape=(2, 3)
    )
    before = given_.data.copy(), given_.indices.copy()
    checked = checked_csr(given_)
    assert checked.toarray().tolist() == [[2, 0, 1], [0, 4, 0]]
    assert checked.nnz == 3
    np.testing.assert_array_equal(given_.data, before[0])
    np.testing.assert_array_equal(given_.indices, before[1])


def broken(part, value):
    matrix = sparse.csr_array(np.eye(3))
    getattr(matrix, part)[1] = value
    return matrix


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        (broken("indices", 7), "the CSR matrix is broken"),
        (broken("indices", -1), "the CSR matrix is broken"),
        (broken("indptr", 3), "the CSR matrix is broken"),
        (broken("data", -1), "negative, NaN or infinite"),
        (broken("data", np.nan), "negative, NaN or infinite"),
        (broken("data", np.inf), "negative, NaN or infinite"),
        (broken("data", 1e39), "negative, NaN or infinite"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_broken_matrices_are_refused(matrix, says):
    with pytest.raises(InputError, match=says) as caught:
        Interactions.of_matrix(matrix)
    assert "\n" not in str(caught.value)


def test_ids_and_matrix_must_agree():
    with pytest.raises(InputError, match=r"the matrix is \(3, 3\).* 3 users and 2 items"):
        Interactions.of_matrix(np.eye(3), items=["a", "b"])


def test_titles_stand_in_for_ids():
    titled = Interactions(
        sparse.csr_array(np.eye(2, dtype=np.float32)),
        Vocabulary.of([1, 2]),
        Vocabulary.of(["a", "b"]),
        np.array(["Tea", ""], dtype=object),
    )
    assert [titled.title(row) for row in (0, 1)] == ["Tea", "b"]
    assert titled.only_items(np.array([1])).title(0) == "b"
    assert Interactions.of([["x"]]).title(0) == "x"


# Support


@given(BASKETS)
def test_support_counts_the_baskets_with_both(baskets):
    interactions = Interactions.of(baskets)
    sets = [set(basket) for basket in baskets]
    items = interactions.items.ids.tolist()
    support = Support.of(2 * interactions.matrix)
    every = np.arange(len(items))
    everyone = np.tile(every, (len(every), 1))
    counts = support.between(every, everyone)
    for one in every:
        for other in every:
            both = sum({items[one], items[other]} <= basket for basket in sets)
            assert counts[one, other] == both
    assert counts.dtype == np.int32
    again = Support.from_tensors(support.tensors(), len(items))
    np.testing.assert_array_equal(again.between(every, everyone), counts)
    np.testing.assert_array_equal(support.between(every[::-1], everyone), counts[::-1])
    assert not Support.none(len(items)).between(every, everyone).any()


@given(st.integers(2, 25), st.integers(0, 3), st.integers(0, 99))
def test_support_keeps_no_more_pairs_than_it_may_and_those_are_the_strongest(n, share, seed):
    X = np.random.default_rng(seed).random((30, n)) < 1 / (1 + np.arange(n))
    whole = np.triu(X.T.astype(int) @ X)
    kept = Support.of(sparse.csr_array(X.astype(np.float32)), max(1, share * n)).pairs.toarray()
    assert (kept[kept > 0] == whole[kept > 0]).all()
    np.testing.assert_array_equal(np.diag(kept), np.diag(whole))
    left_out = np.argwhere((whole > 0) & (kept == 0))
    cosine = whole / np.sqrt(np.outer(np.diag(whole), np.diag(whole)) + 1e-9)
    rank = np.argsort(np.argsort(-np.diag(whole), kind="stable"))
    rarer = np.where(rank[:, None] > rank, np.arange(n)[:, None], np.arange(n))
    np.fill_diagonal(kept, 0)
    assert np.count_nonzero(kept) <= max(n, share * n)
    for one, other in left_out:
        stronger = cosine[(kept > 0) & (rarer == rarer[one, other])]
        assert len(stronger)
        assert stronger.min() >= cosine[one, other] - 1e-6


@pytest.mark.parametrize("damage", ["missing", "out of range", "too short"])
def test_damaged_support_is_refused(damage):
    tensors = Support.of(sparse.csr_array(np.ones((2, 3)))).tensors()
    if damage == "missing":
        del tensors["counts"]
    elif damage == "out of range":
        tensors["indices"] = tensors["indices"] + 3
    else:
        tensors["indptr"] = tensors["indptr"][:-1]
    with pytest.raises(InputError, match="no 3 x 3 CSR"):
        Support.from_tensors(tensors, 3)
