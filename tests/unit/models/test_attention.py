import pytest
import torch
from torch import Tensor

from coreecho.models.attention import attend, exactly


class _Seen(torch.autograd.Function):
    """Passes a tensor on, and keeps whether exact kernels are asked for while its gradient is computed."""

    states: list[bool]

    @staticmethod
    def forward(ctx: object, given: Tensor) -> Tensor:
        return given.clone()

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
        _Seen.states.append(torch.are_deterministic_algorithms_enabled())
        return gradient


def test_it_is_softmax_of_products_over_the_root_of_their_dimension() -> None:
    query, key, value = torch.randn(3, 2, 4, 5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = torch.softmax(query @ key.transpose(-1, -2) / 8**0.5, dim=-1) @ value
    torch.testing.assert_close(attend(query, key, value), expected)


@pytest.mark.parametrize("was_enabled", [False, True])
def test_exact_kernels_are_asked_for_there_alone(was_enabled: bool) -> None:
    _Seen.states = []
    torch.use_deterministic_algorithms(was_enabled, warn_only=True)
    try:
        weight = torch.ones(3, requires_grad=True)
        given = _Seen.apply(weight)
        made = _Seen.apply(given)
        exactly([given], made)
        _Seen.apply(made).sum().backward()
        assert _Seen.states == [was_enabled, True, was_enabled]
        assert torch.are_deterministic_algorithms_enabled() == was_enabled
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    assert weight.grad is not None
