"""What a piece of work took: wall time and the peak of the process's memory."""

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from likewise.memory import give_back

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


@dataclass
class Cost:
    """What a piece of work took; filled when it ends.

    Parameters
    ----------
    seconds : float
        Wall time.
    peak_bytes : int or None
        The most memory the process held meanwhile, everything loaded before included. None where
        the system does not tell.
    added_bytes : int or None
        How far that peak lay above what the process held at the start.
    """

    seconds: float = 0.0
    peak_bytes: int | None = None
    added_bytes: int | None = None


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure the block's wall time and peak memory (the host's, not an accelerator's).

    On Linux the kernel's high-water mark is set back first, so the peak is the block's own.
    Elsewhere the mark is that of the process's whole life: `peak_bytes` may stem from earlier work,
    and `added_bytes` is the least that the block can have added.

    Examples
    --------
    >>> with measured() as cost:
    ...     table = bytearray(50_000_000)
    >>> cost.seconds > 0
    True
    """
    gc.collect()
    give_back()  # so that taking it again counts
    cost = Cost()
    before = _restart_peak()
    start = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - start
        cost.peak_bytes = _peak()
        if cost.peak_bytes is not None and before is not None:
            cost.added_bytes = max(0, cost.peak_bytes - before)


def _restart_peak() -> int | None:
    """Set the high-water mark back; return the bytes held now, or the old mark if it stays."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:  # not Linux, or not allowed
        return _peak()
    return _status_bytes("VmRSS")


def _peak() -> int | None:
    return _status_bytes("VmHWM") or _lifetime_peak()


def _status_bytes(field: str) -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    return next(
        (int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":")), None
    )


def _lifetime_peak() -> int | None:
    if sys.platform == "win32":
        return None
    import resource  # exists on POSIX only

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
