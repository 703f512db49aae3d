import re
from pathlib import Path

import pytest
import torch

import coreecho
from coreecho.precision import exact, widest_float


@pytest.mark.parametrize(("device", "dtype"), [("mps", torch.float32), ("cpu", torch.float64), ("cuda", torch.float64)])
def test_doubles_are_not_asked_of_a_device_without(device: str, dtype: torch.dtype) -> None:
    assert widest_float(torch.device(device)) is dtype


def test_exact_values_are_doubles_without_a_graph() -> None:
    values = exact(torch.full((2,), 0.1, requires_grad=True) * 1)
    assert (values.dtype, values.requires_grad) == (torch.float64, False)


def test_models_losses_and_maps_ask_no_device_for_doubles() -> None:
    """`x.double()` before `.cpu()`, or `to(torch.float64)`, would fail on Apple's GPUs, which no test runs on."""
    root = Path(coreecho.__file__).parent
    asks = re.compile(r"(?<!cpu\(\))\.double\(\)|\.to\([^)]*float64")
    found = {
        f"{path.relative_to(root)}:{number}"
        for room in ("models", "losses", "saliency", "inference")
        for path in (root / room).rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if asks.search(line)
    }
    assert found == set()
