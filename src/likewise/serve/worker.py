"""One process that answers: a uvicorn server on a socket that it shares with the others."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import Any, ClassVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from likewise.serve.door import Door
from likewise.serve.security import Guard
from likewise.serve.settings import Settings

MAX_HEAD = 32 * 1024
"""Bytes of a request's line and headers."""
RETIRE = signal.SIGUSR1


class Worker(uvicorn.Server):
    """A server that can retire: it takes no new connections, and lets go of those that it has.

    A connection that is kept alive is told with the next answer that it ends (``Connection:
    close``), so that no request meets a closed door.
    """

    def __init__(
        self,
        guard: Guard,
        settings: Settings,
        listener: socket.socket,
        parent: int,
    ) -> None:
        self._kind = bounded(settings.timeout, lambda: self._door.left())
        super().__init__(
            uvicorn.Config(
                guard,
                http=self._kind,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=int(settings.timeout) + 1,
            )
        )
        self._guard, self._listener, self._parent = guard, listener, parent
        self._timeout, self._ends = settings.timeout, float("inf")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the door, and listen to the signal that retires."""
        await super().startup(sockets or [])
        board, slot = self._guard.board, self._guard.slot
        self._door = Door(self._listener, board.connections, slot, self._protocol)
        self.servers.append(self._door)  # type: ignore[arg-type]  # it closes as they do
        asyncio.get_running_loop().add_signal_handler(RETIRE, self._retire)

    async def on_tick(self, counter: int) -> bool:
        """Say whether it is time to go: stopped, retired and done or too late, or left alone."""
        if counter % max(1, int(10 * self._timeout)) == 0:  # there are ten ticks a second
            for connection in [*self.server_state.connections]:
                connection.require_progress()  # type: ignore[union-attr]  # it is a bounded one
        is_idle = not self.server_state.connections and not self._door.is_welcoming
        done = self._guard.retired and (is_idle or time.monotonic() > self._ends)
        return await super().on_tick(counter) or done or os.getppid() != self._parent

    def _retire(self) -> None:
        self._guard.retired, self._ends = True, time.monotonic() + self._timeout
        self._door.close()

    def _protocol(self) -> HttpToolsProtocol:
        return self._kind(self.config, self.server_state, self.lifespan.state)


def bounded(seconds: float, left: Callable[[], None]) -> type[HttpToolsProtocol]:
    """Return a protocol that lets go of who sends no whole head in time, or takes no answer."""
    return type(
        "BoundedProtocol", (_BoundedProtocol,), {"seconds": seconds, "left": staticmethod(left)}
    )


class _BoundedProtocol(HttpToolsProtocol):
    seconds: ClassVar[float]
    left: Callable[[], None]
    _waits: tuple[Any, int] = (None, 0)

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._clock is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        self._stop_clock()
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        if self._clock is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()  # also for what begins no message: it ends the keep-alive's time
        super().data_received(data)
        self._head += len(data)
        if self._clock is not None and self._head > MAX_HEAD:
            self.transport.abort()

    def require_progress(self) -> None:
        """Let go of a client that has taken nothing of its answer since this was last called."""
        waits = (self.cycle, self.transport.get_write_buffer_size())
        if waits[1] and waits == self._waits:
            self.transport.abort()
        self._waits = waits

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)
        self.left()

    def _expect_head(self) -> None:
        self._head = 0
        self._clock: asyncio.TimerHandle | None = self.loop.call_later(
            self.seconds, self.transport.abort
        )

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
        self._clock = None
