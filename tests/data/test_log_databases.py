"""The answer to a query is a log like any other: SQLite and PostgreSQL, read only."""

import builtins
import sqlite3
from contextlib import closing

import pytest

from likewise.data.databases import BATCH
from likewise.data.log import read_log
from likewise.errors import MachineError
from likewise.extras import how_to_install


@pytest.fixture
def shop(tmp_path):
    """Make a small SQLite shop and return its path."""
    path = tmp_path / "shop 100%.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE orders (customer, sku, quantity, ordered_at, ticket)")
        rows = [
            ("ann", 7, 2, "2024-01-01 10:00:00", "t1"),
            ("bob", 7, 1.5, "2024-01-01 11:00:00", "t2"),
            (None, 8, 1, "2024-01-02", "t3"),
        ]
        database.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", rows)
    return path


def test_sqlite(shop):
    log = read_log(f"sqlite:///{shop}", query="SELECT * FROM orders")
    assert log.users.decode(log.user).tolist() == ["ann", "bob", "basket:t3"]
    assert log.items.decode(log.item).tolist() == [7, 7, 8]
    assert log.weight.tolist() == [2, 1.5, 1]
    assert log.report.first_time == "2024-01-01T10:00:00Z"
    assert log.report.source == "the query's answer"


def test_sqlite_by_a_relative_path(shop, monkeypatch):
    monkeypatch.chdir(shop.parent)
    log = read_log("sqlite:///shop 100%.db", query="SELECT customer, sku FROM orders WHERE sku = 7")
    assert log.users.ids.tolist() == ["ann", "bob"]


def test_conditions_and_titles_work_on_an_answer(shop, write):
    titles = write("titles.csv", "sku,name\n7,Tea\n")
    log = read_log(
        f"sqlite:///{shop}",
        query="SELECT * FROM orders",
        drop={"second": "ticket = 't2'"},
        titles=titles,
    )
    assert log.report.dropped == {"second": 1}
    assert log.titles.tolist() == ["Tea", ""]


def test_an_answer_of_several_batches_stays_in_its_order(shop):
    n = BATCH + 10
    counting = f"WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n < {n - 1})"
    log = read_log(f"sqlite:///{shop}", query=f"{counting} SELECT n AS user, -n AS item FROM c")
    assert log.users.decode(log.user).tolist() == list(range(n))
    assert log.items.decode(log.item).tolist() == [-k for k in range(n)]


def test_sqlite_ids_of_mixed_type_are_refused(refused, shop):
    query = "SELECT customer AS user, 1 AS item FROM orders UNION ALL SELECT 7, 1"
    assert "ids in column 'user' mix texts and numbers" in refused(
        f"sqlite:///{shop}", query=f"SELECT * FROM ({query}) WHERE user NOT NULL"
    )


def test_sqlite_whole_floats_are_integers_and_bytes_are_refused(refused, shop):
    log = read_log(f"sqlite:///{shop}", query="SELECT 17850.0 AS user, 1 AS item")
    assert log.users.ids.tolist() == [17850]
    query = "SELECT x'00ff' AS user, 1 AS item"
    assert "column 'user' of the query holds bytes" in refused(f"sqlite:///{shop}", query=query)


def test_a_bad_row_of_an_answer_is_named(refused, shop):
    message = refused(f"sqlite:///{shop}", query="SELECT customer, sku FROM orders")
    assert message.startswith("the query's answer row 3: no user in column 'customer'; 1 of 3")
    query = "SELECT 'a' AS user, 1 AS item, 'many' AS qty UNION ALL SELECT 'b', 2, 3"
    message = refused(f"sqlite:///{shop}", query=query)
    assert "row 1: weight is not a number in column 'qty': 'many'" in message


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT nonsense FROM orders", "no such column: nonsense"),
        ("SELEKT", "syntax error"),
        ("SELECT 1; SELECT 2", "one statement at a time"),
        ("DELETE FROM orders", "readonly database"),
        ("", "without a query; give query= (--query)"),
        ("-- nothing", "the query returns no columns; give a SELECT"),
        ("SELECT 1 AS item, 2 AS item", "two columns named 'item'; rename one with AS"),
        ("SELECT customer, sku FROM orders WHERE 0", "has columns but no rows"),
        ("SELECT sku FROM orders", "no user or basket column found; the columns are 'sku'"),
    ],
)
def test_a_query_that_fails_is_refused(refused, shop, query, why):
    assert why in refused(f"sqlite:///{shop}", query=query)
    assert len(read_log(f"sqlite:///{shop}", query="SELECT * FROM orders")) == 3


def test_a_database_without_a_query_is_refused(refused, shop):
    assert "was given without a query" in refused(f"sqlite:///{shop}")
    assert "was given without a query" in refused("postgresql://host/shop")


def test_a_database_that_is_not_there_or_is_none_is_refused_and_not_made(refused, tmp_path, write):
    missing = tmp_path / "missing.db"
    assert "does not exist" in refused(f"sqlite:///{missing}", query="SELECT 1")
    assert not missing.exists()
    no_database = write("log.db", "user,item\n" * 500)
    assert "not a database" in refused(f"sqlite:///{no_database}", query="SELECT * FROM orders")


def test_postgres(postgres):
    log = read_log(postgres, query="SELECT * FROM orders ORDER BY sku")
    assert log.users.ids.tolist() == ["c0", "c1", "c2", "c3", "c4"]
    assert log.items.decode(log.item).tolist() == list(range(1, 11))
    assert set(log.weight.tolist()) == {1.5}
    assert log.report.first_time == "2024-01-01T00:00:00Z"
    assert log.report.last_time == "2024-01-01T09:00:00Z"


def test_postgres_uuids_are_ids(postgres):
    query = "SELECT ticket::text AS user, sku FROM orders"
    assert len(read_log(postgres, query=query).users) == 10


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("SELECT nonsense FROM orders", 'column "nonsense" does not exist'),
        ("SELECT 1; SELECT 2", "cannot insert multiple commands into a prepared statement"),
        ("DELETE FROM orders", "cannot execute DELETE in a read-only transaction"),
        ("DELETE FROM orders RETURNING *", "cannot execute DELETE in a read-only transaction"),
        ("SELECT customer_id, sku FROM orders WHERE false", "has columns but no rows"),
        ("SELECT 'x'::bytea AS user, 1 AS item", "column 'user' is BLOB"),
    ],
)
def test_a_postgres_query_that_fails_is_refused(refused, postgres, query, why):
    assert why in refused(postgres, query=query)
    assert len(read_log(postgres, query="SELECT customer_id, sku FROM orders")) == 10


def test_a_postgres_server_that_is_not_there_is_refused_without_the_password():
    pytest.importorskip("adbc_driver_postgresql")
    with pytest.raises(MachineError) as refusal:
        read_log("postgresql://ann:secret@127.0.0.1:1/shop", query="SELECT 1")
    message = str(refusal.value)
    assert message.startswith("postgresql://127.0.0.1/shop: the database says: ")
    assert "secret" not in message


def test_a_missing_postgres_driver_says_what_to_install(refused, monkeypatch):
    real = builtins.__import__

    def without_driver(name, *rest, **options):
        if name.startswith("adbc_driver_postgresql"):
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without_driver)
    message = refused("postgres://host/shop", query="SELECT 1")
    assert message.endswith(f"install it with: {how_to_install('postgres')}")
