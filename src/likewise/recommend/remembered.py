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
from likewise.recommend.journal import HALF_LIFE, digest_of, kept_in, require_trials, write_anew
from likewise.recommend.recency import HalfLife


def remembered(folder: Path, log: Log, choose: Callable[[Log], HalfLife]) -> HalfLife:
    """Return the half-life that was chosen when the search began; choose it if it begins now.

    Raises
    ------
    InputError
        If the folder holds something else, or the half-life of another log.
    MachineError
        If it cannot be written to.
    """
    require_folder(folder)
    path = folder / HALF_LIFE
    about = digest_of((len(log.users), len(log.items)), (log.user, log.item, log.time))
    with kept_in(folder):
        if path.exists():
            then, kept = _read(path)
            if then != about:
                raise InputError(f"{path} is of another log; name another folder for the trials")
            return kept
        chosen = choose(log)
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
        chosen = HalfLife(kept["days"], gain, trials, kept["why"])
        if chosen.days is not None:
            require_days(chosen.days)
    except (InputError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"{path} is damaged; remove it, or name another folder") from error
    return about, chosen
