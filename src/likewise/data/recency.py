"""Recency: what a purchase of some time ago still says."""

import reprlib
from dataclasses import replace
from typing import Any

import numpy as np

from likewise.data.log import Log
from likewise.errors import InputError

MICROSECONDS_A_DAY = 86_400e6


def decayed(log: Log, half_life: float, until: int | None = None) -> Log:
    """Return the log with weights 2^(-age / half-life), in place of those it has.

    Parameters
    ----------
    log : Log
        With times.
    half_life : float
        In days.
    until : int, optional
        When the age is 0, in microseconds since 1970; the log's last time if None. What is later
        has the age 0 too.

    Raises
    ------
    InputError
        If the log has no times, or the half-life is no time.

    Examples
    --------
    >>> times = ["2025-01-01", "2025-01-31", "2025-03-02"]
    >>> log = Log.of(user=[1, 1, 1], item=[7, 8, 9], time=times)
    >>> decayed(log, 30).weight
    array([0.25, 0.5 , 1.  ], dtype=float32)
    """
    if log.time is None:
        raise InputError("a half-life needs times, and the log has none; name its time column")
    require_days(half_life)
    last = int(log.time.max()) if until is None else until
    weight = np.subtract(log.time, last, dtype=np.float64)  # and on in place: a log may be long
    np.minimum(weight, 0, out=weight)
    weight /= MICROSECONDS_A_DAY * float(half_life)
    np.exp2(weight, out=weight)
    np.maximum(weight, np.finfo(np.float32).tiny, out=weight)  # 0 is no purchase
    return replace(log, weight=weight.astype(np.float32))


def require_days(half_life: Any) -> None:
    """Refuse a half-life that is no time."""
    try:
        days = -1.0 if isinstance(half_life, str | bool) else float(half_life)
    except (TypeError, ValueError, OverflowError):
        days = -1.0
    if not 0 < days < np.inf:
        raise InputError(f"half_life={reprlib.repr(half_life)}; give days, more than 0")
