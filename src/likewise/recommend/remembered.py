"""The half-life of a search that is kept in a folder: chosen once, as its trials depend on it."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from likewise.data.log import Log
from likewise.data.recency import require_days
from likewise.errors import InputError
from likewise.evaluate.significance import Difference
from likewise.recommend.climbing import Trial
from likewise.recommend.journal import (
    HALF_LIFE,
    TRIALS,
    digest_of,
    kept_in,
    require_trials,
    write_anew,
)
from likewise.recommend.recency import HalfLife


def remembered(
    folder: Path, log: Log, choose: Callable[[Log], HalfLife], of: tuple[Any, ...] = ()
) -> HalfLife:
    """Return the half-life that was chosen when the search began; choose it if it begins now.

    It depends on the log, and on what it is chosen `of`: a metric, a seed. Where time or memory was
    too short to look for one, it is looked for again.

    Raises
    ------
    InputError
        If the folder holds something else, a half-life of something else, or trials that were made
        with none for want of time or memory, and there is one now.
    MachineError
        If it cannot be written to.
    """
    require_folder(folder)
    path = folder / HALF_LIFE
    about = digest_of((len(log.users), len(log.items), *of), (log.user, log.item, log.time))
    with kept_in(folder):
        then, earlier = _read(path) if path.exists() else (about, None)
        if then != about:
            raise InputError(
                f"{path} is of another log, metric or seed; name another folder for the trials"
            )
        if earlier is not None and not earlier.unsettled:
            return earlier
        chosen = choose(log)
        if earlier is not None and chosen.days is not None and (folder / TRIALS).exists():
            raise InputError(
                f"the trials in {folder} were made with no half-life, as none could be looked for "
                f"({earlier.why}); now one of {chosen.days:g} days is ahead: name another folder, "
                "or go on without it (--half-life none, half_life=None)"
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_anew(path, json.dumps({"about": about} | asdict(chosen)))
    return chosen


def require_folder(folder: Path) -> None:
    """Refuse what no search can be gone on with from, as far as it is known without the log.

    Raises
    ------
    InputError, MachineError
        If trials cannot be kept in the folder, or the half-life there is damaged.
    """
    require_trials(folder)
    with kept_in(folder):
        if (path := folder / HALF_LIFE).exists():
            _read(path)


def _read(path: Path) -> tuple[str, HalfLife]:
    """Return which log a half-life is of, and the half-life."""
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        about = str(kept.pop("about"))
        gain = None if kept["gain"] is None else Difference(**kept["gain"])
        trials = [Trial(**trial) for trial in kept["trials"]]
        chosen = HalfLife(kept["days"], gain, trials, kept["why"], kept.get("unsettled") is True)
        if chosen.days is not None:
            require_days(chosen.days)
    except (InputError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is damaged; remove it, or name another folder") from error
    return about, chosen
