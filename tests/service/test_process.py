"""The service as people run it: a process, a socket, signals, folders that change under it."""

import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

import likewise

SERVE = "from likewise.cli import main; main()"
NO_CACHE = "from numba.core import caching; caching.CacheImpl._locator_classes = []"
"""As where neither the package, nor a home, nor NUMBA_CACHE_DIR can be written to."""
PATIENCE = 30.0
TOKEN = "a-token-of-some-length"
BODY = {"basket": ["85123A", "00746"], "k": 3}


class Service:
    """A running service, and ways to ask it."""

    def __init__(self, process: subprocess.Popen[str], port: int, log: Path) -> None:
        self.process, self.port, self._log = process, port, log

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            return ask_on(connection, path, body, **headers)
        finally:
            connection.close()

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def workers(self) -> set[int]:
        """The workers at work now: those of the log that are still there."""
        started = {line["pid"] for line in self.log() if line["event"] == "worker started"}
        return {pid for pid in started if not ended(pid)}

    def until(self, true: Callable[[], Any]) -> None:
        ends = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < ends, self._log.read_text()
            assert self.process.poll() is None, self._log.read_text()
            select.select([], [], [], 0.05)


def ended(pid: int) -> bool:
    """Whether a process has ended; it may go at any moment, also while it is asked about."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def ask_on(connection, path, body=None, **headers):
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is None:
        connection.request("GET", path, headers=given)
    else:
        given["Content-Type"] = "application/json"
        connection.request("POST", path, json.dumps(body), given)
    answer = connection.getresponse()
    text = answer.read().decode()
    is_json = "json" in answer.headers["Content-Type"]
    return answer.status, json.loads(text) if is_json else text


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., Any]:
    @contextmanager
    def _serve(*arguments: object, first: str = "", threads: int = 1) -> Iterator[Service]:
        log, options = tmp_path / "log", [*map(str, arguments), "--port", "0", "--json"]
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", f"{first}\n{SERVE}", "serve", *options],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": str(threads)},
            )
        try:
            assert process.stdout is not None
            decoder, text = json.JSONDecoder(), ""
            while True:
                line = process.stdout.readline()
                assert line, (process.wait(), log.read_text())
                text += line
                if line == "}\n":
                    break
            url = decoder.decode(text)["url"]
            yield Service(process, int(url.rpartition(":")[2]), log)
        finally:
            process.kill()
            process.communicate()

    return _serve


@pytest.fixture
def model(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "shop.model")


def retrained(folder: Path, to: Path) -> None:
    """Write another model of the same shop in place of the one at `to`."""
    recommender = likewise.load(folder)
    recommender.metrics = {"retrained": True}
    recommender.save(to)


def test_it_answers_reloads_and_stops(serve, model, folder):
    """One service through its life: answers, a new model, a bad one, a good one, SIGTERM."""
    with serve(model) as service:
        status, first = service.ask("/v1/recommend", BODY)
        assert (status, len(first["results"][0]["items"])) == (200, 3)
        service.until(lambda: service.ask("/v1/map")[0] == 200)

        retrained(folder, model)  # noticed without being told
        service.until(lambda: service.ask("/v1/model")[1]["version"] != first["version"])
        service.until(lambda: len(service.workers()) == 1)
        second = service.ask("/v1/model")[1]
        assert second["metrics"] == {"retrained": True}

        (model / "weights.safetensors").write_bytes(b"no weights")
        (model / "manifest.json").write_text("{}")
        service.process.send_signal(signal.SIGHUP)
        service.until(lambda: service.ask("/readyz")[1]["models"]["shop"] != "ok")
        assert service.ask("/readyz")[0] == 200
        assert service.ask("/v1/model")[1]["version"] == second["version"]
        refused = [line for line in service.log() if line["event"].startswith("model refused")]
        assert (len(refused), refused[0]["model"]) == (1, "shop")
        assert str(model) not in json.dumps(service.ask("/readyz")[1])

        shutil.rmtree(model)
        shutil.copytree(folder, model)
        service.process.send_signal(signal.SIGHUP)
        service.until(lambda: service.ask("/v1/model")[1]["version"] == first["version"])
        assert service.ask("/readyz")[1]["models"] == {"shop": "ok"}

        with half_sent(service) as held:  # it is answered, though the service is to stop
            service.process.send_signal(signal.SIGTERM)
            service.until(lambda: refuses(service.port))
            held.sendall(b"}")
            assert b" 200 " in held.recv(1000)
        assert service.process.wait(PATIENCE) == 0


@contextmanager
def half_sent(service: Service) -> Iterator[socket.socket]:
    """A request that waits in a worker for the last byte of its body."""
    body = json.dumps(BODY).encode()
    head = f"Host: localhost\r\nContent-Length: {len(body)}\r\nContent-Type: application/json"
    with socket.create_connection(("127.0.0.1", service.port), PATIENCE) as held:
        held.sendall(f"POST /v1/recommend HTTP/1.1\r\n{head}\r\n\r\n".encode() + body[:-1])
        at_work = "likewise_requests_at_work 2.0"  # it, and the one that asks
        service.until(lambda: at_work in service.ask("/metrics")[1])
        yield held


def test_a_body_that_nobody_may_send_takes_no_room(serve, model, tmp_path):
    """Half a body to an open route, from who has no token, keeps nobody out."""
    (tmp_path / "token").write_text(TOKEN)
    asks = {"Authorization": f"Bearer {TOKEN}"}
    with (
        serve(model, "--token-file", tmp_path / "token", "--queue", "1") as service,
        ExitStack() as held,
    ):
        for _ in range(4):
            sending = socket.create_connection(("127.0.0.1", service.port), PATIENCE)
            held.enter_context(sending)
            sending.sendall(b"POST /livez HTTP/1.1\r\nHost: other\r\nContent-Length: 9\r\n\r\nx")
            assert b" 405 " in sending.recv(1000)
        assert service.ask("/v1/model", **asks)[0] == 200


def test_who_sends_too_much_is_told_so(serve, model, tmp_path):
    """And does not see a connection that breaks while it sends."""
    (tmp_path / "token").write_text(TOKEN)
    asks = {"Authorization": f"Bearer {TOKEN}"}
    body = json.dumps({"basket": ["x" * 250] * 30_000}).encode()
    with serve(model, "--token-file", tmp_path / "token") as service:
        for headers, status in ((asks, 413), ({}, 401)):
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE)
            head = {"Content-Type": "application/json"} | headers
            connection.request("POST", "/v1/recommend", body, head)
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("Connection")) == (status, "close")
            assert "error" in json.loads(answer.read())
            connection.close()


def refuses(port: int) -> bool:
    """Whether no worker takes connections any more: none answers one."""
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as asking:
            asking.settimeout(PATIENCE)
            asking.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return not asking.recv(100)
    except ConnectionError:
        return True


def test_it_answers_where_no_folder_can_be_written_to(serve, model):
    with serve(model, first=NO_CACHE) as service:
        assert service.ask("/v1/recommend", BODY)[0] == 200


def test_an_environment_of_two_threads_does_not_stop_the_workers(serve, large):
    """A team of threads does not live through a fork; who waits for it would wait for ever."""
    basket = {"basket": [*range(0, 1000, 4)], "k": 1}
    with serve(large, "--timeout", "20", threads=2) as service:
        assert service.ask("/v1/recommend", basket)[0] == 200
        first = service.ask("/v1/model")[1]["version"]
        retrained(large, large)
        service.until(lambda: service.ask("/v1/model")[1]["version"] != first)
        assert service.ask("/v1/recommend", basket)[0] == 200


def test_reload_under_load_loses_no_request(serve, model, folder):
    with serve(model, "--workers", 2) as service:
        first = service.ask("/v1/model")[1]["version"]
        stop, found, failed = threading.Event(), [], []

        def keep_asking() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE)
            while not stop.is_set():
                try:
                    status, answer = ask_on(connection, "/v1/recommend", BODY)
                    found.append((status, answer["version"]))
                except (OSError, http.client.HTTPException) as error:
                    failed.append(repr(error))
            connection.close()

        threads = [threading.Thread(target=keep_asking) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            service.until(lambda: len(found) > 50)
            retrained(folder, model)
            service.process.send_signal(signal.SIGHUP)
            service.until(lambda: found[-1][1] != first)
            service.until(lambda: len(service.workers()) == 2)  # those before have gone
            seen = len(found)
            service.until(lambda: len(found) > seen + 50)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert failed == []
        assert {status for status, _ in found} == {200}
        assert len({version for _, version in found}) == 2


def test_a_killed_worker_is_replaced(serve, model):
    with serve(model, "--workers", 2) as service:
        service.until(lambda: len(service.workers()) == 2)
        victim = min(service.workers())
        os.kill(victim, signal.SIGKILL)
        service.until(lambda: len(service.workers() - {victim}) == 2)
        assert service.ask("/v1/recommend", BODY)[0] == 200
        died = [line for line in service.log() if line["event"].startswith("worker died")]
        assert [line["pid"] for line in died] == [victim]


def test_workers_share_one_copy_of_the_weights(serve, large):
    """Also the workers of a later model, and one that takes the place of another."""
    with serve(large, "--workers", 2) as service:
        first = service.ask("/v1/model")[1]["version"]
        service.until(lambda: len(service.workers()) == 2)
        require_shared(service)

        os.kill(min(service.workers()), signal.SIGKILL)
        service.until(lambda: len(started(service)) == 3 and len(service.workers()) == 2)
        require_shared(service)

        retrained(large, large)
        service.until(lambda: service.ask("/v1/model")[1]["version"] != first)
        service.until(lambda: len(service.workers()) == 2)
        require_shared(service)


@pytest.fixture(params=["linear", "neural"])
def large(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model whose weights (4 MB) no small allocation is mistaken for."""
    models = {
        "linear": likewise.LinearAutoencoder(),
        "neural": likewise.UndercompleteAutoencoder(n_latent=512, hidden=(), max_epochs=1),
    }
    rows = np.random.default_rng(0).random((50, 1000)) < 0.1
    out = tmp_path / "large.model"
    recommender = likewise.Recommender(models[request.param])
    recommender.fit(sparse.csr_array(rows.astype(np.float32))).save(out)
    return out


