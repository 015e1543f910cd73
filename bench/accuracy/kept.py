"""Runs kept on disk, one file each, so that a long table can be gone on with where it stopped."""

import hashlib
import json
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from likewise.evaluate.comparison import Run
from likewise.evaluate.protocol import Evaluation
from likewise.evaluate.resources import Cost


class Kept(MutableMapping[str, Run]):
    """Runs by model, in a folder of their own for what they depend on (commit, settings)."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        text = json.dumps(about, indent=1, sort_keys=True)
        self.folder = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "about.json").write_text(text + "\n")

    def __setitem__(self, model: str, run: Run) -> None:
        tensors = {
            f"{int(repeats)}/{seed}/{metric}": np.ascontiguousarray(values)
            for repeats, evaluations in run.evaluations.items()
            for seed, one in enumerate(evaluations)
            for metric, values in one.per_user.items()
        }
        rest = [
            [repeats, one.coverage, one.n_users]
            for repeats, evaluations in run.evaluations.items()
            for one in evaluations
        ]
        record = json.dumps({"cost": vars(run.cost), "evaluations": rest})
        partial = self._path(model).with_suffix(".part")
        save_file(tensors, partial, {"record": record})
        partial.replace(self._path(model))

    def __getitem__(self, model: str) -> Run:
        if model not in self:
            raise KeyError(model)
        with safe_open(self._path(model), framework="numpy") as file:
            record = json.loads(file.metadata()["record"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        evaluations: dict[bool, list[Evaluation]] = {}
        for repeats, coverage, n_users in record["evaluations"]:
            seeds = evaluations.setdefault(repeats, [])
            start = f"{int(repeats)}/{len(seeds)}/"
            values = {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
            seeds.append(Evaluation(values, coverage, n_users))
        return Run(model, evaluations, Cost(**record["cost"]))

    def __contains__(self, model: object) -> bool:
        return self._path(str(model)).exists()

    def __delitem__(self, model: str) -> None:
        self._path(model).unlink()

    def __iter__(self) -> Iterator[str]:
        return (path.stem for path in sorted(self.folder.glob("*.safetensors")))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _path(self, model: str) -> Path:
        return self.folder / f"{model}.safetensors"


def runs_of(commit: str, folder: Path, about: dict[str, Any]) -> MutableMapping[str, Run]:
    """Return the runs that are kept of a commit; none of code that is that of no commit.

    Parameters
    ----------
    commit : str
        As `records.provenance` has it: empty where it is not known, and with a + where the code
        differs from it.
    """
    if commit and not commit.endswith("+"):
        return Kept(folder, about | {"commit": commit})
    print("no run is kept, or taken: src and bench are those of no commit", file=sys.stderr)
    return {}
