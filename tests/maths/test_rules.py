"""Rules against a slow twin that goes down the ranking item by item, and the table they read."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as papq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import likewise
from likewise.data.vocabulary import Vocabulary
from likewise.errors import InputError, LogError
from likewise.recommend.attributes import Attributes, read_attributes
from likewise.recommend.catalogue import Catalogue
from likewise.recommend.rules import Rules
from likewise.recommend.topk import tie_order, top_k

ITEMS = [f"i{n}" for n in range(12)]
CATALOGUE = Catalogue(Vocabulary.of(ITEMS), np.full(12, ""), np.ones(12, dtype=np.int64))
TABLE = pa.table(
    {
        "item": ITEMS[:10],
        "category": ["cup", "cup", "cup", "pot", "pot", "pen", "pen", "pen", None, None],
        "price": [1.0, 2, 3, 4, 5, 6, 7, 8, 9, None],
        "in_stock": [True, False] * 5,
    }
)
ATTRIBUTES = Attributes.of(TABLE, CATALOGUE)


def slow(scores, k, allowed, factors, at_most):
    """What a person would do with the ranking, a pencil and the rules."""
    boosted = [s * f if s > 0 else s / f for s, f in zip(scores, factors, strict=True)]
    ties, taken, chosen = tie_order(len(scores)), {}, []
    for item in sorted(range(len(scores)), key=lambda i: (-boosted[i], ties[i])):
        kind = int(ATTRIBUTES.category[item])
        full = at_most and kind >= 0 and taken.get(kind, 0) == at_most
        if allowed(item) and np.isfinite(scores[item]) and not full and len(chosen) < k:
            taken[kind] = taken.get(kind, 0) + 1
            chosen.append(item)
    return chosen


@given(
    scores=st.lists(
        st.sampled_from([-2.0, -0.5, 0.0, 0.5, 1.0, -np.inf]), min_size=12, max_size=12
    ),
    k=st.integers(1, 12),
    at_most=st.sampled_from([None, 1, 2]),
    exclude=st.sets(st.sampled_from(ITEMS)),
    include=st.none() | st.sets(st.sampled_from(ITEMS)),
    stock=st.booleans(),
    cheap=st.sampled_from([None, 5.0]),
    boost=st.dictionaries(st.sampled_from(ITEMS), st.sampled_from([0.5, 2.0])),
)
def test_rules_choose_what_going_down_the_ranking_would(
    scores, k, at_most, exclude, include, stock, cheap, boost
):
    rules = Rules.of(
        CATALOGUE, ATTRIBUTES, exclude=exclude, include=include, in_stock=stock, max_price=cheap,
        at_most_per_category=at_most, boost=boost,
    )  # fmt: skip
    row = np.array([scores], dtype=np.float32)
    rules.apply(row)
    found, _ = top_k(row, k)

    def allowed(item):
        return (
            ITEMS[item] not in exclude
            and (include is None or ITEMS[item] in include)
            and (not stock or bool(ATTRIBUTES.in_stock[item]))
            and (cheap is None or bool(ATTRIBUTES.price[item] <= cheap))
        )

    factors = [boost.get(item, 1.0) for item in ITEMS]
    expected = slow(scores, k, allowed, factors, at_most)
    assert [item for item in found[0].tolist() if item >= 0] == expected


def test_what_is_not_known_of_an_item_passes_no_rule_about_it():
    for rule in ({"min_price": 0.0}, {"categories": ["cup", "pot", "pen"]}, {"in_stock": True}):
        allowed = Rules.of(CATALOGUE, ATTRIBUTES, **rule).allowed
        assert not allowed[10:].any()
    assert not Rules.of(CATALOGUE, ATTRIBUTES, min_price=0.0).allowed[9]


def test_no_rules_change_nothing():
    recommender = likewise.Recommender().fit([["a", "b"], ["a", "b", "c"], ["c", "d"]])
    none = Rules.of(recommender.catalogue_)
    assert recommender.recommend([["a"]], 2, rules=none) == recommender.recommend([["a"]], 2)


def test_a_recommender_keeps_to_the_rules():
    recommender = likewise.Recommender().fit([["a", "b"], ["a", "b", "c"], ["c", "d"]])
    rules = Rules.of(recommender.catalogue_, exclude=["b", "unheard"])
    (found,) = recommender.recommend([["a"]], 3, rules=rules)
    assert [r.item for r in found] == ["c", "d"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"categories": ["spoon"]}, "no item has the category 'spoon'"),
        ({"exclude": "i0"}, "exclude is 'i0'; give a list of item ids"),
        ({"include": "i0"}, "include is 'i0'; give a list of item ids"),
        ({"categories": "cup"}, "categories is 'cup'; give a list of names"),
        ({"exclude": 7}, "exclude is 7"),
        ({"at_most_per_category": -1}, "at_most_per_category=-1; give a whole number, 1 or more"),
        ({"at_most_per_category": 0}, "at_most_per_category=0"),
        ({"boost": {"i0": 0.0}}, "not above 0"),
        ({"boost": {"i0": float("nan")}}, "not above 0"),
    ],
)
def test_a_rule_that_cannot_hold_is_refused(rule, words):
    with pytest.raises(InputError, match=words):
        Rules.of(CATALOGUE, ATTRIBUTES, **rule)


@pytest.mark.parametrize(
    "rule",
    [{"categories": []}, {"min_price": 1.0}, {"in_stock": True}, {"at_most_per_category": 1}],
)
def test_a_rule_without_attributes_is_refused(rule):
    with pytest.raises(InputError, match="which is not known; give a table of attributes"):
        Rules.of(CATALOGUE, **rule)


def test_attributes_are_read_from_csv_and_parquet_alike(tmp_path):
    (tmp_path / "a.csv").write_text(
        "item,category,price,in_stock,colour\n007,cup,1.5,yes,red\n008,,,0,\n009,pot,2,12,blue\n"
    )
    typed = {"item": ["007", "008", "009"], "category": ["cup", None, "pot"],
             "price": [1.5, None, 2.0], "in_stock": [True, False, True]}  # fmt: skip
    papq.write_table(pa.table(typed), tmp_path / "a.parquet")
    read = [read_attributes(tmp_path / name).to_pydict() for name in ("a.csv", "a.parquet")]
    assert read == [typed, typed]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("item,colour\na,red\n", "it needs item and some of category, price, in_stock"),
        ("sku,price\na,1\n", "it needs item"),
        ("item,price\na,1\na,2\n", "an item twice"),
        ("item,price\na,1\n,2\n", "a row without"),
        ("item,price\na,cheap\n", "'cheap'"),
    ],
)
def test_a_table_that_says_too_little_or_too_much_is_refused(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(LogError, match=words):
        read_attributes(tmp_path / "a.csv")
