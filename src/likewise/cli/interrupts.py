"""Ctrl-C that comes where Python can only print it, and not raise it."""

import _thread
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

A_MOMENT = 0.05
"""Seconds after which it comes again: by then what swallowed it has ended."""


@contextmanager
def heeded() -> Iterator[None]:
    """Let a Ctrl-C that was swallowed come again, until it is heard.

    In a destructor, or in what a C library calls back (compiling a loop is full of both), Python
    prints an exception and goes on: the command would go on too, and end as if nothing had been.
    """
    before = sys.unraisablehook
    coming: list[threading.Timer] = []

    def again(lost: "UnraisableHookArgs") -> None:
        if lost.exc_type is not KeyboardInterrupt:
            before(lost)
            return
        timer = threading.Timer(A_MOMENT, _thread.interrupt_main)
        timer.daemon = True
        coming.append(timer)
        timer.start()

    sys.unraisablehook = again
    try:
        yield
    except Exception as error:
        if coming:  # what it cut off was left half done, and something stumbled over that
            raise KeyboardInterrupt from error
        raise
    finally:
        for timer in coming:  # none of them is to come when there is nobody left to hear it
            timer.cancel()
        sys.unraisablehook = before
