"""A small shop's service on a real socket, and Chromium looking at it.

Debian's package ``chromium`` is used, or what CHROMIUM names; without either these tests skip.
Whatever a test does, at its end the page must have logged no error and asked no other host.
"""

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

import likewise
from likewise.cli import main
from likewise.serve.app import create_app
from likewise.serve.served import Served, shelf_of
from likewise.serve.settings import Settings

ORDERS = Path(__file__).parents[1] / "shop" / "orders.csv"
HOSTILE = "<img src=x onerror=\"document.title='taken'\"> spoon"
TOKEN = "a-token-that-is-long-enough"
PATIENCE = 20_000
"""Milliseconds to wait for what should appear; a busy machine needs some."""

expect.set_options(timeout=PATIENCE)


@pytest.fixture
def hostile() -> str:
    """A title that would be a script, were it ever taken for HTML."""
    return HOSTILE


@pytest.fixture
def token() -> str:
    """What the guarded service asks for."""
    return TOKEN


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Served]:
    """The shop's model with what was measured of it; a title of it is an attack."""
    place = tmp_path_factory.mktemp("page")
    quoted = '"' + HOSTILE.replace('"', '""') + '"'
    log, folder = place / "orders.csv", place / "shop.model"
    log.write_text(ORDERS.read_text().replace("Tea spoon", quoted))
    main(
        [
            "fit",
            str(log),
            "--out",
            str(folder),
            "--model",
            "denoising",
            "--set",
            "max_epochs=8",
            "-q",
        ]
    )
    cheap = ["--models", "popularity,item k-NN", "--split", "last", "-q"]
    main(["evaluate", str(log), *cheap, "--keep-in", str(folder)])
    attributes = place / "attributes.csv"
    attributes.write_text("item,category\n85123A,tea\n22423,tea\n20729,office\n")
    shelf = shelf_of({"shop": folder}, attributes)
    shelf["shop"].draw()
    return shelf


@contextmanager
def serving(shelf: dict[str, Served], settings: Settings | None = None) -> Iterator[str]:
    """Serve on a free port of loopback, in a thread."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(
            uvicorn.Config(create_app(shelf, settings), log_config=None, lifespan="off")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def address(shelf: dict[str, Served]) -> Iterator[str]:
    with serving(shelf) as found:
        yield found


@pytest.fixture(scope="session")
def guarded(shelf: dict[str, Served]) -> Iterator[str]:
    """The address of a service that asks for TOKEN."""
    with serving(shelf, Settings(token=TOKEN)) as found:
        yield found


@pytest.fixture
def two_models(shelf: dict[str, Served], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service of two models; the second has numbers for ids, and no titles."""
    folder = tmp_path_factory.mktemp("page") / "numbers.model"
    likewise.Recommender().fit([[1, 2, 3], [1, 2], [4, 5, 6], [5, 6]]).save(folder)
    with serving(shelf | shelf_of({"numbers": folder})) as found:
        yield found


@pytest.fixture(scope="module")  # playwright's event loop must not run on into other tests
def browser() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium: apt-get install chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page; at the end nothing may have gone wrong but what `allowed` begins with."""
    contexts, errors, asked, allowed = [], [], set(), []

    def _visit(url: str, *, may: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda m: errors.append(m.text) if m.type != "log" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.add(request.url.split("/")[2]))
        if may:
            allowed.append(may)
        page.goto(url)
        return page

    yield _visit
    for context in contexts:
        context.close()
    assert [e for e in errors if not any(e.startswith(start) for start in allowed)] == []
    assert {host.rpartition(":")[0] for host in asked} <= {"127.0.0.1"}


@pytest.fixture
def page(visit: Callable[..., Page], address: str) -> Page:
    """The page as it is first seen."""
    return visit(address)


@pytest.fixture
def filled(visit: Callable[..., Page], address: str) -> Callable[..., Page]:
    """Open a view with two products in the basket."""

    def _filled(view: str, **options: Any) -> Page:
        return visit(f"{address}#{view}?item=85123A&item=22423", **options)

    return _filled