def started(service: Service) -> list[int]:
    return [line["pid"] for line in service.log() if line["event"] == "worker started"]


def require_shared(service: Service) -> None:
    """Have every worker read all weights; the kernel must count one copy between them all."""
    everyone = {service.process.pid, *service.workers()}
    service.until(lambda: all(weights_of(pid)["Rss"] > 3900 for pid in everyone) or read(service))
    found = [weights_of(pid) for pid in everyone]
    assert [kb["Anonymous"] for kb in found] == [0] * len(found)  # no page was copied
    assert sum(kb["Pss"] for kb in found) <= found[0]["Size"] + len(found)


def read(service: Service) -> None:
    for first in range(4):
        service.ask("/v1/recommend", {"basket": [*range(first, 1000, 4)], "k": 1})


def weights_of(pid: int) -> dict[str, int]:
    """What /proc says of the mapping of the weights in a process, in kB."""
    lines = iter(Path(f"/proc/{pid}/smaps").read_text().splitlines())
    next(line for line in lines if "memfd:likewise-weights" in line)
    fields = (next(lines).split() for _ in range(20))
    return {field[0].rstrip(":"): int(field[1]) for field in fields if field[-1] == "kB"}


def test_workers_do_not_outlive_their_supervisor(serve, model):
    with serve(model, "--workers", 2) as service:
        service.until(lambda: len(service.workers()) == 2)
        workers = service.workers()
        service.process.kill()
        service.process.wait(PATIENCE)
        ends = time.monotonic() + PATIENCE
        while service.workers() & workers:
            assert time.monotonic() < ends
            select.select([], [], [], 0.05)


