"""Reading a purchase log: from files, frames and databases to checked events.

Shapes: N events, U users, I items.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import time_ns
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from likewise.data.columns import RATINGS, find_columns, normalise, require_columns
from likewise.data.engine import engine
from likewise.data.events import Events, count_baskets, fetch, summed
from likewise.data.interactions import Interactions, csr
from likewise.data.log_cache import LogCache
from likewise.data.read_report import ReadReport
from likewise.data.sources import open_source
from likewise.data.staging import stage
from likewise.data.titles import count_titles, fetch_titles, read_titles
from likewise.data.verdicts import Finding, judge
from likewise.data.vocabulary import Vocabulary, as_ids
from likewise.errors import InputError, LogError

YEAR = 365 * 24 * 3600 * 10**6
"""Microseconds in a year."""


@dataclass(frozen=True, eq=False, repr=False)
class Log:
    """Checked events in the order they were recorded in.

    Parameters
    ----------
    user, item : ndarray of shape (N,), int32
        Row numbers into `users` and `items`.
    weight : ndarray of shape (N,), float32
        How many, or how much liked; 1 where the log does not say.
    time : ndarray of shape (N,), int64, or None
        Microseconds since 1970 in UTC.
    users, items : Vocabulary
        The outer ids, sorted: integers by size, texts by code point.
    titles : ndarray of shape (I,) of str, or None
        A title for each item, empty where there is none.
    report : ReadReport
        What was read, dropped and found.

    Examples
    --------
    >>> log = Log.of(user=["ann", "bob", "ann"], item=["tea", "tea", "cup"], weight=[2, 1, 1])
    >>> log.users.decode(log.user).tolist(), log.weight.tolist()
    (['ann', 'bob', 'ann'], [2.0, 1.0, 1.0])
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    weight: NDArray[np.float32]
    time: NDArray[np.int64] | None
    users: Vocabulary
    items: Vocabulary
    titles: NDArray[Any] | None
    report: ReadReport

    @staticmethod
    def of(
        *,
        user: Sequence[Any],
        item: Sequence[Any],
        time: Sequence[Any] | None = None,
        weight: Sequence[float] | None = None,
    ) -> "Log":
        """Make a log of sequences of one length; integers in `time` are microseconds.

        Raises
        ------
        InputError
            As :func:`read_log`, for the same faults.
        """
        columns: dict[str, Any] = {"user": as_ids(list(user)), "item": as_ids(list(item))}
        if time is not None:
            moments = np.asarray(time)
            columns["time"] = moments.astype("M8[us]") if moments.dtype.kind in "iu" else moments
        if weight is not None:
            columns["weight"] = np.asarray(weight, dtype=np.float64)
        lengths = {len(values) for values in columns.values()}
        if len(lengths) > 1:
            raise LogError(f"sequences of {sorted(lengths)} events given; give one length")
        return read_log(pa.table(columns))

    def __len__(self) -> int:
        return len(self.user)

    def __repr__(self) -> str:
        return f"Log({len(self):,} events, {len(self.users):,} users, {len(self.items):,} items)"

    def where(self, keep: NDArray[np.bool_]) -> "Log":
        """Return the events that `keep` marks, of the same users and items.

        Examples
        --------
        >>> log = Log.of(user=[1, 1], item=[7, 8])
        >>> log.where(np.array([True, False]))
        Log(1 events, 1 users, 2 items)
        """
        time = None if self.time is None else self.time[keep]
        user, item, weight = self.user[keep], self.item[keep], self.weight[keep]
        return replace(self, user=user, item=item, weight=weight, time=time)

    def interactions(self) -> Interactions:
        """Return who bought what: the weights of each user and item, summed.

        Examples
        --------
        >>> Log.of(user=[1, 1], item=[7, 7], time=[0, 5]).interactions().matrix.toarray()
        array([[2.]], dtype=float32)
        """
        shape = (len(self.users), len(self.items))
        matrix = csr(self.user, self.item, self.weight, shape)
        return Interactions(matrix, self.users, self.items, self.titles)


