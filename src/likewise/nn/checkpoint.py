"""Checkpoints: one safetensors file that holds a training run between two epochs."""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from scipy import sparse
from torch import Tensor, nn

from likewise.errors import InputError, MachineError


def fingerprint(settings: dict[str, Any], X: Any) -> str:
    """Return a number that says which settings and rows a run has.

    Examples
    --------
    >>> fingerprint({"seed": 0}, np.eye(2)) == fingerprint({"seed": 1}, np.eye(2))
    False
    """
    digest = hashlib.sha256(json.dumps(settings, default=str, sort_keys=True).encode())
    for array in (X.indptr, X.indices, X.data) if sparse.issparse(X) else (X,):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Saved:
    """What a checkpoint held besides the weights and the optimiser's state."""

    history: dict[str, Any]
    best: dict[str, Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """Where a training run is kept, and which run it is.

    Parameters
    ----------
    path : Path
        The file.
    fingerprint : str
        Says which data and settings the run has; a checkpoint of another run is refused.
    """

    path: Path
    fingerprint: str

    @classmethod
    def of(cls, path: Path, settings: dict[str, Any], X: Any) -> Self:
        """Return the checkpoint of a run with these settings on these rows.

        Raises
        ------
        InputError
            If its random state is none that can be restored.
        """
        state = settings["random_state"]
        if not isinstance(state, int | np.integer):
            raise InputError(
                f"checkpoint needs random_state, a whole number, to be resumed exactly; "
                f"random_state={state!r} was given"
            )
        return cls(path, fingerprint(settings, X))

    def write(
        self,
        net: nn.Module,
        optimizer: torch.optim.Optimizer,
        best: dict[str, Tensor],
        history: dict[str, Any],
    ) -> None:
        """Write the run as it stands; a crash leaves the checkpoint before or this one.

        Raises
        ------
        MachineError
            If the file cannot be written.
        """
        tensors = {f"net.{k}": v for k, v in net.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in best.items()}
        for number, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{k}": v for k, v in state.items() if v is not None}
        header = {"fingerprint": self.fingerprint, "history": json.dumps(history)}
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file(
                {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()},
                temporary,
                header,
            )
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except (OSError, SafetensorError) as error:
            with suppress(OSError):
                temporary.unlink()
            raise MachineError(
                f"the checkpoint {self.path} cannot be written: {error}; "
                "free some space, or name another place"
            ) from error

    def read(self, net: nn.Module, optimizer: torch.optim.Optimizer) -> Saved | None:
        """Restore net and optimiser from the file; None if there is none yet.

        Raises
        ------
        InputError
            If the file is damaged, or belongs to other data or settings.
        """
        if not self.path.exists():
            return None
        tensors, header = self._contents()
        if header.get("fingerprint") != self.fingerprint:
            raise InputError(
                f"the checkpoint {self.path} belongs to other data or settings; "
                "name another file, or delete this one to start anew"
            )
        try:
            net.load_state_dict(_part(tensors, "net."))
            _restore(optimizer, _part(tensors, "optimizer."))
            history = json.loads(header["history"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise InputError(
                f"the checkpoint {self.path} is damaged: delete it to start anew"
            ) from error
        return Saved(history, _part(tensors, "best."))

    def _contents(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        try:
            with safe_open(self.path, framework="pt") as file:
                return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise InputError(
                f"the checkpoint {self.path} is damaged: delete it to start anew"
            ) from error


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _restore(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, key = name.split(".", 1)
        state.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )
