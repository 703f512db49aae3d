"""Devices, precision and processes, by Lightning's Fabric: what a training computes on.

Fabric takes PyTorch's compiler and its sharded trainings along, which take longer to import than all the rest: it is
imported by a training alone, and a command that predicts or draws from a run does not wait for it.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from coreecho.errors import RecipeError
from coreecho.models.device import find_device
from coreecho.training.hardware import Hardware

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def build_fabric(hardware: Hardware) -> "Fabric":
    """Make what a training runs on; `launch` then starts the other processes.

    Raises:
        RecipeError: this machine has not got it.
    """
    from lightning_fabric import Fabric

    from coreecho.training.local_ddp import LocalDDP
    from coreecho.training.loopback import choose_meeting

    device = find_device(hardware.device)
    is_parallel = hardware.devices * hardware.nodes > 1
    if is_parallel and device.type == "mps":
        raise RecipeError(f"`devices` is {hardware.devices}, expected 1: this machine has one GPU, {device}.")
    if is_parallel and ":" in hardware.device:
        raise RecipeError(
            f"`devices` is {hardware.devices} and `device` is {hardware.device}, which is one. Give `--device gpu`."
        )
    if is_parallel and hardware.nodes == 1:
        choose_meeting()
    devices = [device.index] if device.type == "cuda" and not is_parallel else hardware.devices
    # The list of the devices that it does not use, and its tips, are no news to anyone.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    try:
        return Fabric(
            accelerator=device.type,
            devices=devices,
            num_nodes=hardware.nodes,
            strategy=LocalDDP() if is_parallel else "auto",
            precision="bf16-mixed" if hardware.is_mixed else "32-true",
        )
    except (RuntimeError, ValueError) as error:
        raise RecipeError(f"Cannot train on {hardware.devices} x {hardware.device}: {error}") from error


def is_first_process() -> bool:
    """Whether this process is the only one, or the one of several that writes; known before they have met."""
    from lightning_fabric.utilities.rank_zero import rank_zero_only

    return int(getattr(rank_zero_only, "rank", 0)) == 0


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Give PyTorch's generators back as they were: they are those of the program that called, too."""
    devices = [device.index or 0] if device.type == "cuda" else []
    apple = torch.mps.get_rng_state() if device.type == "mps" else None
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            if apple is not None:
                torch.mps.set_rng_state(apple)


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed the generators that dropout on this device draws from, and no other device's."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    if device.type == "mps":
        torch.mps.manual_seed(seed)
