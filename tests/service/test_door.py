"""Workers that share a socket divide its connections; here they are two doors in one process."""

import asyncio

import numpy as np
import pytest

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
