"""The page's files, read at start: a request's path is looked up among them, never opened."""

import hashlib
from collections.abc import Callable
from importlib import resources
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".json": "application/json",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
"""What is served, by its ending; a file of another kind is not."""


def static_routes() -> list[Route]:
    """Return a route for each file in ``serve/page``: index.html at ``/``, others at ``/page/…``.

    Their ETag is the hash of their bytes, so that a browser asks again and gets 304.
    """
    folder = resources.files("likewise.serve") / "page"
    return [
        Route("/" if name == "index.html" else f"/page/{name}", _serving(name, data))
        for name, data in _files(folder)
    ]


def _files(folder: Traversable, prefix: str = "") -> list[tuple[str, bytes]]:
    if not folder.is_dir():
        return []
    found: list[tuple[str, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _files(entry, f"{prefix}{entry.name}/")
        elif _ending(entry.name) in KINDS:
            found.append((prefix + entry.name, entry.read_bytes()))
    return found


def _serving(name: str, data: bytes) -> Callable[[Request], Response]:
    etag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
    headers = {"ETag": etag, "Cache-Control": "no-cache"}

    def serve(request: Request) -> Response:
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(data, headers=headers | {"Content-Type": KINDS[_ending(name)]})

    return serve


def _ending(name: str) -> str:
    return "." + name.rpartition(".")[2]
