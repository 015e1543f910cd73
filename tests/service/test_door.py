"""Workers that share a socket divide its connections; here they are two doors in one process."""

import asyncio
import errno
import os
import socket

import numpy as np
import pytest

from likewise.serve import door as module
from likewise.serve.door import Door
from likewise.serve.settings import listen

MANY = 12


class Guest(asyncio.Protocol):
    """A connection: it says who took it, and tells the door when it has ended."""

    def __init__(self, name, doors):
        self.name, self.doors = name, doors

    def connection_made(self, transport):
        transport.write(self.name)

    def connection_lost(self, exc):
        self.doors[self.name].left()


async def took(port, n=MANY):
    """Connect, and say who took each connection."""
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(n)]
    try:
        return [await reader.readexactly(1) for reader, _ in streams]
    finally:
        for _, writer in streams:
            writer.close()
            await writer.wait_closed()


def with_doors(use, names=(b"a", b"b")):
    """Run `use` with doors that share a socket, and the counts that they keep."""

    async def run():
        with listen("127.0.0.1", 0) as listener:
            connections = np.full(3, np.inf)
            doors = {}
            for slot, name in enumerate(names):
                doors[name] = Door(
                    listener.dup(), connections, slot, lambda n=name: Guest(n, doors)
                )
            try:
                await use(listener.getsockname()[1], doors, connections)
            finally:
                for door in doors.values():
                    door.close()
                    door._listener.close()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_connections_are_divided_evenly():
    async def use(port, doors, connections):
        taken = await took(port)
        assert (taken.count(b"a"), taken.count(b"b")) == (MANY / 2, MANY / 2)
        while connections[:2].any():  # all have left
            await asyncio.sleep(0)

    with_doors(use)


@pytest.mark.parametrize("is_there", [True, False])
def test_one_that_does_not_come_is_not_waited_for(is_there):
    """It is stuck (its count says that it takes connections), or has ended (inf)."""

    async def use(port, doors, connections):
        connections[1] = 0 if is_there else np.inf
        taken = await took(port)
        assert taken == [b"a"] * MANY

    with_doors(use, names=(b"a",))


def test_a_closed_door_leaves_all_to_the_other():
    async def use(port, doors, connections):
        doors[b"a"].close()
        taken = await took(port)
        assert taken == [b"b"] * MANY
        assert connections[0] == np.inf

    with_doors(use)


class Fickle(socket.socket):
    """A listening socket whose first connections cannot be taken."""

    faults: list[OSError]

    def accept(self):
        if self.faults:
            raise self.faults.pop()
        return super().accept()


@pytest.mark.parametrize(
    ("fault", "a_while"),
    [
        (ConnectionAbortedError(), 3600.0),  # the client's matter: the next is taken at once
        (BlockingIOError(), 3600.0),
        (OSError(errno.EMFILE, "Too many open files"), 0.0),
    ],
)
def test_who_cannot_be_taken_keeps_no_other_out(monkeypatch, fault, a_while):
    monkeypatch.setattr(module, "A_WHILE", a_while)

    async def use(port, doors, connections):
        plain = doors[b"a"]._listener
        listener = Fickle(plain.family, plain.type, plain.proto, os.dup(plain.fileno()))
        doors[b"a"].close()
        plain.close()
        listener.setblocking(False)
        listener.faults = [fault]
        doors[b"a"] = Door(listener, connections, 0, doors[b"a"]._welcome)
        assert await took(port, 3) == [b"a"] * 3
        assert listener.faults == []

    with_doors(use, names=(b"a",))


def test_a_connection_that_gets_no_protocol_is_closed_and_no_longer_counted(caplog):
    async def use(port, doors, connections):
        (door,) = doors.values()
        welcome, faults = door._welcome, [RuntimeError("no protocol")]

        def fail_once():
            if faults:
                raise faults.pop()
            return welcome()

        door._welcome = fail_once
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()
        assert connections[0] == 0
        assert await took(port, 1) == [b"a"]

    with_doors(use, names=(b"a",))
    assert [record.message for record in caplog.records] == ["connection failed"]
