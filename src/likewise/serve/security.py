"""The guard before the application: who may ask, for what host, how much, and for how long.

It is the outermost layer, so that nothing is parsed, and no model is asked, for a request that is
refused here.
"""

import asyncio
import hmac
import logging
import re
import time
import uuid
from contextlib import suppress
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from likewise.serve.board import Board
from likewise.serve.refusals import INSIDE, TOO_LONG, Refused, busy
from likewise.serve.settings import Settings

OPEN = frozenset({"/", "/docs", "/openapi.json", "/livez", "/readyz"})
"""What needs no token: it is the same for everyone, or says only that the service is there,
and what its models are called."""
PROBES = frozenset({"/livez", "/readyz"})
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
MOST_DISCARDED = 16 * 1024**2
"""Bytes of a refused body that are read, so that its sender comes to read the refusal."""
DISCARDING = 2.0
"""Seconds for that, at most."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger("likewise.serve")


class Guard:
    """ASGI middleware that refuses early, and says of each request how it went."""

    def __init__(self, app: ASGIApp, settings: Settings, board: Board, slot: int = 0) -> None:
        self.app = _across_origins(app, settings.origins)
        self.settings, self.board, self.slot = settings, board, slot
        self.retired = False
        self._at_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        route = self.board.route_of(scope["path"])
        request = _Request(scope, receive, send, route, ends=self.retired)
        try:
            refused = await self._answered(request)
            if refused is not None:
                await request.refuse(refused, self.settings.origins)
        finally:
            self.board.count(self.slot, request.route, request.status, request.seconds)
            request.log()

    async def _answered(self, request: "_Request") -> Refused | None:
        """Have a request answered, or return why it is not; meanwhile it takes room."""
        self._enter(+1)
        try:
            self._admit(request)
            receive = await self._body(request)
            async with asyncio.timeout(self.settings.timeout):
                await self.app(request.scope, receive, request.send)
        except Refused as refused:
            return refused
        except TimeoutError:
            return TOO_LONG
        except Exception as error:  # noqa: BLE001 - told in the log, not to the client
            _log.error("failed", exc_info=error, extra={"request_id": request.id})
            return INSIDE
        finally:
            self._enter(-1)
        return None

    def _enter(self, change: int) -> None:
        self._at_work += change
        self.board.at_work[self.slot] = self._at_work

    def _admit(self, request: "_Request") -> None:
        """Check host, token and room."""
        path, settings = request.scope["path"], self.settings
        if path in PROBES:
            return
        if _host(request.headers.get("host", "")) not in settings.hosts:
            raise Refused(400, "host", "the Host header names another host than this service's")
        is_open = path in OPEN or path.startswith("/page/")
        if settings.origins and _is_preflight(request):  # the browser has no token for it
            is_open = True
        if settings.token is not None and not is_open:
            _require_token(request.headers, settings.token)
        if self._at_work > settings.queue:
            raise busy()

    async def _body(self, request: "_Request") -> Receive:
        """Read a bounded body in bounded time, and give it to the application as one message.

        Outside /v1 nothing takes a body, and none is read: what is open to all must hold nothing.
        """
        receive, path = request.receive, request.scope["path"]
        if request.scope["method"] in {"GET", "HEAD", "OPTIONS"} or not path.startswith("/v1/"):
            return receive
        limit = self.settings.max_body
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(self.settings.timeout):
                body = await _whole(receive, limit)
        except TimeoutError:
            raise Refused(
                408, "too_slow", "the body did not arrive in time; send it again"
            ) from None
        request.is_read = True
        if body and not _is_json(request.headers.get("content-type", "")):
            raise Refused(415, "no_json", "send JSON, with Content-Type: application/json")
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return waiting.pop() if waiting else await receive()

        return replay


class _Request:
    """A request on its way: its id, its answer's status, and the time it takes."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, route: str, *, ends: bool
    ) -> None:
        self.scope, self.receive, self._send = scope, receive, send
        self._route, self._ends = route, ends
        self.headers = Headers(scope=scope)
        has_body = self.headers.get("content-length", "0") != "0"
        self.is_read = not has_body and "transfer-encoding" not in self.headers
        given = self.headers.get("x-request-id", "")
        self.id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = self.id
        self.status = 0
        self.began = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.update(HEADERS)
            headers["X-Request-Id"] = self.id
            headers.setdefault("Cache-Control", "no-store")
            if self._ends or not self.is_read:  # what comes after would be the body's rest
                headers["Connection"] = "close"
        await self._send(message)

    async def refuse(self, refused: Refused, origins: tuple[str, ...]) -> None:
        """Answer with a refusal, if no answer has begun; a site that may ask may read it."""
        if not self.status:
            if not self.is_read and refused.status != 408:  # that one does not come
                await self._discard()
            answer: ASGIApp = refused.response(self.id)
            if not _is_preflight(self):  # the middleware would allow it
                answer = _across_origins(answer, origins)
            await answer(self.scope, _nothing, self.send)

    async def _discard(self) -> None:
        """Read what comes of a body: who is cut off while sending never sees the answer."""
        if "100-continue" in self.headers.get("expect", "").lower():
            return  # it waits for our word before it sends
        left = MOST_DISCARDED
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARDING):
                while left > 0:
                    message = await self.receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body"):
                        return

    @property
    def route(self) -> str:
        """The route's template, also where the request was refused before it was routed."""
        return getattr(self.scope.get("route"), "path", self._route)

    @property
    def seconds(self) -> float:
        """Since it came."""
        return time.perf_counter() - self.began

    def log(self) -> None:
        """Say how it went: the route and not the path, which may name a product."""
        fields: dict[str, Any] = {
            "request_id": self.id,
            "method": self.scope["method"],
            "route": self.route,
            "status": self.status,
            "ms": round(1000 * self.seconds, 2),
        }
        _log.info("request", extra=fields)


def _across_origins(app: ASGIApp, origins: tuple[str, ...]) -> ASGIApp:
    """Let the sites named ask: answer their browsers' preflights, and let them read answers."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "X-Request-Id"],
        expose_headers=["Retry-After", "X-Request-Id"],
    )


def _is_preflight(request: _Request) -> bool:
    """Return whether the middleware above answers it, and never the application."""
    asked = {"origin", "access-control-request-method"}
    return request.scope["method"] == "OPTIONS" and asked <= {*request.headers.keys()}


def _host(header: str) -> str:
    """Return the Host header without its port."""
    name = header.lower()
    return name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]


def _require_token(headers: Headers, token: str) -> None:
    """Compare in constant time, so that the time taken tells nothing of the token."""
    kind, _, given = headers.get("authorization", "").partition(" ")
    same = hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode())
    if not (same and kind.lower() == "bearer"):
        raise Refused(401, "token", "send the service's token: Authorization: Bearer TOKEN")


async def _whole(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "gone", "the client has left")
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return bytes(body)


def _too_large(limit: int) -> Refused:
    return Refused(413, "too_large", f"the body has more than {limit} bytes; ask in several parts")


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
