"""Memory is stated before it is taken: what is free, and a refusal of what would not fit."""

import os
from pathlib import Path

from likewise.errors import NotEnoughMemoryError

GIB = 1024**3
_limit: int | None = None


def limit_memory(n_bytes: int | None) -> None:
    """Let this process take at most so many bytes in all; None for what the machine has.

    Examples
    --------
    >>> limit_memory(1)
    >>> available_memory()
    0
    >>> limit_memory(None)
    """
    global _limit  # a limit of the process, like its memory
    _limit = n_bytes


def available_memory() -> int:
    """Return the bytes this process may still take.

    The smallest of what the machine has free, what a container's limit leaves, and what
    :func:`limit_memory` leaves.

    Examples
    --------
    >>> available_memory() > 0
    True
    """
    limits = [_machine_available(), *_control_group_available()]
    if _limit is not None:
        limits.append(_limit - _resident())
    return max(0, min(limits))


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
    likewise.errors.NotEnoughMemoryError: a table of 2**60 bytes needs 1073741824.0 GiB ...
    """
    free = available_memory()
    if needed > free:
        raise NotEnoughMemoryError(
            f"{what} needs {needed / GIB:.1f} GiB and {free / GIB:.1f} GiB are free; {instead}"
        )


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
