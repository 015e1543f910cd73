"""The command line: each command is one library call plus printing.

Results go to stdout, progress and notes to stderr. Exit codes: 0 done, 1 the machine failed, 2 what
was given cannot be used.
"""

from likewise.cli.app import main

__all__ = ["main"]
