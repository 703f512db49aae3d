import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from coreecho.errors import RecipeError
from coreecho.models.device import find_device
from coreecho.training.fabric import build_fabric, own_randomness, seed_generators
from coreecho.training.run_folder import Hardware


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads the system's table of sockets")
def test_processes_of_one_machine_listen_on_127_0_0_1_alone() -> None:
    program = """
        import os, socket
        from pathlib import Path
        import torch
        from coreecho.training.loopback import choose_meeting, join_on_loopback

        def no_names(*arguments, **settings):
            raise AssertionError(f"a name was looked up: {arguments}")

        socket.getaddrinfo = socket.gethostbyname = socket.getfqdn = no_names
        # Asks the name server who 127.0.0.1 is.
        torch.distributed.TCPStore = no_names
        choose_meeting()
        join_on_loopback(rank=0, world_size=1, backend="gloo")
        own = {os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.exists() or link.is_symlink()}
        for table in ("tcp", "tcp6"):
            for line in Path("/proc/self/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in own:
                    print(fields[1].split(":")[0])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    addresses = done.stdout.split()
    assert addresses
    assert set(addresses) == {"0100007F"}


def test_training_computes_where_prediction_does() -> None:
    assert build_fabric(Hardware(device="auto")).device == find_device("auto")
    assert build_fabric(Hardware(device="cpu")).device == torch.device("cpu")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "cuda:99"}, "Cannot compute on the device 'cuda:99'"),
        ({"precision": "fp16"}, "precision is 'fp16', expected fp32, bf16"),
        ({"devices": 1.5}, "devices is 1.5, expected a whole number"),
        ({"devices": True}, "devices is True, expected a whole number"),
        ({"workers": -1}, "workers is -1, expected at least 0"),
    ],
)
def test_hardware_in_unknown_words_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build_fabric(Hardware(**settings))  # type: ignore[arg-type]


def test_the_callers_generators_come_back_as_they_were() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with own_randomness(torch.device("cpu")):
        seed_generators(99, torch.device("cpu"))
        inside = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    # As `torch.manual_seed` has it, on which stored results rest.
    torch.manual_seed(99)
    assert torch.equal(torch.rand(3), inside)
