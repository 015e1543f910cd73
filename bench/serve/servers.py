"""Services to ask: likewise, implicit behind FastAPI, cornac's own, and one that does nothing."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import load

import shop

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parent / ".envs"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
K = 10
PATIENCE = 600.0
CLI = "from likewise.cli import main; main()"
NO_MAP = "from likewise.serve.supervisor import Supervisor as S; S._draw = lambda self: None"
"""The page's map, computed beside the answers for a while after a start, is left out."""


@dataclass(frozen=True)
class Server:
    """A service that runs: where it listens, its first process, what it is asked."""

    port: int
    pid: int
    requests: list[bytes]

    def family(self) -> list[int]:
        """Return the process ids of the service and of all that it started."""
        pids = [self.pid]
        for pid in pids:
            pids += map(int, _read(f"/proc/{pid}/task/{pid}/children").split())
        return pids

    def kilobytes(self, name: str) -> int:
        """Return the sum of a line of smaps_rollup, such as Pss, over its processes."""
        total = 0
        for pid in self.family():
            lines = _read(f"/proc/{pid}/smaps_rollup").splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
        return total


def likewise(
    n_items: int,
    workers: int,
    *,
    first: str = "",
    model: Path | None = None,
    more: dict[str, Any] | None = None,
    attributes: Path | None = None,
) -> "Start":
    """Serve a shop's model; `first` is Python to run before, `more` goes into each body."""
    folder = model or shop.model_of(n_items)
    program = f"{NO_MAP}\n{first}\n{CLI}"
    command = [sys.executable, "-c", program, "serve", folder, "--workers", workers]
    command += ["--attributes", attributes] if attributes else []
    asked = _baskets(n_items, more)
    return Start([*command, "--port"], [load.post("/v1/recommend", body) for body in asked])


def implicit(n_items: int, workers: int) -> "Start":
    """Serve item neighbours with FastAPI and uvicorn."""
    shop.log_of(n_items)
    python = ENVIRONMENTS / "implicit" / "bin" / "python"
    command = [python, "-m", "uvicorn", "--app-dir", HERE, "peer_implicit:app"]
    options = ["--no-access-log", "--log-level", "warning", "--workers", workers, "--port"]
    return Start(
        [*command, *options],
        [load.post("/recommend", body) for body in _baskets(n_items)],
        environment={"LOG": str(shop.CACHE / f"log-{n_items}.npz")},
    )


def cornac(n_items: int, workers: int) -> "Start":
    """Serve BPR with cornac's own service, under gunicorn; it knows its own customers only."""
    folder = shop.CACHE / f"cornac-{n_items}"
    shop.log_of(n_items)
    python = ENVIRONMENTS / "cornac" / "bin" / "python"
    if not (folder / "saved.txt").exists():
        log = shop.CACHE / f"log-{n_items}.npz"
        subprocess.run([python, HERE / "peer_cornac.py", log, folder], check=True)
    command = [python, "-m", "gunicorn", "--worker-class", "gthread", "--threads", 4]
    options = ["--keep-alive", 60, "--workers", workers, "cornac.serving.app:app", "--bind"]
    path = f"/recommend?k={K}&remove_seen=true&uid=u"
    saved = (folder / "saved.txt").read_text()
    return Start(
        [*command, *options],
        [load.get(f"{path}{user}") for user in range(2_000)],
        environment={"MODEL_PATH": saved, "MODEL_CLASS": "cornac.models.BPR"},
        address="127.0.0.1:{port}",
    )


def nothing() -> "Start":
    """Answer at once with the same bytes."""
    return Start([sys.executable, HERE / "nothing.py"], [load.get("/")])


@dataclass(frozen=True)
class Start:
    """How to start a service: its command, to which the address is added."""

    command: Sequence[object]
    requests: list[bytes]
    environment: dict[str, str] | None = None
    address: str = "{port}"

    @contextmanager
    def __call__(self) -> Iterator[Server]:
        """Start it, wait until it answers, and stop it at the end."""
        port = _free_port()
        arguments = [*map(str, self.command), self.address.format(port=port)]
        shop.CACHE.mkdir(parents=True, exist_ok=True)
        with (shop.CACHE / "server.log").open("w") as log:
            process = subprocess.Popen(
                arguments,
                stdout=log,
                stderr=log,
                env=os.environ | ONE_THREAD | (self.environment or {}),
            )
            try:
                _until(lambda: process.poll() is not None or _answers(port, self.requests[0]))
                if process.poll() is not None:
                    raise SystemExit(f"a service ends at once: {log.name} says why")
                yield Server(port, process.pid, self.requests)
            finally:
                process.terminate()
                process.wait(PATIENCE)


def _read(path: str) -> str:
    """Return what /proc says of a process; nothing, if it has ended meanwhile."""
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _baskets(n_items: int, more: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    return [{"basket": basket, "k": K, **(more or {})} for basket in shop.baskets_of(n_items)]


def _answers(port: int, request: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
            connection.sendall(request)
            return b" 200 " in connection.recv(100)
    except OSError:
        return False


def _until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > ends:
            raise SystemExit(f"a service does not start: {shop.CACHE / 'server.log'}")
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
