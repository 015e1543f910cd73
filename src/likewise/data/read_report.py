"""What reading a log took, dropped and found, for people and for programs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from likewise.errors import counted


@dataclass(frozen=True)
class ReadReport:
    """What was read.

    Parameters
    ----------
    source : str
        The log, as messages name it.
    columns : mapping of str to str
        Role -> the column taken for it.
    rows_read, rows_kept : int
        Rows of the log, and those not dropped.
    dropped : mapping of str to int
        Reason -> rows dropped for it.
    duplicates : int
        Rows kept that were summed into an earlier one of the same user, item and time.
    baskets : int
        Rows without a user, kept with their basket as the user.
    n_users, n_items : int
        Different users and items.
    first_time, last_time : str or None
        The earliest and the latest event, ISO 8601 in UTC.
    notes : tuple of str
        What the reader may want to change.
    """

    source: str
    columns: Mapping[str, str]
    rows_read: int
    rows_kept: int
    dropped: Mapping[str, int]
    duplicates: int
    baskets: int
    n_users: int
    n_items: int
    first_time: str | None = None
    last_time: str | None = None
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        r"""Return the report as lines for people.

        Examples
        --------
        >>> report = ReadReport("may.csv", {"user": "who", "item": "sku"}, 1200, 1190,
        ...                     {"returns": 10}, 3, 0, 40, 25)
        >>> print(*report.lines(), sep="\n")
        read 1,200 rows of may.csv (user: who, item: sku)
        dropped 10 rows: returns
        summed 3 rows into an earlier one of the same user and item
        kept 1,187 events of 40 users and 25 items
        """
        taken = ", ".join(f"{role}: {column}" for role, column in self.columns.items())
        lines = [f"read {_rows(self.rows_read)} of {self.source} ({taken})"]
        lines += [f"dropped {_rows(count)}: {why}" for why, count in self.dropped.items()]
        if self.baskets:
            basket = self.columns["basket"]
            lines.append(f"{_rows(self.baskets)} without a user kept as baskets by {basket}")
        if self.duplicates:
            same = "user, item and time" if "time" in self.columns else "user and item"
            lines.append(f"summed {_rows(self.duplicates)} into an earlier one of the same {same}")
        return [*lines, self._kept(), *(f"note: {note}" for note in self.notes)]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON."""
        return asdict(self) | {"notes": list(self.notes)}

    def _kept(self) -> str:
        events = self.rows_kept - self.duplicates
        buyers = "user" if "user" in self.columns else "basket"
        when = f", {self.first_time} to {self.last_time}" if self.first_time else ""
        return (
            f"kept {counted(events, 'event')} of {counted(self.n_users, buyers)} and "
            f"{counted(self.n_items, 'item')}{when}"
        )


def _rows(count: int) -> str:
    return counted(count, "row")