def read_log(
    source: Any,
    *,
    user: str | None = None,
    item: str | None = None,
    time: str | None = None,
    weight: str | None = None,
    title: str | None = None,
    basket: str | None = None,
    min_weight: float | None = None,
    drop: Mapping[str, str] | None = None,
    titles: Any = None,
    query: str | None = None,
    time_format: str | None = None,
    bad_rows: str = "refuse",
    memory: int | None = None,
    threads: int | None = None,
    cache: str | Path | None = None,
) -> Log:
    """Read a purchase log.

    Parameters
    ----------
    source : path, list of paths, pattern, frame, Arrow table or database address
        CSV, TSV or JSON lines (also .gz, .zst), Parquet; a pandas or polars frame, or whatever
        streams Arrow; ``sqlite:///path/to.db`` or ``postgresql://...`` with `query`.
    user, item, time, weight, title, basket : str, optional
        The columns. None finds one by its name; an empty name takes none. A row without a user is
        kept with its basket as the user, if there is a basket column.
    min_weight : float, optional
        Leave out rows with a smaller weight, such as ratings below 4.
    drop : mapping of str to str, optional
        Reason -> SQL condition over the log's own columns; rows that meet it are left out.
    titles : path or frame, optional
        A table of items and their titles, where the log does not have them.
    query : str, optional
        SQL whose answer is the log, for a database.
    time_format : str, optional
        How times are written, as in ``strptime``; else ISO 8601 or numbers since 1970.
    bad_rows : {"refuse", "skip"}
        What to do about rows that cannot be read.
    memory : int, optional
        Bytes that reading may take before it spills to disk; half of what is free if None.
    threads : int, optional
        Threads to read with; one for each core if None.
    cache : path, optional
        A folder in which what is read of files is kept: files with the same content are read from
        there the next time, wherever they are by then.

    Returns
    -------
    Log
        Events of the same user, item and time are summed into the first.

    Raises
    ------
    LogError
        If the log cannot be read as it is; the message names the first place at fault.
    NotEnoughMemoryError, MachineError
        If memory or disk run out.
    """
    from likewise.data import loops  # noqa: F401 - loaded before what is free is shared out

    drop = dict(drop or {})
    _check_options(min_weight, bad_rows)
    named = {"user": user, "item": item, "time": time, "weight": weight, "basket": basket}
    if cache is not None:
        options = [named, title, min_weight, list(drop.items()), query, time_format, bad_rows]
        kept = LogCache(cache, source, titles, options, threads)
        if (fields := kept.load()) is not None:
            return Log(**fields)
        kept.require_place()
    with engine(memory, threads) as duck:
        relation = open_source(duck, source, query)
        present = list(relation.columns)
        named["title"] = title if titles is None else ""
        roles = find_columns(present, named)
        require_columns(roles, present, "item")
        require_columns(roles, present, "user", "basket")
        if min_weight is not None:
            require_columns(roles, present, "weight")
        of_titles = []
        if titles is not None:
            of_titles = read_titles(duck, titles, item, title, bad_rows)
        staged = stage(duck, relation, roles, time_format, drop.values())
        n_rows, findings = judge(duck, relation, staged, drop, min_weight, bad_rows)
        n_baskets = count_baskets(duck, staged)
        events = fetch(duck, staged)
        if "title" in roles:
            count_titles(duck, staged)
        is_titled = titles is not None or "title" in roles
        item_titles = fetch_titles(duck, events.items) if is_titled else None
    once = summed(events)
    first, last = _span(once)
    report = ReadReport(
        source=relation.name,
        columns=roles,
        rows_read=n_rows,
        rows_kept=len(events.user),
        dropped=_by_label(findings),
        duplicates=len(events.user) - len(once.user),
        baskets=n_baskets,
        n_users=len(once.users),
        n_items=len(once.items),
        first_time=first,
        last_time=last,
        notes=(*_notes(once, roles, min_weight), *of_titles),
    )
    log = Log(**vars(once), titles=item_titles, report=report)
    if cache is not None:
        kept.save(log)
    return log


def _check_options(min_weight: float | None, bad_rows: str) -> None:
    if bad_rows not in {"refuse", "skip"}:
        raise InputError(f"bad_rows={bad_rows!r} given; give 'refuse' or 'skip'")
    if min_weight is not None and not math.isfinite(min_weight):
        raise InputError(
            f"min_weight={min_weight} (--min-weight {min_weight}) given; give a finite number"
        )


def _by_label(findings: Sequence[Finding]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for finding in findings:
        counts[finding.label] += finding.count
    return dict(counts)


def _span(events: Events) -> tuple[str | None, str | None]:
    """Return the first and the last time, ISO 8601 in UTC."""
    if events.time is None:
        return None, None
    ends = np.array([events.time.min(), events.time.max()]).astype("M8[us]")
    first, last = np.datetime_as_string(ends, unit="s").tolist()
    return f"{first}Z", f"{last}Z"


def _notes(events: Events, roles: Mapping[str, str], min_weight: float | None) -> Iterator[str]:
    """Yield what the reader may want to change."""
    if normalise(roles.get("weight", "")) in RATINGS and min_weight is None:
        yield (
            f"column {roles['weight']!r} looks like ratings and every rating counts as liked; "
            "min_weight= (--min-weight), such as 4, keeps the high ones"
        )
    if "user" not in roles:
        yield f"there is no user column: each basket of {roles['basket']!r} counts as a user"
    if events.time is not None:
        yield from _unlikely(int(events.time.max()))


def _unlikely(last: int) -> Iterator[str]:
    """Yield a note where the last time makes it likely that times were misread."""
    if abs(last) < YEAR:
        yield (
            "all times lie in 1970: numbers count seconds since then; if they are dates such as "
            "202412, say so with time_format='%Y%m' (--time-format %Y%m)"
        )
    if last > (time_ns() // 1000) + YEAR:
        yield (
            "some times lie more than a year ahead; if that is wrong, say how times are written "
            "with time_format= (--time-format), or drop= (--drop) these rows"
        )
