"""The ASGI application: the routes, and how bodies are read and errors told."""

from collections.abc import Callable, Coroutine, Iterable
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, Response

import likewise
from likewise.errors import InputError, MachineError
from likewise.serve import answers
from likewise.serve.board import Board
from likewise.serve.docs import docs_page
from likewise.serve.invalid import amiss, in_words
from likewise.serve.refusals import INSIDE, NO_ADDRESS, Refused, other_method, unavailable
from likewise.serve.security import Guard
from likewise.serve.served import Shelf
from likewise.serve.service import Service
from likewise.serve.settings import Settings
from likewise.serve.static import static_routes

ROUTES: list[tuple[str, str, str, Any, tuple[int, ...]]] = [
    ("POST", "/v1/recommend", "recommend", answers.RecommendAnswer, (404, 408, 413, 415)),
    ("GET", "/v1/also-bought/{item:path}", "also_bought_one", answers.AlsoBoughtAnswer, (404,)),
    ("POST", "/v1/also-bought", "also_bought", answers.AlsoBoughtAnswer, (404, 408, 413, 415)),
    ("GET", "/v1/items", "items", answers.ItemsAnswer, (404,)),
    ("POST", "/v1/explain", "explain", answers.ExplainAnswer, (404, 408, 413, 415)),
    ("POST", "/v1/encode", "encode", answers.EncodeAnswer, (404, 408, 413, 415)),
    ("GET", "/v1/model", "model", answers.ModelAnswer, (404,)),
    ("GET", "/v1/map", "map", answers.MapAnswer, (404,)),
    ("POST", "/v1/steps", "steps", answers.StepsAnswer, (404, 408, 413, 415)),
]
"""Method, path, name of the answer, its type, and the refusals that are its own."""

EVERYWHERE = (400, 401, 422, 429, 500, 503)


ROUTE_NAMES = (*dict.fromkeys(path for _, path, *_ in ROUTES), "/livez", "/readyz", "/metrics")
"""The routes that metrics tell apart."""


def create_app(
    shelf: Shelf, settings: Settings | None = None, *, board: Board | None = None, slot: int = 0
) -> Guard:
    """Return the service of some models as an ASGI application.

    Parameters
    ----------
    shelf : mapping of str to Served
        The models by name; the first answers requests that name none.
    settings : Settings, optional
        Who may ask, and how much; the defaults are those of a service on loopback.
    board : Board, optional
        The memory that it shares with other processes.
    slot : int
        Where on the board it counts.

    Returns
    -------
    Guard
        The application, behind the layer that admits requests, to retire it by.
    """
    board = board or Board.of([*shelf], ROUTE_NAMES)
    app = FastAPI(
        title="likewise",
        version=likewise.__version__,
        summary="Recommendations, and what was bought together.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
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

    # Coroutines: they wait for no thread, which slow answers may hold.

    async def ready() -> dict[str, Any]:
        return _ready(board)

    async def metrics() -> Response:
        return _metrics(board, shelf)

    app.add_api_route(
        "/readyz", ready, name="readyz", summary="Whether the models answer.",
        response_model=answers.ReadyAnswer, response_model_exclude_none=True,
    )  # fmt: skip
    app.add_api_route(
        "/metrics", metrics, name="metrics",
        summary="Counts and times, for Prometheus.", response_class=PlainTextResponse,
        responses={401: _refusal(401)},
    )  # fmt: skip
    for path in ("/livez", "/readyz"):  # watchers ask by HEAD too
        app.add_api_route(path, _alive, methods=["HEAD"], include_in_schema=False)
    app.add_route("/docs", lambda _: HTMLResponse(docs_page(app.openapi())), name="docs")
    app.router.routes.extend(static_routes())
    for kind, told in _TOLD.items():
        app.add_exception_handler(kind, told)
    return Guard(app, settings or Settings(), board, slot)


class _StrictRoute(APIRoute):
    """A route whose query has known keys, once each, and whose JSON is of a limited depth."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()
        known = {one.alias for one in self.dependant.query_params}

        async def strict(request: Request) -> Response:
            wrong = amiss(request.query_params.multi_items(), known)
            if wrong is not None:
                raise Refused(422, "invalid", wrong)
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


def _ready(board: Board) -> dict[str, Any]:
    """Say so where what is on disk was refused; what was there before answers, and is ready."""
    stale = "the folder on disk cannot be used (the log says why); the model before it is served"
    states = {name: stale if fault else "ok" for name, fault in board.faults().items()}
    table = "the table on disk cannot be used (the log says why); the one before it is used"
    return {
        "ready": True,
        "models": states,
        "attributes": table if board.table_refused.any() else None,
    }


def _metrics(board: Board, shelf: Shelf) -> Response:
    class Collector:
        def collect(self) -> Iterable[Metric]:
            return board.metrics({name: served.version for name, served in shelf.items()})

    registry = CollectorRegistry()
    registry.register(Collector())
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _refusal(status: int) -> dict[str, Any]:
    return {"model": answers.Refusal, "description": HTTPStatus(status).phrase}


def _tell(request: Request, refused: Refused) -> Response:
    return refused.response(request.scope["state"]["request_id"])


def _told_refused(request: Request, error: Any) -> Response:
    return _tell(request, error)


def _told_http(request: Request, error: Any) -> Response:
    if error.status_code == 404:
        return _tell(request, NO_ADDRESS)
    if error.status_code == 405:
        return _tell(request, other_method(error.headers["Allow"].split(", ")))
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    return _tell(request, Refused(error.status_code, code, error.detail))


def _told_invalid(request: Request, error: Any) -> Response:
    """Say where the fault is, what kind of thing was given, and what is allowed."""
    return _tell(request, Refused(422, "invalid", in_words(error.errors()[0])[:300]))


def _told_input(request: Request, error: Any) -> Response:
    return _tell(request, Refused(422, "invalid", str(error)[:300]))


def _told_machine(request: Request, error: Any) -> Response:  # noqa: ARG001 - its words stay here
    return _tell(request, unavailable("the machine is short of memory; try again"))


def _told_inside(request: Request, error: Any) -> Response:  # noqa: ARG001 - the guard logs it
    return _tell(request, INSIDE)


_TOLD: dict[Any, Callable[[Request, Any], Response]] = {
    Refused: _told_refused,
    HTTPException: _told_http,
    RequestValidationError: _told_invalid,
    InputError: _told_input,
    MachineError: _told_machine,
    Exception: _told_inside,
}
