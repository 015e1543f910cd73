"""The load generator of the service: what it counts as answered, and what not."""

import http.server
import importlib
import itertools
import threading
from pathlib import Path

import pytest

SERVE = Path(__file__).resolve().parents[2] / "bench" / "serve"


@pytest.fixture
def load(monkeypatch):
    if not SERVE.is_dir():
        pytest.skip("bench/ is not part of the source distribution")
    monkeypatch.syspath_prepend(SERVE)
    return importlib.import_module("load")


@pytest.fixture
def port():
    """Where every second request is refused."""
    statuses = itertools.cycle([200, 503])

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_response(next(statuses))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *given):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_refusals_are_no_answers(load, port):
    found = load.drive(port, [load.get("/")], 1, count=20)
    row = found.row()
    assert (row["requests"], row["failed"]) == (10, {"503": 10})
    assert row["per_second"] == round(10 / found.wall, 1)


def test_where_all_is_refused_it_ends(load, port):
    refused = load.drive(port, [b"GET / HTTP/9.9\r\n\r\n"], 1, count=3)
    assert refused.row()["requests"] == 0
    assert refused.failed.total() == 3
