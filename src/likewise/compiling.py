"""Compiling inner loops that NumPy has no verb for; each runs without Python's lock.

The machine code is kept beside the loop's file, or in the user's cache, or where
``NUMBA_CACHE_DIR`` says, so that one process compiles for all.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(*, fastmath: bool = False) -> Callable[[F], F]:
    """Compile a function at its first call, to run without Python's lock.

    Where no folder can be written to that could keep the machine code, each process compiles.
    """

    def _compiled(function: F) -> F:
        try:
            return cast("F", njit(nogil=True, fastmath=fastmath, cache=True)(function))
        except RuntimeError:  # numba's "no locator available"
            return cast("F", njit(nogil=True, fastmath=fastmath)(function))

    return _compiled
