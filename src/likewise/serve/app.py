"""The ASGI application: the routes, and how bodies are read and errors told."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp

import likewise
from likewise.errors import InputError, MachineError
from likewise.serve import schemas as s
from likewise.serve.docs import docs_page
from likewise.serve.refusals import Refused, overloaded
from likewise.serve.security import Guard
from likewise.serve.served import Shelf
from likewise.serve.service import Service
from likewise.serve.settings import Settings
from likewise.serve.static import static_routes

ROUTES: list[tuple[str, str, str, Any, tuple[int, ...]]] = [
    ("POST", "/v1/recommend", "recommend", s.RecommendAnswer, (404, 408, 413, 415)),
    ("GET", "/v1/also-bought/{item:path}", "also_bought_one", s.AlsoBoughtAnswer, (404,)),
    ("POST", "/v1/also-bought", "also_bought", s.AlsoBoughtAnswer, (404, 408, 413, 415)),
    ("GET", "/v1/items", "items", s.ItemsAnswer, (404,)),
    ("POST", "/v1/explain", "explain", s.ExplainAnswer, (404, 408, 413, 415)),
    ("POST", "/v1/encode", "encode", s.EncodeAnswer, (404, 408, 413, 415)),
    ("GET", "/v1/model", "model", s.ModelAnswer, (404,)),
    ("GET", "/v1/map", "map", s.MapAnswer, (404,)),
    ("POST", "/v1/steps", "steps", s.StepsAnswer, (404, 408, 413, 415)),
]
"""Method, path, name of the answer, its type, and the refusals that are its own."""

EVERYWHERE = (400, 401, 422, 500, 503)


def create_app(shelf: Shelf, settings: Settings | None = None) -> ASGIApp:
    """Return the service of some models as an ASGI application.

    Parameters
    ----------
    shelf : mapping of str to Served
        The models by name; the first answers requests that name none.
    settings : Settings, optional
        Who may ask, and how much; the defaults are those of a service on loopback.
    """
    app = FastAPI(
        title="likewise",
        version=likewise.__version__,
        summary="Recommendations, and what was bought together.",
        docs_url=None,
        redoc_url=None,
    )
    router = APIRouter(route_class=_StrictRoute)
    service = Service(shelf)
    for method, path, name, answer, own in ROUTES:
        router.add_api_route(
            path,
            getattr(service, name),
            methods=[method],
            name=name,
            response_model=answer,
            response_model_exclude_none=name in {"recommend", "items"},
            responses={status: _refusal(status) for status in sorted({*EVERYWHERE, *own})},
        )
    app.include_router(router)
    app.add_api_route("/livez", _alive, name="livez", summary="Whether the process answers.")
    app.add_api_route(
        "/readyz", lambda: _ready(shelf), name="readyz", summary="Whether the models answer.",
        response_model=s.ReadyAnswer,
    )  # fmt: skip
    app.add_route("/docs", lambda _: HTMLResponse(docs_page(app.openapi())), name="docs")
    app.router.routes.extend(static_routes())
    for kind, told in _TOLD.items():
        app.add_exception_handler(kind, told)
    return _behind_guard(app, settings or Settings())


def _behind_guard(app: ASGIApp, settings: Settings) -> ASGIApp:
    guarded: ASGIApp = Guard(app, settings)
    if settings.origins:  # the browser asks first (OPTIONS), and has no token for that
        guarded = CORSMiddleware(
            guarded,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    return guarded


class _StrictRoute(APIRoute):
    """A route whose body is JSON and says so, parsed to a limited depth."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handler(_JsonRequest(request.scope, request.receive))

        return strict


class _JsonRequest(Request):
    async def json(self) -> Any:
        """Parse the body; NaN, and what is nested deeper than 200 levels, is refused."""
        try:
            return from_json(await self.body(), allow_inf_nan=False, cache_strings="none")
        except ValueError as error:
            raise HTTPException(400, f"the body is no JSON: {error}") from None


async def _alive() -> dict[str, bool]:
    return {"alive": True}


def _ready(shelf: Shelf) -> dict[str, Any]:
    return {"ready": True, "models": dict.fromkeys(shelf, "ok")}


def _refusal(status: int) -> dict[str, Any]:
    return {"model": s.Refusal, "description": HTTPStatus(status).phrase}


def _tell(request: Request, refused: Refused) -> Response:
    return refused.response(request.scope["state"]["request_id"])


def _told_refused(request: Request, error: Any) -> Response:
    return _tell(request, error)


def _told_http(request: Request, error: Any) -> Response:
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    return _tell(request, Refused(error.status_code, code, error.detail))


def _told_invalid(request: Request, error: Any) -> Response:
    """Say where the fault is and what is allowed, without repeating what was given."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body")
    message = f"{where}: {first['msg']}" if where else first["msg"]
    return _tell(request, Refused(422, "invalid", message[:300]))


def _told_input(request: Request, error: Any) -> Response:
    return _tell(request, Refused(422, "invalid", str(error)[:300]))


def _told_machine(request: Request, error: Any) -> Response:  # noqa: ARG001 - its words stay here
    return _tell(request, overloaded("the machine is short of memory; try again"))


_TOLD: dict[Any, Callable[[Request, Any], Response]] = {
    Refused: _told_refused,
    HTTPException: _told_http,
    RequestValidationError: _told_invalid,
    InputError: _told_input,
    MachineError: _told_machine,
}
