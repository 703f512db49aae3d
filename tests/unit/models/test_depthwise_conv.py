import pytest
import torch
from torch import nn

from coreecho.models.depthwise_conv import DepthwiseConv3d


def plain(layer: DepthwiseConv3d) -> nn.Conv3d:
    """PyTorch's own layer with the same weights."""
    size = layer.kernel_size[0]
    twin = nn.Conv3d(layer.in_channels, layer.in_channels, size, padding=size // 2, groups=layer.in_channels)
    twin.load_state_dict(layer.state_dict())
    return twin.to(layer.weight.dtype)


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("shape", [(2, 6, 4, 7, 5), (1, 8, 1, 1, 1), (3, 4, 2, 9, 9), (5, 16, 18, 3, 3)])
def test_output_and_gradients_are_those_of_pytorch(kernel_size: int, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer = DepthwiseConv3d(shape[1], kernel_size).double()
    twin = plain(layer)
    inputs = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(shape, dtype=torch.float64)
    found = torch.autograd.grad(layer(inputs), (inputs, *layer.parameters()), upstream)
    expected = torch.autograd.grad(twin(inputs), (inputs, *twin.parameters()), upstream)
    torch.testing.assert_close(layer(inputs), twin(inputs))
    torch.testing.assert_close(found, expected)


def test_only_the_gradients_asked_for_are_made() -> None:
    layer = DepthwiseConv3d(4, 3)
    layer.requires_grad_(False)
    inputs = torch.randn(2, 4, 3, 5, 5, requires_grad=True)
    layer(inputs).sum().backward()
    assert inputs.grad is not None
    assert layer.weight.grad is None


def test_same_gradient_bits_every_time() -> None:
    layer = DepthwiseConv3d(8, 5)
    inputs = torch.randn(4, 8, 4, 14, 14)

    def gradient() -> torch.Tensor:
        (of_weight,) = torch.autograd.grad(layer(inputs).square().sum(), layer.weight)
        return of_weight

    assert torch.equal(gradient(), gradient())


def test_autocast_trains_too() -> None:
    torch.manual_seed(0)
    layer = DepthwiseConv3d(4, 3)
    twin = plain(layer)
    inputs = torch.randn(2, 4, 3, 5, 5, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, expected = layer(inputs), twin(inputs)
    assert output.dtype == torch.bfloat16
    found = torch.autograd.grad(output.float().square().sum(), (inputs, *layer.parameters()))
    wanted = torch.autograd.grad(expected.float().square().sum(), (inputs, *twin.parameters()))
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.dtype == torch.float32
        # bfloat16 has eight bits: a hundredth of the largest entry.
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0.01 * float(theirs.abs().max()))


def test_names_are_those_of_a_convolution() -> None:
    state = DepthwiseConv3d(6, 5).state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == {"weight": (6, 1, 5, 5, 5), "bias": (6,)}
