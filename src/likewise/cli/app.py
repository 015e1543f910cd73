"""The commands' table, and the one place where errors become exit codes."""

import inspect
import os
import sys
from types import ModuleType
from typing import Annotated, Any

import typer

from likewise.cli import (
    also_bought,
    anomalies,
    demo,
    doctor,
    evaluate,
    features,
    fit,
    images,
    recommend,
    reduce,
    serve,
    steps,
    tune,
    types,
)
from likewise.cli.interrupts import heeded
from likewise.cli.once import OnceEach
from likewise.cli.output import fail
from likewise.errors import InputError, LikewiseError

app = typer.Typer(
    help="Autoencoders that turn a purchase log into recommendations, and explain themselves.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
COMMANDS: dict[str, ModuleType] = {
    "demo": demo,
    "fit": fit,
    "tune": tune,
    "recommend": recommend,
    "also-bought": also_bought,
    "evaluate": evaluate,
    "steps": steps,
    "serve": serve,
    "reduce": reduce,
    "images": images,
    "features": features,
    "anomalies": anomalies,
    "types": types,
    "doctor": doctor,
}
OF_VALUES = {
    "float_parsing": "give a number",
    "greater_than_equal": "give {ge:g} or more",
    "int_parsing": "give a whole number",
    "int_parsing_size": "give a whole number of fewer digits",
    "less_than_equal": "give {le:g} or less",
}
"""What to do about a value that pydantic refuses, which typer asks of late."""
INTERRUPTED = 130
"""What typer returns after Ctrl-C, where it does not raise Abort."""


def _help(docstring: str) -> str:
    """Return a docstring with its lines of examples as they are: what is copied has to run."""
    text = inspect.cleandoc(docstring).replace("Examples\n--------\n", "Examples:\n\n")
    paragraphs = text.split("\n\n")
    return "\n\n".join(f"\b\n{part}" if part.startswith("  ") else part for part in paragraphs)


for _name, _module in COMMANDS.items():
    app.command(_name, cls=OnceEach, help=_help(_module.command.__doc__ or ""))(_module.command)


def _print_version(asked: bool) -> None:
    if asked:
        import likewise

        typer.echo(f"likewise {likewise.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exits with 0, 1 or 2."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        with heeded():
            code = app(given, prog_name="likewise", standalone_mode=False)
        sys.stdout.flush()  # a full disk, or a reader who has left, shows here and not at the end
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:
        code = 1
    except InputError as error:
        fail(str(error), 2)
    except (LikewiseError, OSError, MemoryError) as error:
        _end_stdout()
        fail(str(error) or type(error).__name__, 1)
    except Exception as error:
        # What click raises about options; typer carries its own copy of click, or imports it.
        if hasattr(error, "format_message"):
            fail(_in_words(error), 2)
        raise
    _end_stdout()
    if code == INTERRUPTED:
        fail("stopped by Ctrl-C before it was done", 1)
    if code:
        sys.exit(code)


def _in_words(error: Any) -> str:
    """Return what click says of options, and what it leaves out: what was given, or where to look.

    pydantic's own words are of Python, and do not tell which value they are about.
    """
    said = str(error.format_message())
    faults = getattr(error.__cause__, "errors", None)  # pydantic need not be there
    if faults is None:
        context = getattr(error, "ctx", None)
        if context is None or said.startswith("Invalid value"):
            return said
        return f"{said} (see `{context.command_path} --help`)"
    fault = faults()[0]
    option, _, why = said.partition(": ")
    if (what := OF_VALUES.get(fault["type"])) is None:
        return f"{option}: {why.removeprefix('Value error, ')}"
    return f"{option}: {fault['input']!r} given; {what.format(**fault.get('ctx', {}))}"


def _end_stdout() -> None:
    """Print what is left, or let it go, so that Python does not try again when it ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
