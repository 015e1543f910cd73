"""The door of a worker: connections that come to a shared socket are divided evenly.

Whichever worker wakes first would take all that wait, and answer alone while the others idle. So
one that has more connections than another leaves the next to it for a moment.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOMENT = 0.01
"""Seconds for which a busier worker waits for another to take a connection, then takes it."""
A_WHILE = 1.0
"""Seconds after which to try again where the system gives no more connections."""
_log = logging.getLogger("likewise.serve")


class Door:
    """Takes connections from a listening socket, until it is closed.

    It has what a worker asks of an `asyncio.Server`: `close` and `wait_closed`.

    Parameters
    ----------
    listener : socket
        Listening, not blocking, shared with other workers.
    connections : ndarray of shape (slots,)
        How many connections each worker has, in memory that they share; inf if it takes none.
    slot : int
        This worker's place there.
    welcome : callable
        Makes the protocol of a connection, which calls `left` when the connection has ended.
    """

    def __init__(
        self,
        listener: socket.socket,
        connections: NDArray[np.float64],
        slot: int,
        welcome: Callable[[], asyncio.Protocol],
    ) -> None:
        self._listener, self._connections, self._slot = listener, connections, slot
        self._welcome = welcome
        self._loop = asyncio.get_running_loop()
        self._arriving: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._has_waited = False
        connections[slot] = 0
        self._listen()

    def left(self) -> None:
        """Notice that a connection has ended."""
        self._connections[self._slot] -= 1

    def close(self) -> None:
        """Take no more connections; the socket is the others'."""
        self._connections[self._slot] = np.inf
        self._loop.remove_reader(self._listener)
        if self._timer is not None:
            self._timer.cancel()

    @property
    def is_welcoming(self) -> bool:
        """Whether a connection has been taken that has no protocol yet."""
        return bool(self._arriving)

    async def wait_closed(self) -> None:
        """Wait for the connections that have been taken to have their protocols."""
        await asyncio.gather(*self._arriving, return_exceptions=True)

    def _listen(self) -> None:
        self._loop.add_reader(self._listener, self._take)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._timer = self._loop.call_later(seconds, self._listen)

    def _take(self) -> None:
        """Take one connection, or leave it to a worker that has fewer."""
        is_busier = bool(self._connections[self._slot] > self._connections.min())
        self._has_waited = is_busier and not self._has_waited
        if self._has_waited:
            self._pause(MOMENT)
            return
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # taken by another, or it has left
            return
        except OSError:  # no more file descriptors
            self._pause(A_WHILE)
            return
        connection.setblocking(False)
        self._connections[self._slot] += 1
        arriving = self._loop.create_task(
            self._loop.connect_accepted_socket(self._welcome, connection)
        )
        self._arriving.add(arriving)
        arriving.add_done_callback(lambda task: self._arrived(task, connection))

    def _arrived(self, arriving: asyncio.Task[Any], connection: socket.socket) -> None:
        """Let go of a connection that has got no protocol, which would say that it has ended."""
        self._arriving.discard(arriving)
        if not arriving.cancelled() and (error := arriving.exception()) is not None:
            _log.warning("connection failed", exc_info=error)
            connection.close()
            self.left()
