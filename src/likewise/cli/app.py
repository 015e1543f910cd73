"""The commands' table, and the one place where errors become exit codes."""

import sys
from typing import Annotated

import typer

from likewise.cli import also_bought, demo, doctor, evaluate, fit, recommend, steps
from likewise.cli.output import fail
from likewise.errors import InputError, LikewiseError

app = typer.Typer(
    help="Autoencoders that turn a purchase log into recommendations, and explain themselves.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("demo")(demo.command)
app.command("fit")(fit.command)
app.command("recommend")(recommend.command)
app.command("also-bought")(also_bought.command)
app.command("evaluate")(evaluate.command)
app.command("steps")(steps.command)
app.command("doctor")(doctor.command)


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
    try:
        app(sys.argv[1:] if arguments is None else arguments, standalone_mode=False)
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        fail("stopped by Ctrl-C; nothing was written", 1)
    except BrokenPipeError:
        sys.exit(1)
    except InputError as error:
        fail(str(error), 2)
    except (LikewiseError, OSError, MemoryError) as error:
        fail(str(error) or type(error).__name__, 1)
    except Exception as error:
        # What click raises about options; typer carries its own copy of click, or imports it.
        if hasattr(error, "format_message"):
            fail(error.format_message(), 2)
        raise
