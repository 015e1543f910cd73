"""What is measured of the service, a function a question; each returns rows of results."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import load
import servers
from servers import Server

import likewise
import shop

Rows = list[dict[str, Any]]
KINDS = {"likewise": servers.likewise, "implicit": servers.implicit, "cornac": servers.cornac}


@dataclass(frozen=True)
class Sizes:
    """How much is asked."""

    items: tuple[int, ...] = (4_000, 20_000, 100_000)
    workers: tuple[int, ...] = (1, 2)
    clients: tuple[int, ...] = (1, 8, 64)
    seconds: float = 10.0
    repeats: int = 3
    requests: int = 100_000
    times: int = 5
    peers: bool = True


QUICK = Sizes((4_000,), (1,), (1, 8), seconds=1.0, repeats=1, requests=5_000, times=2)


def ceiling(sizes: Sizes) -> Rows:
    """What the generator itself can ask, of a server that does nothing."""
    with servers.nothing()() as server:
        rows = [_asked(server, clients, sizes) for clients in sizes.clients]
    for row in rows:
        _say(row)
    return rows


def latency(sizes: Sizes) -> Rows:
    """Requests a second, p50 and p99, by size, workers and clients, beside the peers."""
    rows = []
    for n_items in sizes.items:
        for kind in KINDS if sizes.peers else ("likewise",):
            for workers in sizes.workers:
                with KINDS[kind](n_items, workers)() as server:
                    load.drive(server.port, server.requests, 8, seconds=1.0)
                    for clients in sizes.clients:
                        told = {"service": kind, "items": n_items, "workers": workers}
                        rows.append(told | _asked(server, clients, sizes))
                        _say(rows[-1])
    return rows


def batching(sizes: Sizes) -> Rows:
    """The same with requests that arrive together scored together, and one by one."""
    alone = "import likewise.serve.batch as b; b.MOST = 1"
    rows = []
    for n_items in sizes.items:
        for name, first in (("together", ""), ("one by one", alone)):
            with servers.likewise(n_items, 1, first=first)() as server:
                load.drive(server.port, server.requests, 8, seconds=1.0)
                for clients in sizes.clients:
                    told = {"scored": name, "items": n_items, "workers": 1}
                    rows.append(told | _asked(server, clients, sizes))
                    _say(rows[-1])
    return rows


def rules(sizes: Sizes) -> Rows:
    """What requests without rules take, beside requests with them."""
    asked = {
        "none": None,
        "exclude 100, boost 1": {"exclude": shop.ids_of(100), "boost": {"P000200": 2.0}},
        "at most 1 per category": {"at_most_per_category": 1},
    }
    rows = []
    for n_items in sizes.items:
        attributes = shop.attributes_of(n_items)
        for name, given in asked.items():
            more = {"rules": given} if given else None
            with servers.likewise(n_items, 1, more=more, attributes=attributes)() as server:
                load.drive(server.port, server.requests, 1, seconds=1.0)
                rows.append({"rules": name, "items": n_items} | _asked(server, 1, sizes))
                _say(rows[-1])
    return rows


def memory(sizes: Sizes) -> Rows:
    """Memory of all processes together over many requests, two workers, the middle size."""
    n_items, step = _middle(sizes), sizes.requests // 10
    rows = []
    with servers.likewise(n_items, 2)() as server:
        for done in range(0, sizes.requests + step, step):
            if done:
                load.drive(server.port, server.requests, 8, count=step)
            told = {"items": n_items, "workers": 2, "requests": done}
            rows.append(told | _mebibytes(server))
            _say(rows[-1])
    return rows


def sharing(sizes: Sizes) -> Rows:
    """Memory of all processes together by the number of workers: the weights are there once."""
    rows = []
    for n_items in sizes.items:
        weights = (shop.model_of(n_items) / "weights.safetensors").stat().st_size / 2**20
        for workers in (1, 2, 4):
            with servers.likewise(n_items, workers)() as server:
                load.drive(server.port, server.requests, 8, seconds=min(5.0, sizes.seconds))
                told = {"items": n_items, "workers": workers, "weights_mib": round(weights, 1)}
                rows.append(told | _mebibytes(server))
                _say(rows[-1])
    return rows


def reload(sizes: Sizes) -> Rows:
    """Requests lost while the model is exchanged again and again, two workers, 8 clients."""

    def exchange(server: Server, folder: Path) -> None:
        recommender = likewise.load(folder)
        for number in range(sizes.times):
            recommender.metrics = {"exchanged": number}
            recommender.save(folder)
            os.kill(server.pid, signal.SIGHUP)
            time.sleep(max(2.0, sizes.seconds / 2))

    return [_disturbed(sizes, exchange, "reloads")]


def killed(sizes: Sizes) -> Rows:
    """Requests lost with a worker that is killed (those it was answering), and how it goes on."""

    def kill(server: Server, folder: Path) -> None:  # noqa: ARG001 - its place stays as it is
        for _ in range(sizes.times):
            time.sleep(max(2.0, sizes.seconds / 2))
            os.kill(server.family()[1], signal.SIGKILL)  # the oldest, which has connections
        time.sleep(2.0)

    return [_disturbed(sizes, kill, "kills")]


def _disturbed(sizes: Sizes, disturb: Callable[[Server, Path], None], what: str) -> dict[str, Any]:
    n_items = _middle(sizes)
    with (
        _own_copy(shop.model_of(n_items)) as folder,
        servers.likewise(n_items, 2, model=folder)() as server,
    ):
        load.drive(server.port, server.requests, 8, seconds=1.0)
        found = load.drive(
            server.port, server.requests, 8, meanwhile=lambda: disturb(server, folder)
        )
        after = load.drive(server.port, server.requests, 8, seconds=1.0)
        told = {"items": n_items, "workers": 2, "clients": 8, what: sizes.times}
        row = told | found.row() | {"failed_after": dict(after.failed)} | _mebibytes(server)
    _say(row)
    return row


@contextmanager
def _own_copy(model: Path) -> Iterator[Path]:
    folder = shop.CACHE / "disturbed" / "shop.model"
    shutil.rmtree(folder.parent, ignore_errors=True)
    try:
        yield shutil.copytree(model, folder)
    finally:
        shutil.rmtree(folder.parent)


def _asked(server: Server, clients: int, sizes: Sizes) -> dict[str, Any]:
    """Ask several times; of each number the median."""
    runs = [
        load.drive(server.port, server.requests, clients, seconds=sizes.seconds).row()
        for _ in range(sizes.repeats)
    ]
    row = {
        name: median(run[name] for run in runs)
        for name in ("requests", "per_second", "p50_ms", "p99_ms")
    }
    failed = [run["failed"] for run in runs if run["failed"]]
    return {"clients": clients, **row, "failed": failed}


def _mebibytes(server: Server) -> dict[str, Any]:
    return {
        "processes": len(server.family()),
        "pss_mib": round(server.kilobytes("Pss") / 1024, 1),
        "rss_mib": round(server.kilobytes("Rss") / 1024, 1),
    }


def _middle(sizes: Sizes) -> int:
    return sizes.items[len(sizes.items) // 2]


def _say(row: dict[str, Any]) -> None:
    print("  ", *(f"{name} {value}" for name, value in row.items()), sep="  ", flush=True)
