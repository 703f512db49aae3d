"""Where the processes of one machine meet."""

import atexit
import os
import socket
from datetime import timedelta

import torch.distributed as dist

LOOPBACK = "127.0.0.1"
# How long a process waits for the others; decoding a data set for the first time is done before they start.
_TIMEOUT = timedelta(minutes=30)


def join_on_loopback(*, rank: int, world_size: int, port: int, backend: str) -> None:
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
