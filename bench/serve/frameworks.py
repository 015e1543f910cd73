"""What a framework costs a request: one route in bare ASGI, in Starlette and in FastAPI.

    python bench/serve/frameworks.py

The same checked question (a basket of ten ids, k) and the same answer of ten items, called in
process without a socket, in turn; the median microseconds of a request over five rounds. Checks and
JSON are pydantic's in all three, so that what differs is the framework: routing, requests and
responses, and, of FastAPI, the schema that `/openapi.json` and the checks come from.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

JSON = (b"content-type", b"application/json")


class Asked(BaseModel):
    basket: list[str]
    k: int = 10


class Item(BaseModel):
    item: str
    title: str
    score: float


class Answer(BaseModel):
    items: list[Item]


def answered(asked: Asked) -> Answer:
    named = [Item(item=item, title=f"Product {item}", score=0.5) for item in asked.basket]
    return Answer(items=named[: asked.k])


def bare() -> Any:
    check = TypeAdapter(Asked)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["path"] == "/v1/recommend"
        body = to_json(answered(check.validate_json((await receive())["body"])))
        await send({"type": "http.response.start", "status": 200, "headers": [JSON]})
        await send({"type": "http.response.body", "body": body})

    return app


def starlette() -> Any:
    check = TypeAdapter(Asked)

    async def recommend(request: Request) -> Response:
        answer = answered(check.validate_json(await request.body()))
        return Response(to_json(answer), media_type="application/json")

    return Starlette(routes=[Route("/v1/recommend", recommend, methods=["POST"])])


def fastapi() -> Any:
    app = FastAPI()

    @app.post("/v1/recommend")
    async def recommend(given: Asked) -> Answer:
        return answered(given)

    return app


FRAMEWORKS: dict[str, Callable[[], Any]] = {
    "bare ASGI": bare,
    "Starlette": starlette,
    "FastAPI": fastapi,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="What a framework costs a request.")
    parser.add_argument("--requests", type=int, default=2_000, help="of each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dry", action="store_true", help="write no results")
    arguments = parser.parse_args()
    import records

    apps = {name: make() for name, make in FRAMEWORKS.items()}
    for app in apps.values():
        asyncio.run(asked(app, 100))  # what is made once
    rounds = [
        {name: asyncio.run(asked(app, arguments.requests)) for name, app in apps.items()}
        for _ in range(arguments.rounds)
    ]
    rows = [
        {"framework": name, "microseconds": median(one[name] for one in rounds)} for name in apps
    ]
    for row in rows:
        print(json.dumps(row))
    if not arguments.dry:
        records.write("serve-frameworks", rows)


async def asked(app: Any, n: int) -> float:
    """Return the microseconds of one of n requests."""
    body = json.dumps({"basket": [f"{n:05}" for n in range(10)], "k": 10}).encode()
    length = (b"content-length", str(len(body)).encode())
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    began = time.process_time()
    for _ in range(n):
        sent.clear()
        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "path": "/v1/recommend",
            "raw_path": b"/v1/recommend", "root_path": "", "scheme": "http", "query_string": b"",
            "headers": [(b"host", b"localhost"), JSON, length],
        }  # fmt: skip
        await app(scope, receive, send)
    spent = time.process_time() - began
    assert sent[0]["status"] == 200
    assert len(json.loads(sent[1]["body"])["items"]) == 10
    return 1e6 * spent / n


if __name__ == "__main__":
    main()
