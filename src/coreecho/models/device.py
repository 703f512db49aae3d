"""Where to compute, as people name it."""

import platform

import torch

from coreecho.checking import as_sentence
from coreecho.errors import RecipeError
from coreecho.models.device_names import fault_of_device


def find_device(name: str) -> torch.device:
    """Turn a device's name into a device that is there.

    Args:
        name: "cpu", "gpu" (the first, of NVIDIA, AMD or Apple), "auto" (a GPU if there is one), or as PyTorch names
            them: "cuda:1", "mps".

    Raises:
        RecipeError: no such name, or this machine has no such device.
    """
    try:
        device = torch.device(_in_words_of_torch(name))
        # Naming a device does not touch it; a number on it does.
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = as_sentence((fault_of_device(name) or str(error).splitlines()[0]).rstrip("."))
        raise RecipeError(
            f"Cannot compute on the device {name!r}: {reason} Here are {', '.join(_devices_here())}."
        ) from error
    if device.type == "meta":
        raise RecipeError(f"Cannot compute on the device {name!r}. Here are {', '.join(_devices_here())}.")
    return device


def device_name(device: torch.device) -> str:
    """What a device is, for a person: `NVIDIA H100 80GB HBM3`, `CPU (x86_64)`; `auto` and `cuda:0` say little later."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    kind = "CPU" if device.type == "cpu" else f"{device.type.upper()} device"
    return f"{kind} ({platform.machine()})" if platform.machine() else kind


def _in_words_of_torch(name: str) -> str:
    if name == "auto":
        return _first_gpu() or "cpu"
    # Where there is none, PyTorch says why.
    return _first_gpu() or "cuda:0" if name == "gpu" else name


def _first_gpu() -> str | None:
    """PyTorch's name of the first GPU; None where there is none."""
    if torch.cuda.is_available():
        return "cuda:0"
    return "mps" if torch.backends.mps.is_available() else None


def _devices_here() -> list[str]:
    apple = ["mps"] if torch.backends.mps.is_available() else []
    return ["cpu", *(f"cuda:{number}" for number in range(torch.cuda.device_count())), *apple]