def test_metrics_count_all_workers_and_the_log_names_no_product(serve, model):
    with serve(model, "--workers", 2) as service:
        for _ in range(20):
            assert service.ask("/v1/recommend", BODY, X_Request_Id="mine-1")[0] == 200
        assert service.ask("/v1/also-bought/85123A")[0] == 200
        _, text = service.ask("/metrics")
        values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
        asked = 'likewise_requests_total{route="/v1/recommend",status="200"}'
        assert float(values[asked]) == 20
        assert float(values['likewise_request_seconds_count{route="/v1/recommend"}']) == 20
        assert "85123A" not in text
        log = service.log()
        requests = [line for line in log if line["event"] == "request"]
        assert {line["request_id"] for line in requests} >= {"mine-1"}
        assert "85123A" not in json.dumps(log)


def test_who_sends_no_whole_request_is_let_go(serve, model):
    """A head that never ends, in time or in size, and a body that does not come."""
    with serve(model, "--timeout", "0.5") as service:
        address = ("127.0.0.1", service.port)
        with socket.create_connection(address, PATIENCE) as silent:
            silent.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n")
            assert silent.recv(100) == b""
        with socket.create_connection(address, PATIENCE) as slow:
            slow.sendall(
                b"POST /v1/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
                b"Content-Type: application/json\r\n\r\n{"
            )
            assert b" 408 " in slow.recv(1000)
        with socket.create_connection(address, PATIENCE) as idle:
            idle.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            service.until(lambda: b'{"alive":true}' in idle.recv(1000))
            idle.sendall(b"\r\n")  # it begins no request
            assert idle.recv(100) == b""
        with socket.create_connection(address, PATIENCE) as owing:
            owing.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
            service.until(lambda: owing.recv(1000) == b"")
    with serve(model, "--timeout", "30") as service:
        with socket.create_connection(("127.0.0.1", service.port), PATIENCE) as endless:
            endless.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ")
            with pytest.raises(OSError):  # noqa: PT012 - any of these sends may be the one refused
                for _ in range(1000):
                    endless.sendall(b"x" * 65536)
        assert service.ask("/livez")[0] == 200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.model"], "there is no folder nowhere.model"),
        (["{unfinished}"], "manifest.json cannot be read"),
        (["{model}", "shop={model}"], "two models are called 'shop'"),
        (["{model}", "--host", "0.0.0.0"], "must carry a token"),
        (["{model}", "--token-file", "{empty}"], "holds no token"),
        (["{model}", "--token-file", "nowhere"], "cannot be read"),
        (["{model}", "--host", "0.0.0.0", "--token-file", "{token}"], "--allowed-host"),
        (["{model}", "--allowed-host", "https://shop.example"], "without scheme"),
        (["{model}", "--allowed-host", "shop.example:8000"], "without scheme, port"),
        (["{model}", "--allowed-host", ""], "no name of a host"),
        (["{model}", "--allow-origin", "*"], "is no origin"),
        (["{model}", "--timeout", "0"], "give seconds"),
        (["{model}", "--port", "70000"], "--port"),
    ],
)
def test_what_would_be_wrong_or_unsafe_is_refused_in_one_line(
    folder, tmp_path, capsys, arguments, words
):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "token").write_text("t" * 32)
    (tmp_path / "unfinished").mkdir()
    named = {
        "model": folder,
        "unfinished": tmp_path / "unfinished",
        "empty": tmp_path / "empty",
        "token": tmp_path / "token",
    }
    from likewise.cli import main

    with pytest.raises(SystemExit) as end:
        main(["serve", *(argument.format(**named) for argument in arguments)])
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert (said.count("\n"), words in said) == (1, True), said
