"""`likewise serve`: models behind HTTP."""

import os
from pathlib import Path
from typing import Annotated

import typer

from likewise.errors import InputError


def command(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="Model folders, the default first; NAME=FOLDER names one."
        ),
    ],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option(help="A file with the token that requests must carry; needed off loopback."),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="A name by which the service is reached; may be given several times."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="A site whose pages may ask (CORS); may be given several times."),
    ] = None,
    queue: Annotated[
        int, typer.Option(min=1, help="Requests at work in a worker before it says 503.")
    ] = 128,
    max_body: Annotated[int, typer.Option(min=1024, help="Bytes of a request.")] = 1 << 20,
    timeout: Annotated[float, typer.Option(help="Seconds for a request.")] = 10.0,
) -> None:
    """Serve models over HTTP, with a page at / and the API's description at /docs.

    Only this machine can ask, unless --host says otherwise; then a token is needed.

    Examples
    --------
      likewise serve shop.model

      likewise serve shop.model films=runs/films.model --port 8080
    """
    # A worker answers with one thread: many requests, not one, are to fill the cores.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        import uvicorn
    except ImportError as error:
        raise InputError("serving needs more packages: pip install 'likewise[serve]'") from error
    import threading

    from likewise.serve.app import create_app
    from likewise.serve.served import named_folders, shelf_of
    from likewise.serve.settings import settings_of

    settings = settings_of(
        host, token_file, allowed_host or (), allow_origin or (),
        queue=queue, max_body=max_body, timeout=timeout,
    )  # fmt: skip
    shelf = shelf_of(named_folders(models))
    for served in shelf.values():
        threading.Thread(target=served.draw, daemon=True).start()
    uvicorn.run(create_app(shelf, settings), host=host, port=port, access_log=False)
