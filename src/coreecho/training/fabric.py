"""Devices, precision and processes, by Lightning's Fabric: what a training computes on, and how its processes meet."""

import atexit
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.utilities.rank_zero import rank_zero_only

from coreecho.errors import RecipeError
from coreecho.models.device import find_device
from coreecho.training.hardware import Hardware

LOOPBACK = "127.0.0.1"
# How long a process waits for the others; decoding a data set for the first time is done before they start.
_TIMEOUT = timedelta(minutes=30)


class LocalDDP(DDPStrategy):
    """DistributedDataParallel whose processes, where all are on this machine, meet on 127.0.0.1.

    PyTorch's own meeting point listens on every address of the machine and looks up its name, which a hospital's
    network need neither see nor answer.
    """

    def setup_environment(self) -> None:
        """Join the other processes."""
        cluster = self.cluster_environment
        is_local = self.num_nodes == 1 and isinstance(cluster, LightningEnvironment)
        if is_local and cluster is not None and not dist.is_initialized():
            _join_on_loopback(
                rank=self.local_rank,
                world_size=self.num_processes,
                port=cluster.main_port,
                backend=self._get_process_group_backend(),
            )
        super().setup_environment()


def _join_on_loopback(*, rank: int, world_size: int, port: int, backend: str) -> None:
    """Make the group of all processes of this machine; the first one listens."""
    for variable in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        if (interface := _loopback_interface()) is not None:
            os.environ.setdefault(variable, interface)
    listener = None
    if rank == 0:
        listener = socket.create_server((LOOPBACK, port)).detach()
    store = dist.TCPStore(  # type: ignore[attr-defined]
        LOOPBACK,
        port,
        world_size,
        is_master=rank == 0,
        timeout=_TIMEOUT,
        # The processes' script starts anew; the first one does not wait for them here.
        wait_for_workers=False,
        master_listen_fd=listener,
    )
    dist.init_process_group(backend, store=store, rank=rank, world_size=world_size, timeout=_TIMEOUT)
    atexit.register(_leave)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def _loopback_interface() -> str | None:
    """Name of the interface of 127.0.0.1: `lo` on Linux, `lo0` on macOS."""
    names = [name for _, name in socket.if_nameindex()]
    return next((name for name in ("lo", "lo0") if name in names), None)


def build_fabric(hardware: Hardware) -> Fabric:
    """Make what a training runs on; `launch` then starts the other processes.

    Raises:
        RecipeError: this machine has not got it.
    """
    device = find_device(hardware.device)
    is_parallel = hardware.devices * hardware.nodes > 1
    if is_parallel and device.type == "mps":
        raise RecipeError(f"`devices` is {hardware.devices}, expected 1: this machine has one GPU, {device}.")
    if is_parallel and ":" in hardware.device:
        raise RecipeError(
            f"`devices` is {hardware.devices} and `device` is {hardware.device}, which is one. Give `--device gpu`."
        )
    devices = [device.index] if device.type == "cuda" and not is_parallel else hardware.devices
    # The list of the devices that it does not use, and its tips, are no news to anyone.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    try:
        return Fabric(
            accelerator=device.type,
            devices=devices,
            num_nodes=hardware.nodes,
            strategy=LocalDDP() if is_parallel else "auto",
            precision="bf16-mixed" if hardware.precision == "bf16" else "32-true",
        )
    except (RuntimeError, ValueError) as error:
        raise RecipeError(f"Cannot train on {hardware.devices} x {hardware.device}: {error}") from error


def is_first_process() -> bool:
    """Whether this process is the only one, or the one of several that writes; known before they have met."""
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
