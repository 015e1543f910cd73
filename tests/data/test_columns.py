"""Columns are found by name, from one table of names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from likewise.data.columns import NAMES, RATINGS, find_columns, normalise, require_columns
from likewise.errors import LogError


def test_no_name_stands_for_two_roles():
    names = [name for role in NAMES.values() for name in role]
    assert len(names) == len(set(names))


def test_the_table_is_written_as_columns_are_compared():
    assert [n for role in NAMES.values() for n in role if normalise(n) != n] == []
    assert set(NAMES["weight"]) > RATINGS


@pytest.mark.parametrize(
    ("present", "roles"),
    [
        (
            ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice"],
            {
                "item": "StockCode",
                "time": "InvoiceDate",
                "weight": "Quantity",
                "title": "Description",
                "basket": "InvoiceNo",
            },
        ),
        (
            ["userId", "movieId", "rating", "timestamp"],
            {"user": "userId", "item": "movieId", "time": "timestamp", "weight": "rating"},
        ),
        (
            ["Customer ID", "order-id", "SKU", "qty", "Order Date", "Product Name"],
            {
                "user": "Customer ID",
                "item": "SKU",
                "time": "Order Date",
                "weight": "qty",
                "title": "Product Name",
                "basket": "order-id",
            },
        ),
        (["reviewerID", "asin", "ts"], {"user": "reviewerID", "item": "asin", "time": "ts"}),
    ],
)
def test_the_columns_of_well_known_logs_are_found(present, roles):
    assert find_columns(present, {}) == roles


def test_of_two_candidates_the_table_decides_and_not_the_file():
    assert find_columns(["product", "product_id", "who"], {})["item"] == "product_id"
    assert find_columns(["product_id", "product", "who"], {})["item"] == "product_id"
    assert find_columns(["date", "timestamp"], {})["time"] == "timestamp"


def test_of_two_spellings_the_first_in_the_file_is_taken():
    assert find_columns(["User ID", "user_id"], {})["user"] == "User ID"


def test_a_named_column_is_taken_and_not_taken_again_for_another_role():
    found = find_columns(["invoice", "sku"], {"user": "invoice"})
    assert found == {"user": "invoice", "item": "sku"}


def test_an_empty_name_takes_no_column():
    assert "weight" in find_columns(["user", "item", "count"], {})
    assert "weight" not in find_columns(["user", "item", "count"], {"weight": ""})


def test_an_unknown_column_is_refused_with_those_that_exist():
    with pytest.raises(
        LogError, match=r"no column 'buyr' for user; the columns are 'buyer', 'sku'"
    ):
        find_columns(["buyer", "sku"], {"user": "buyr"})


def test_a_missing_role_is_refused_with_the_columns_and_the_flag():
    with pytest.raises(LogError, match=r"no item column .* 'who', 'what': .* item= \(--item\)"):
        require_columns({}, ["who", "what"], "item")
    require_columns({"basket": "order"}, ["order"], "user", "basket")


def test_a_very_wide_log_is_not_listed_whole():
    with pytest.raises(LogError, match=r"'c29' \.\.\.: name one"):
        require_columns({}, [f"c{n}" for n in range(99)], "item")


@given(st.lists(st.text(max_size=12), unique=True, max_size=12))
def test_what_is_found_is_there_and_found_once(present):
    found = find_columns(present, {})
    assert set(found.values()) <= set(present)
    assert len(set(found.values())) == len(found)
