"""Where the processes of one machine meet."""

import atexit
import os
import shutil
import socket
import tempfile
from datetime import timedelta
from pathlib import Path

import torch.distributed as dist

# Names, for the processes that this one starts, the folder in which they find each other.
_MEETING = "COREECHO_MEETING"
# How long a process waits for the others; decoding a data set for the first time is done before they start.
_TIMEOUT = timedelta(minutes=30)


def choose_meeting() -> None:
    """Choose where the processes that this one will start find each other; they inherit the choice.

    A folder of this user's, and not PyTorch's meeting point in the network: that one asks the network's name server who
    127.0.0.1 is.
    """
    if _MEETING not in os.environ:
        os.environ[_MEETING] = folder = tempfile.mkdtemp(prefix="coreecho-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def join_on_loopback(*, rank: int, world_size: int, backend: str) -> None:
    """Make the group of all processes of this machine, which then talk over 127.0.0.1 alone."""
    for variable in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        if (interface := _loopback_interface()) is not None:
            os.environ.setdefault(variable, interface)
    store = dist.FileStore(str(Path(os.environ[_MEETING]) / "processes"), world_size)  # type: ignore[attr-defined]
    store.set_timeout(_TIMEOUT)
    dist.init_process_group(backend, store=store, rank=rank, world_size=world_size, timeout=_TIMEOUT)
    atexit.register(_leave)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def _loopback_interface() -> str | None:
    """Name of the interface of 127.0.0.1: `lo` on Linux, `lo0` on macOS."""
    names = [name for _, name in socket.if_nameindex()]
    return next((name for name in ("lo", "lo0") if name in names), None)
