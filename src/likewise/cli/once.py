"""An option that takes one value is given once."""

from typing import Any

from typer.core import TyperCommand

from likewise.errors import InputError


class OnceEach(TyperCommand):
    """A command that refuses an option given twice, of which the last would silently count."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, as any command does, after a look at how often each is given."""
        *_, given = self.make_parser(ctx).parse_args(args=list(args))
        for option in given:
            several = getattr(option, "multiple", False) or getattr(option, "is_flag", False)
            if not several and (n := given.count(option)) > 1:
                raise InputError(
                    f"{option.opts[0]} is given {n} times, and it takes one value; give it once"
                )
        return super().parse_args(ctx, args)
