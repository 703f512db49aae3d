from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from coreecho.models import attention, uniformer, uvt
from coreecho.models.attention import attend

# What the CPU computes attention by; another kernel stands there on a GPU.
ON_CPU = "ScaledDotProductFlashAttentionForCpuBackward0"


class _Watched(TorchDispatchMode):
    """Keeps by the name of each kernel that runs whether exact ones are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, set[bool]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.asked.setdefault(func.__name__, set()).add(torch.are_deterministic_algorithms_enabled())
        return func(*args, **(kwargs or {}))


def test_it_is_softmax_of_products_over_the_root_of_their_dimension() -> None:
    query, key, value = torch.randn(3, 2, 4, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.softmax(query @ key.transpose(-1, -2) / 8**0.5, dim=-1) @ value
    torch.testing.assert_close(attend(query, key, value), expected)


@pytest.mark.parametrize("was_enabled", [False, True])
@pytest.mark.parametrize(
    "network", [uniformer.Attention(8, 2, 0.0), uvt.Attention(8, 2, 0.0)], ids=["uniformer", "uvt"]
)
def test_exact_kernels_are_asked_for_there_alone(
    network: nn.Module, was_enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "_SHARED_SUMS", ON_CPU)
    torch.use_deterministic_algorithms(was_enabled, warn_only=True)
    try:
        made = network(torch.ones(1, 3, 8, requires_grad=True)).sum()
        with _Watched() as watched:
            made.backward()
        assert watched.asked.pop("_scaled_dot_product_flash_attention_for_cpu_backward.default") == {True}
        # Of UVT's query, key and value the last is gone further back from before the first is reached.
        assert watched.asked["mm.default"] == {was_enabled}
        assert torch.are_deterministic_algorithms_enabled() == was_enabled
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def test_other_kernels_are_left_alone() -> None:
    query, key, value = torch.ones(3, 1, 2, 4, 8, requires_grad=True).unbind()
    with _Watched() as watched:
        attend(query, key, value).sum().backward()
    assert set().union(*watched.asked.values()) == {False}
