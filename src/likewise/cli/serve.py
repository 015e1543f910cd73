"""`likewise serve`: models behind HTTP."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from likewise.cli import options as o
from likewise.cli.output import Output
from likewise.errors import InputError
from likewise.extras import how_to_install


def command(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...", help="Model folders, the default first; NAME=FOLDER names one."
        ),
    ],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    attributes: Annotated[
        Path | None,
        typer.Option(help="A table of item, category, price, in_stock, for rules in requests."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that answer.")] = 1,
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
        int, typer.Option(min=1, help="Requests at work in a worker before it says 429.")
    ] = 128,
    max_body: Annotated[int, typer.Option(min=1024, help="Bytes of a request.")] = 1 << 20,
    timeout: Annotated[float, typer.Option(help="Seconds for a request.")] = 10.0,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Serve models over HTTP, with a page at / and the API's description at /docs.

    Only this machine can ask, unless --host says otherwise; then a token is needed.

    Examples
    --------
      likewise serve shop.model

      likewise serve shop.model films=runs/films.model --workers 2 --port 8080

      likewise serve shop.model --attributes products.csv

      likewise serve shop.model --host 10.0.0.5 --token-file token.txt
    """
    # A worker answers with one thread: many requests, not one, are to fill the cores. More would
    # not live through the fork that makes a worker, and be waited for without end.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        from likewise.serve.logs import log_to_stderr
        from likewise.serve.served import named_folders
        from likewise.serve.settings import listen, settings_of
        from likewise.serve.supervisor import Supervisor
    except ModuleNotFoundError as error:
        raise InputError(
            f"serving needs the package {error.name}; install it with: {how_to_install('serve')}"
        ) from error
    settings = settings_of(
        host, token_file, allowed_host or (), allow_origin or (),
        queue=queue, max_body=max_body, timeout=timeout,
    )  # fmt: skip
    log_to_stderr(quiet=quiet)
    with listen(host, port) as listener:
        supervisor = Supervisor(named_folders(models), settings, listener, workers, attributes)
        url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        output = Output(as_json, quiet)
        output.lines(*(f"serving {name} at {url}" for name in supervisor.shelf))
        output.json({"url": url, "models": [*supervisor.shelf]})
        sys.stdout.flush()
        supervisor.run()
