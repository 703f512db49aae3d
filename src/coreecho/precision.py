"""Double precision where a device has it. Apple's GPUs have none: PyTorch refuses to make a double on `mps`."""

import torch
from torch import Tensor


def widest_float(device: torch.device) -> torch.dtype:
    """The most exact floating-point type that a device computes in."""
    return torch.float32 if device.type == "mps" else torch.float64


def exact(values: Tensor) -> Tensor:
    """Values as doubles on the CPU, from any device: sums and means of results are taken there."""
    return values.detach().cpu().double()
