"""Where to compute, and in which precision."""

import torch

from likewise.errors import InputError, NotEnoughMemoryError
from likewise.memory import size


def resolve_device(name: str) -> torch.device:
    """Return the torch device of a name; "auto" is the accelerator if there is one, else the CPU.

    Raises
    ------
    InputError
        If torch has no such device here.
    """
    accelerator = (
        torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    )
    if name == "auto":
        return accelerator or torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(
            f"device={name!r} is unknown to torch; use 'auto', 'cpu' or 'cuda'"
        ) from error
    if device.type != "cpu" and (accelerator is None or device.type != accelerator.type):
        raise InputError(f"device={name!r} was asked for and is not there; use 'auto' or 'cpu'")
    return device


def use_bfloat16(precision: str, device: torch.device) -> bool:
    """Say whether to multiply in bfloat16: if asked to, or where the hardware has units for it.

    On the CPU these are AMX and AVX512_BF16: without them a product takes three times as long as in
    float32, with them half as long or less.
    """
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))


def solver_for(name: str, needed: int, what: str) -> torch.device:
    """Return where a closed form is solved: on CUDA if it is named or "auto" finds room, or here.

    Parameters
    ----------
    name : str
        As in :func:`resolve_device`. Accelerators other than CUDA have no solver: it is the CPU.
    needed : int
        Bytes of the device's memory that solving takes.
    what : str
        The work, as it will stand in the message.

    Raises
    ------
    NotEnoughMemoryError
        If the device was named and has less memory free.
    """
    device = resolve_device(name)
    if device.type != "cuda" or (name == "auto" and needed > _free(device)):
        return torch.device("cpu")
    require_device_memory(device, needed, what, "use device='cpu'")
    return device


def require_device_memory(device: torch.device, needed: int, what: str, instead: str) -> None:
    """Refuse work that would not fit in the memory of a CUDA device, before it starts.

    Raises
    ------
    NotEnoughMemoryError
        If so; parameters are those of :func:`~likewise.memory.require_memory`.
    """
    if device.type != "cuda":
        return
    free = _free(device)
    if needed > free:
        raise NotEnoughMemoryError(
            f"{what} needs {size(needed)} on {device}, where {size(free)} are free; {instead}"
        )


def _free(device: torch.device) -> int:
    """Return the bytes of a CUDA device that are free, or kept by torch and in no use."""
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    free: int = torch.cuda.mem_get_info(device)[0]
    return free + kept
