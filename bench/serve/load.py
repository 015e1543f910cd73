"""A load generator: clients on loopback, each asking again as soon as it was answered.

One process, one connection a client, kept alive. A connection that the server announces to close is
opened anew. An answer is one with status 200: any other, and what is lost in any other way, is
counted as failed, not timed, and never asked twice.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvloop


@dataclass
class Load:
    """What was measured: the seconds of what was answered with 200, and how often what else."""

    seconds: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    wall: float = 0.0

    def row(self) -> dict[str, Any]:
        """Return it as a row of results: requests a second, milliseconds."""
        p50, p99 = np.percentile(self.seconds, [50, 99]) if self.seconds else (np.nan, np.nan)
        return {
            "requests": len(self.seconds),
            "per_second": round(len(self.seconds) / self.wall, 1),
            "p50_ms": round(1000 * float(p50), 3),
            "p99_ms": round(1000 * float(p99), 3),
            "failed": dict(self.failed),
        }


def post(path: str, body: Any) -> bytes:
    """Return a request with a JSON body, as it goes over the wire."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(data) + data


def get(path: str) -> bytes:
    """Return a request without a body."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def drive(
    port: int,
    requests: Sequence[bytes],
    clients: int,
    *,
    seconds: float = float("inf"),
    count: float = float("inf"),
    meanwhile: Callable[[], None] | None = None,
) -> Load:
    """Ask for some seconds, or some requests, or as long as `meanwhile` runs in a thread."""
    return uvloop.run(_drive(port, requests, clients, seconds, count, meanwhile))


async def _drive(
    port: int,
    requests: Sequence[bytes],
    clients: int,
    seconds: float,
    count: float,
    meanwhile: Callable[[], None] | None,
) -> Load:
    load, given, began = Load(), itertools.cycle(requests), time.perf_counter()
    busy = None if meanwhile is None else asyncio.create_task(asyncio.to_thread(meanwhile))

    def is_over() -> bool:
        asked = len(load.seconds) + load.failed.total()
        over = time.perf_counter() - began > seconds or asked >= count
        return over or (busy is not None and busy.done())

    await asyncio.gather(*(_client(port, given, load, is_over) for _ in range(clients)))
    load.wall = time.perf_counter() - began
    if busy is not None:
        await busy
    return load


async def _client(
    port: int, given: Iterator[bytes], load: Load, is_over: Callable[[], bool]
) -> None:
    loop, connection = asyncio.get_running_loop(), None
    while not is_over():
        try:
            if connection is None or connection.closing:
                _, connection = await loop.create_connection(_Connection, "127.0.0.1", port)
            began = time.perf_counter()
            status = await connection.ask(next(given))
            if status == 200:
                load.seconds.append(time.perf_counter() - began)
            else:
                load.failed[str(status)] += 1
        except OSError as error:
            load.failed[type(error).__name__] += 1
            connection = None
    if connection is not None:
        connection.transport.close()


class _Connection(asyncio.Protocol):
    """A connection that asks one thing at a time, and reads no more of an answer than it must."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.closing = False
        self._data = b""
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    async def ask(self, request: bytes) -> int:
        """Return the answer's status."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found:
            return
        lower = head.lower()
        length = int(lower.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) >= length and self._answer is not None:
            self.closing = b"connection: close" in lower
            self._data = b""
            self._answer.set_result(int(head[9:12]))
            self._answer = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.closing = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed without an answer"))
