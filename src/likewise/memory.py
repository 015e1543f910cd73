"""Memory is stated before it is taken: what is free, and a refusal of what would not fit."""

import ctypes
import math
import os
import sys
from contextlib import suppress
from pathlib import Path

from likewise.errors import NotEnoughMemoryError

GIB = 1024**3
MIB = 1024**2
BESIDE = 144 * MIB
"""What reading tables, and writing them, takes beside them: libraries, and rows handed on."""

OF_ITSELF = "the program itself takes about 400 MiB"
"""What counts against a limit before any data is read: Python, and the libraries it loads."""

_limit: int | None = None
_limited_by = ""


def limit_memory(n_bytes: int | None, by: str = "") -> None:
    """Let this process take at most so many bytes in all; None for what the machine has.

    Refusals say what set the limit: `by`, or this function.

    Examples
    --------
    >>> limit_memory(1)
    >>> available_memory()
    0
    >>> limit_memory(None)
    """
    global _limit, _limited_by  # a limit of the process, like its memory
    _limit, _limited_by = n_bytes, by or f"limit_memory({n_bytes})"


def available_memory() -> int:
    """Return the bytes this process may still take.

    The smallest of what the machine has free, what a container's limit leaves, and what
    :func:`limit_memory` leaves, once what was freed is given back.

    Examples
    --------
    >>> available_memory() > 0
    True
    """
    if _limit is None:
        return max(0, _there_is())
    give_back()
    return max(0, min(_there_is(), _limit - _resident()))


def give_back() -> None:
    """Hand freed memory back to the system, where the C library and Arrow can.

    Examples
    --------
    >>> give_back()
    """
    if "pyarrow" in sys.modules:
        sys.modules["pyarrow"].default_memory_pool().release_unused()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)


def require_memory(needed: int, what: str, instead: str) -> None:
    """Refuse work that would not fit, before it starts.

    Parameters
    ----------
    needed : int
        Bytes the work takes at its peak.
    what : str
        The work, as it will stand in the message.
    instead : str
        What the user can do instead.

    Raises
    ------
    NotEnoughMemoryError
        If `needed` is more than :func:`available_memory`.

    Examples
    --------
    >>> require_memory(1024, "a small table", "nothing")
    >>> require_memory(1 << 60, "a table of 2**60 bytes", "ask for fewer rows")
    Traceback (most recent call last):
        ...
    likewise.errors.NotEnoughMemoryError: a table of 2**60 bytes needs 1,073,741,824.0 GiB ...
    """
    free = available_memory()
    if needed > free:
        raise NotEnoughMemoryError(
            f"{what} needs {size(needed)} and {_room(free, needed)}{instead}"
        )


def limit_for(needed: int) -> int | None:
    """Return the MiB that :func:`limit_memory` has to let this process take for so many bytes more.

    None where no limit is set, or the machine has no room for them.

    Examples
    --------
    >>> limit_for(1024) is None
    True
    """
    if _limit is None or needed > _there_is():
        return None
    return 10 * math.ceil(1.05 * (_resident() + needed) / (10 * MIB))  # no two runs hold the same


def size(n_bytes: int) -> str:
    """Return a number of bytes in words.

    Examples
    --------
    >>> size(0), size(2_000), size(5 * 10**8), size(8 * 10**9)
    ('0 MiB', '1 MiB', '477 MiB', '7.5 GiB')
    """
    mebibytes = max(round(n_bytes / MIB), min(n_bytes, 1))
    return f"{mebibytes} MiB" if mebibytes < 1024 else f"{n_bytes / GIB:,.1f} GiB"


def _room(free: int, needed: int) -> str:
    """Say what is free, and what to raise where it is a limit that was set that leaves no more."""
    held, there_is = _resident(), _there_is()
    if _limit is None or _limit - held > there_is:
        return f"{size(free)} are free; "
    leaves = f"{_limited_by} leaves {size(free)} beside the {size(held)} taken already"
    enough = limit_for(needed)
    if enough is None:  # a higher limit alone would not do
        return f"{leaves}, on a machine with {size(there_is)} free; "
    return f"{leaves} ({OF_ITSELF}); raise it to {enough} MiB or more, or "


def _there_is() -> int:
    return min([_machine_available(), *_control_group_available()])


def _machine_available() -> int:
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():  # not Linux: no portable figure, so no refusal
        return 1 << 62
    for line in meminfo.read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 1 << 62


def _resident() -> int:
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text().split()[1]) if statm.exists() else 0
    return pages * os.sysconf("SC_PAGE_SIZE") if pages else 0


def _control_group_available() -> list[int]:
    folder = Path("/sys/fs/cgroup")
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        cache = _inactive_file(folder / "memory.stat")
    except (OSError, ValueError):
        return []
    return [] if limit == "max" else [int(limit) - used + cache]


def _inactive_file(stat: Path) -> int:
    for line in stat.read_text().splitlines():
        if line.startswith("inactive_file "):
            return int(line.split()[1])
    return 0
