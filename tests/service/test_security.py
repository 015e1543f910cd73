"""Who may ask, for what host, how much: each rule with the request that it stops."""

import asyncio
import json
import logging
import re
import traceback

import httpx2
import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from likewise.serve import security
from likewise.serve.app import ROUTE_NAMES, create_app
from likewise.serve.logs import JsonLines
from likewise.serve.security import HEADERS, OPEN
from likewise.serve.settings import Settings, is_loopback, settings_of

TOKEN = "a-token-of-some-length"
AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}
ASK = {"basket": ["85123A"], "k": 1}


def routes(client):
    """Every route of the application, as (method, path)."""
    application = client.app.app
    seen = [
        (method, path)
        for path, operations in application.openapi()["paths"].items()
        for method in operations
    ]
    plain = [r for r in application.router.routes if isinstance(r, Route)]
    seen += [("get", route.path) for route in plain]
    assert {path for _, path in seen} >= {name.replace(":path", "") for name in ROUTE_NAMES}
    return seen


# Token


def test_every_route_but_the_open_ones_needs_the_token(serving):
    client = serving(token=TOKEN)
    closed = []
    for method, path in routes(client):
        answer = client.request(method, path.replace("{item}", "85123A"))
        if path in OPEN or path.startswith("/page/"):
            assert answer.status_code == 200, path
            continue
        closed.append(path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        for header in ("", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN,
                       "Bearer ÿ".encode("latin-1")):  # fmt: skip
            wrong = client.request(
                method, path.replace("{item}", "85123A"), headers={"Authorization": header}
            )
            assert wrong.status_code == 401, (path, header)
    assert {path for path in closed if path.startswith("/v1")} == {
        name.replace(":path", "") for name in ROUTE_NAMES if name.startswith("/v1")
    }
    assert "/metrics" in closed


def test_what_is_open_is_what_is_meant_to_be():
    assert {"/", "/docs", "/openapi.json", "/livez", "/readyz"} == OPEN


@pytest.mark.parametrize("path", ["/nothing", "//v1/model", "/V1/model", "/page"])
def test_no_other_spelling_of_a_path_gets_past(serving, path):
    assert serving(token=TOKEN).get(path).status_code in {401, 404}
    assert "shop" not in serving(token=TOKEN).get(path).text


def test_a_path_that_climbs_is_taken_as_it_is_written(serving):
    """As a socket brings it: clients would tidy it up before they send it."""
    for path in ("/page/../v1/model", "/page/..//v1/model", "/docs/../v1/model"):
        status, body = asked_as_written(serving(token=TOKEN).app, path)
        assert status in {401, 404}, path
        assert b"linear" not in body


def asked_as_written(app, path):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
        "root_path": "", "query_string": b"", "headers": [(b"host", b"localhost")],
    }  # fmt: skip
    asyncio.run(app(scope, None, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


def test_a_slash_too_many_is_no_route(client):
    assert client.get("/v1/model/", follow_redirects=False).status_code == 404


def test_the_token_opens(serving):
    client = serving(token=TOKEN)
    assert client.post("/v1/recommend", json=ASK, headers=AUTHORISED).status_code == 200
    assert client.get("/v1/model", headers={"Authorization": f"bearer {TOKEN}"}).is_success


def test_the_token_is_compared_in_constant_time(serving, monkeypatch):
    compared = []
    whole = security.hmac.compare_digest
    monkeypatch.setattr(
        security.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or whole(a, b)
    )
    serving(token=TOKEN).get("/v1/model", headers={"Authorization": "Bearer wrong"})
    assert compared == [(b"wrong", TOKEN.encode())]


def test_a_wrong_token_is_refused_before_the_body_is_read(serving):
    client = serving(token=TOKEN, max_body=10)
    answer = client.post("/v1/recommend", json=ASK)
    assert (answer.status_code, answer.headers.get("connection")) == (401, "close")
    whole = client.get("/v1/model")
    assert (whole.status_code, whole.headers.get("connection")) == (401, None)


def test_a_body_that_is_not_asked_for_ends_the_connection(client):
    answer = client.request("GET", "/v1/items", content=b"unread")
    assert (answer.status_code, answer.headers.get("connection")) == (200, "close")
    assert "connection" not in client.post("/v1/recommend", json=ASK).headers


# Host, origin, kind of body


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io"])
def test_another_host_is_refused(client, host):
    for path in ("/v1/model", "/", "/docs"):
        assert client.get(path, headers={"Host": host}).status_code in {400, 404}
    assert client.get("/v1/model", headers={"Host": host}).json()["error"]["code"] == "host"
    assert client.get("/livez", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:80", "[::1]:8000"])
def test_loopback_is_known_by_its_names(client, host):
    assert client.get("/v1/model", headers={"Host": host}).status_code == 200


def test_no_other_site_may_ask_unless_it_is_named(serving):
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    plain = serving().options("/v1/recommend", headers=asked)
    assert "access-control-allow-origin" not in plain.headers
    named = serving(origins=("https://shop.example",), token=TOKEN)
    allowed = named.options("/v1/recommend", headers=asked)
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    other = named.options("/v1/recommend", headers=asked | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers


def test_a_preflight_passes_the_guard_and_opens_nothing(serving):
    site = {"Origin": "https://shop.example"}
    asked = site | {"Access-Control-Request-Method": "POST"}
    named = serving(origins=(site["Origin"],), token=TOKEN)
    allowed = named.options("/v1/recommend", headers=asked)
    assert (allowed.status_code, "x-request-id" in allowed.headers) == (200, True)
    assert named.options("/v1/recommend", headers=asked | {"Host": "evil.example"}).is_error
    del asked["Origin"]
    assert named.options("/v1/recommend", headers=asked).status_code == 401
    assert named.options("/v1/recommend", headers=site).status_code == 401
    refused = named.get("/v1/model", headers=site)  # the site may read why
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == site["Origin"]
    assert "Retry-After" in refused.headers["access-control-expose-headers"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_of_another_site_cannot_ask(client, kind):
    answer = client.post("/v1/recommend", content=json.dumps(ASK), headers={"Content-Type": kind})
    assert answer.status_code == 415


# How much


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_watchers_may_ask_by_head(client, path):
    assert client.head(path).status_code == 200


def test_a_large_body_is_refused_whether_it_says_its_size_or_not(serving):
    client = serving(max_body=1000)
    body = json.dumps({"basket": ["x" * 10] * 200}).encode()
    headers = {"Content-Type": "application/json"}
    told = client.post("/v1/recommend", content=body, headers=headers)
    untold = client.post("/v1/recommend", content=iter([body]), headers=headers)
    assert (told.status_code, untold.status_code) == (413, 413)
    assert told.headers["connection"] == "close"


@pytest.mark.parametrize("opened", ["[", '{"basket":', '{"basket":['])
def test_deep_json_is_refused(client, opened):
    body = opened * 50_000
    headers = {"Content-Type": "application/json"}
    answer = client.post("/v1/recommend", content=body, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "body",
    ["NaN", '{"basket": [NaN]}', '{"k": 1e999, "basket": []}', "{", "", "null", "\ud800",
     '{"basket": [' + "9" * 5000 + "]}", '{"basket": ["\\ud800"]}'],
)  # fmt: skip
def test_strange_json_is_the_requests_fault(client, body):
    headers = {"Content-Type": "application/json"}
    content = body.encode("utf-8", "surrogatepass")
    answer = client.post("/v1/recommend", content=content, headers=headers)
    assert answer.status_code in {400, 422}, answer.text


def test_more_than_the_queue_holds_is_refused_at_once(shelf):
    guard = create_app(shelf, Settings(queue=3))

    async def ask_all():
        transport = httpx2.ASGITransport(app=guard)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            asked = [client.post("/v1/recommend", json=ASK) for _ in range(10)]
            return await asyncio.gather(*asked), await client.post("/v1/recommend", json=ASK)

    answers, after = asyncio.run(ask_all())
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 7
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert after.status_code == 200
    assert guard.board.at_work.sum() == 0


def test_refusals_leave_nothing_behind(shelf, monkeypatch):
    """An exception raised again and again would gather a frame, and what it holds, each time."""
    frames = []
    tell = security._Request.refuse

    async def note(request, refused, origins):
        frames.append(len(list(traceback.walk_tb(refused.__traceback__))))
        await tell(request, refused, origins)

    monkeypatch.setattr(security._Request, "refuse", note)
    client = TestClient(create_app(shelf, Settings(queue=0)), base_url="http://localhost")
    assert [client.post("/v1/recommend", json=ASK).status_code for _ in range(3)] == [429] * 3
    assert len(frames) == 3
    assert len(set(frames)) == 1


def test_an_answer_that_takes_too_long_is_given_up(shelf, serving, monkeypatch):
    never = asyncio.Event

    async def wait(*given, **named):
        await never().wait()

    monkeypatch.setattr("likewise.serve.batch.Batcher.recommend", wait)
    answer = serving(timeout=0.05).post("/v1/recommend", json=ASK)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


# What is told


def test_every_answer_has_the_headers(serving):
    client = serving(token=TOKEN)
    for answer in (
        client.get("/livez"),
        client.get("/docs"),
        client.get("/v1/model"),
        client.get("/v1/model", headers=AUTHORISED),
        client.get("/nothing", headers=AUTHORISED),
        client.get("/docs", headers={"Host": "evil.example"}),
    ):
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_an_id_is_taken_from_the_request_if_it_is_one(client):
    def id_for(given):
        return client.get("/livez", headers={"X-Request-Id": given}).headers["x-request-id"]

    assert id_for("mine-1") == "mine-1"
    assert id_for("a b") != "a b"
    assert id_for("x" * 65) != "x" * 65


def test_an_error_inside_tells_nothing_but_its_id(shelf, serving, monkeypatch, caplog):
    def fail(*given, **named):
        raise RuntimeError("the secret is in /etc/passwd")

    monkeypatch.setattr("likewise.recommend.recommender.Recommender.recommend", fail)
    answer = serving().post("/v1/recommend", json=ASK)
    fault = answer.json()["error"]
    assert (answer.status_code, fault["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert fault["request_id"] == answer.headers["x-request-id"]
    (record,) = [r for r in caplog.records if r.message == "failed"]
    assert record.request_id == fault["request_id"]
    line = JsonLines().format(record)
    assert ("secret" in line, "RuntimeError" in line, " fail\\n" in line) == (False, True, True)


def test_the_log_has_no_words_of_any_exception_on_the_way():
    try:
        try:
            {}["85123A"]
        except KeyError as error:
            raise ValueError("no 85123A") from error
    except ValueError as error:
        record = logging.makeLogRecord({"exc_info": (type(error), error, error.__traceback__)})
    told = json.loads(JsonLines().format(record))["error"]
    assert ("KeyError" in told, "ValueError" in told) == (True, True)
    assert "85123A" not in told


def test_what_is_refused_is_counted_and_logged_by_its_route(shelf, caplog):
    caplog.set_level("INFO", logger="likewise.serve")
    guard = create_app(shelf, Settings(token=TOKEN, max_body=50))
    client = TestClient(guard, base_url="http://localhost")
    assert client.get("/v1/also-bought/85123A").status_code == 401
    too_much = client.post("/v1/recommend", content="x" * 51, headers=AUTHORISED)
    assert too_much.status_code == 413
    assert client.get("/v2/85123A", headers=AUTHORISED).status_code == 404
    logged = [(r.route, r.status) for r in caplog.records if r.message == "request"]
    named = [("/v1/also-bought/{item:path}", 401), ("/v1/recommend", 413)]
    assert logged == [*named, ("-", 404)]
    counted = guard.board.statuses.sum(axis=2)[0]
    assert [counted[ROUTE_NAMES.index(route)] for route, _ in named] == [1, 1]
    assert counted[-1] == 1


def test_refusals_repeat_no_input_and_no_path(client, folder):
    for body in ({"basket": [{"password": "hunter2"}]}, {"basket": ["x"], "k": "hunter2"}):
        answer = client.post("/v1/recommend", json=body)
        assert answer.status_code == 422
        assert "hunter2" not in answer.text
    answer = client.get("/v1/model?model=../shop")
    assert answer.status_code == 404
    assert str(folder.parent) not in answer.text
    for path in ("/page/../../pyproject.toml", "/page/../app.py", "/page/js/../../app.py"):
        status, told = asked_as_written(client.app, path)
        assert status == 404
        assert b"import" not in told
        assert str(folder.parent).encode() not in told


# Settings


def test_only_loopback_is_loopback():
    assert all(map(is_loopback, ["localhost", "127.0.0.1", "127.1.2.3", "::1"]))
    assert not any(
        map(is_loopback, ["0.0.0.0", "::", "10.0.0.5", "shop.example", "", "127.0.0.1.x"])
    )


def test_another_address_is_one_of_the_hosts(tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    settings = settings_of(
        "10.0.0.5", tmp_path / "token", ["Shop.Example"], ["https://shop.example"],
        queue=1, max_body=1, timeout=1,
    )  # fmt: skip
    assert settings.token == TOKEN
    assert settings.hosts >= {"10.0.0.5", "shop.example", "localhost"}


def test_a_service_without_settings_is_closed_to_other_hosts(shelf):
    app = create_app(shelf)
    client = TestClient(app, base_url="http://shop.example")
    assert client.get("/v1/model").status_code == 400
