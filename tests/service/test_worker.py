"""One worker: which connections it lets go, and when it goes itself."""

import asyncio
import os
import socket

import pytest
import uvicorn
from uvicorn.server import ServerState

from likewise.serve.app import create_app
from likewise.serve.settings import Settings, listen
from likewise.serve.worker import Worker, bounded

LARGE = b"x" * 8_000_000
ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def answer_large(scope, receive, send):
    headers = [(b"content-length", str(len(LARGE)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": LARGE})


@pytest.mark.parametrize("more", [b"", ASK * 3])
def test_who_takes_no_answer_is_let_go_and_who_is_slow_is_not(more):
    async def run():
        loop, state = asyncio.get_running_loop(), ServerState()
        config = uvicorn.Config(answer_large, lifespan="off", ws="none", log_config=None)
        config.load()
        kind = bounded(30, lambda: None)
        server = await loop.create_server(lambda: kind(config, state, {}), "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            client.setblocking(False)
            await loop.sock_sendall(client, ASK + more)
            while not (state.connections and (await until_unread(state))):
                await asyncio.sleep(0)
            (connection,) = state.connections
            connection.require_progress()
            before = connection.transport.get_write_buffer_size()
            while connection.transport.get_write_buffer_size() == before:  # it reads a little
                await loop.sock_recv(client, 100_000)
            connection.require_progress()
            await asyncio.sleep(0)
            assert state.connections
            while await until_unread(state, settled=True):
                connection.require_progress()
                await asyncio.sleep(0)
                if not state.connections:
                    break
            assert not state.connections
        server.close()
        await server.wait_closed()

    async def until_unread(state, *, settled=False):
        await asyncio.sleep(0)
        return settled or any(c.transport.get_write_buffer_size() for c in state.connections)

    asyncio.run(asyncio.wait_for(run(), 30))


def with_worker(shelf, timeout, use):
    async def run():
        settings = Settings(timeout=timeout)
        guard = create_app(shelf, settings)
        with listen("127.0.0.1", 0) as listener:
            worker = Worker(guard, settings, listener, parent=os.getppid())
            worker.config.load()
            worker.lifespan = worker.config.lifespan_class(worker.config)
            await worker.startup()
            try:
                await use(worker)
            finally:
                worker._door.close()

    asyncio.run(asyncio.wait_for(run(), 30))


class Stuck:
    def require_progress(self):
        pass


@pytest.mark.parametrize(("timeout", "goes"), [(1e-9, True), (30, False)])
def test_a_retired_worker_waits_for_its_connections_only_so_long(shelf, timeout, goes):
    async def use(worker):
        worker.server_state.connections.add(Stuck())
        assert not await worker.on_tick(1)
        worker._retire()
        assert await worker.on_tick(1) is goes

    with_worker(shelf, timeout, use)


def test_a_retired_worker_waits_for_a_connection_that_it_has_just_taken(shelf):
    async def use(worker):
        arrived = asyncio.Event()
        task = asyncio.create_task(arrived.wait())
        worker._door._arriving.add(task)
        worker._retire()
        assert not await worker.on_tick(1)
        closing = asyncio.create_task(worker._door.wait_closed())
        await asyncio.sleep(0)
        assert not closing.done()
        arrived.set()
        await closing
        worker._door._arriving.discard(task)
        assert await worker.on_tick(1)

    with_worker(shelf, 30, use)
