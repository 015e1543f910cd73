"""The journal of a search: every trial, kept in a folder so that a search can be gone on with."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from likewise.artifact.swap import require_room
from likewise.autoencoders.base import RUN_OPTIONS, Autoencoder
from likewise.data.fold import FoldIn
from likewise.data.interactions import Interactions
from likewise.errors import InputError, MachineError
from likewise.recommend.climbing import Trial
from likewise.recommend.selection import Score

TRIALS = "trials.jsonl"
HALF_LIFE = "half-life.json"
HALF_TRAINED = ".checkpoint"
"""How the names of files end that half-trained models are kept in, beside the trials."""
TRIAL = {"model", "parameters", "score"}
"""What a line has to tell of a trial."""


@dataclass
class Journal:
    """Trials by model; in a folder, one JSON line each, below a line on what they depend on.

    Parameters
    ----------
    folder : Path, optional
        Made if it is not there; refused if it holds something else than trials.
    about : str
        What the trials depend on, see `fingerprint`.
    on_trial : callable, optional
        Told of every trial that is added: the model's name and the trial.
    """

    folder: Path | None
    about: str
    on_trial: Callable[[str, Trial], None] | None = None
    trials: list[tuple[str, Trial]] = field(default_factory=list)
    _known: dict[tuple[str, str, str], Trial] = field(default_factory=dict)
    _seconds: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.folder is None:
            return
        require_trials(self.folder)
        with kept_in(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / TRIALS
            text = _text(path)
            lines = text.splitlines() or [json.dumps({"about": self.about})]
            first, *records = _records(lines, path)
            if first["about"] != self.about:
                raise InputError(
                    f"{path}: these are no trials of this log with these options; "
                    "name another folder"
                )
            whole = "".join(f"{line}\n" for line in lines[: 1 + len(records)])
            if whole != text:  # else the next trial would be added to a line that was cut off
                write_anew(path, whole)
        for record in records:
            trial = _as_trial(record)
            self._known[record["model"], record.get("beside", ""), _key(trial.parameters)] = trial

    def remembered(self, model: str, score: Score, beside: str = "") -> Score:
        """Return `score` with every answer written down, and none computed that is known.

        `beside` tells apart what a setting was judged together with.
        """

        def known_or_new(parameters: dict[str, Any]) -> float:
            began, key = time.monotonic(), (model, beside, _key(parameters))
            if key not in self._known:
                value = score(parameters)
                self.add(model, Trial(dict(parameters), value, time.monotonic() - began), beside)
            else:
                known = self._known[key]
                self._tell(model, Trial(dict(parameters), known.score, 0.0), known.seconds)
            return self._known[key].score

        return known_or_new

    def add(self, model: str, trial: Trial, beside: str = "") -> None:
        """Write a trial down, unless it stands there: what was learned further may be no better."""
        key = model, beside, _key(trial.parameters)
        anew = key not in self._known or self._known[key].score != trial.score
        self._known[key] = trial
        if self.folder is not None and anew:
            record = as_record(model, trial) | ({"beside": beside} if beside else {})
            with (self.folder / TRIALS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        self._tell(model, trial, trial.seconds)

    def lasted(self, model: str, parameters: dict[str, Any], beside: str = "") -> float | None:
        """Return the seconds a trial took when it was made; None if it would have to be made."""
        known = self._known.get((model, beside, _key(parameters)))
        return None if known is None else known.seconds

    def times(self, *models: str) -> list[float]:
        """Return the seconds that the trials of this search, of these models, took when made."""
        return [seconds for name, seconds in self._seconds if not models or name in models]

    def _tell(self, model: str, trial: Trial, seconds: float) -> None:
        self.trials.append((model, trial))
        self._seconds.append((model, seconds))
        if self.on_trial is not None:
            self.on_trial(model, trial)


def require_trials(folder: Path) -> None:
    """Refuse what trials cannot be kept in, as far as it is known without the log.

    That is a file, a folder that holds something else or a journal that is none, and a folder that
    nothing can be written to. Hidden files are let be.

    Raises
    ------
    InputError, MachineError
        If it is one of these.
    """
    with kept_in(folder):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not there.is_dir():
            raise InputError(f"{there} is a file; name a folder for the trials, a new one say")
        require_room(there, f"the trials in {folder}")
        held = sorted(folder.iterdir()) if there == folder else []
        if others := [path.name for path in held if not _kept(path.name)]:
            raise InputError(
                f"{folder} holds {others[0]}, which is no trial of a search; name another folder "
                "for the trials, a new one say"
            )
        _records(_text(folder / TRIALS).splitlines(), folder / TRIALS)


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Say of what the machine refuses which folder it is about."""
    try:
        yield
    except MachineError:
        raise
    except OSError as error:
        raise MachineError(f"the trials cannot be kept in {folder}: {error}") from error


def as_record(model: str, trial: Trial) -> dict[str, Any]:
    """Return a trial as JSON has it; null for the score of a setting that could not be fitted."""
    score = trial.score if math.isfinite(trial.score) else None
    return {"model": model, "parameters": trial.parameters, "score": score,
            "seconds": round(trial.seconds, 3)}  # fmt: skip


def learned_settings(model: Autoencoder) -> dict[str, Any]:
    """Return the parameters that decide what is learned, as JSON has them."""
    settings = {k: v for k, v in model.get_params().items() if k not in RUN_OPTIONS}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in settings.items()}


def fingerprint(train: Interactions, judged: FoldIn, *more: Any) -> str:
    """Return a digest of the purchases, of what is to be found, and of what else a score is of."""
    matrices = (train.matrix, judged.given, judged.held_out)
    arrays = [array for m in matrices for array in (m.indptr, m.indices, m.data)]
    return digest_of((train.matrix.shape, *more), arrays)


def digest_of(said: Any, arrays: Iterable[Any]) -> str:
    """Return a digest of what is said of arrays, and of what they hold."""
    digest = hashlib.sha256(repr(said).encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def write_anew(path: Path, text: str) -> None:
    """Write a file of the folder anew, as a whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _kept(name: str) -> bool:
    return (
        name.removesuffix(".new") in {TRIALS, HALF_LIFE}
        or name.endswith(HALF_TRAINED)
        or name[0] == "."
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _records(lines: list[str], path: Path) -> list[dict[str, Any]]:
    """Return a journal's lines; a last one that was cut off is left out."""
    records = []
    for number, line in enumerate(lines):
        try:
            record = json.loads(line)
            ok = {"about"} == set(record) if number == 0 else set(record) >= TRIAL
            ok = ok and isinstance(record, dict) and isinstance(record.get("beside", ""), str)
        except (ValueError, TypeError):
            ok = False
        if not ok and number == len(lines) - 1 and number:
            break
        if not ok:
            raise InputError(
                f"{path} line {number + 1}: these are no trials of a search; name another folder"
            )
        records.append(record)
    return records


def _key(parameters: dict[str, Any]) -> str:
    return json.dumps(parameters, sort_keys=True)


def _as_trial(record: dict[str, Any]) -> Trial:
    score = -math.inf if record["score"] is None else float(record["score"])
    return Trial(record["parameters"], score, float(record.get("seconds", 0.0)))
