"""A depthwise 3-D convolution whose backward pass is fast on a CPU.

oneDNN's forward kernel for depthwise 3-D convolutions is fast when channels are innermost in memory; its two backward
kernels are about twelve times slower. Both gradients are convolutions themselves, and can use the forward kernel:

- with respect to the input: the output's gradient, convolved with the mirrored kernel;
- with respect to the weight: the input, correlated with the output's gradient, each (sample, channel) by itself. That
  is a depthwise convolution whose channels are all (sample, channel) pairs and whose kernels are the gradients.

Measured by benchmarks/encoder.py. Other devices use PyTorch's own backward.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


class DepthwiseConv3d(nn.Conv3d):
    """One odd cubic kernel per channel, padded so that the grid keeps its size."""

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)

    def _conv_forward(self, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Map (B, C, T, H, W) to the same shape."""
        if inputs.device.type != "cpu" or not torch.is_grad_enabled():
            convolved: Tensor = super()._conv_forward(inputs, weight, bias)
            return convolved
        if torch.is_autocast_enabled("cpu"):
            # Autocast does not reach into a function with its own backward; cast here, and gradients are cast back.
            dtype = torch.get_autocast_dtype("cpu")
            inputs, weight, bias = inputs.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
        apply = cast(Callable[[Tensor, Tensor, Tensor | None], Tensor], _DepthwiseConv3d.apply)
        return apply(inputs, weight, bias)


class _DepthwiseConv3d(torch.autograd.Function):
    """Depthwise convolution of (B, C, T, H, W) by (C, 1, K, K, K), whose gradients are depthwise convolutions too."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        inputs = inputs.contiguous(memory_format=torch.channels_last_3d)
        ctx.save_for_backward(inputs, weight)
        return functional.conv3d(inputs, weight, bias, padding=weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        inputs, weight = ctx.saved_tensors
        channels, padding = len(weight), weight.shape[-1] // 2
        gradient = gradient.contiguous(memory_format=torch.channels_last_3d)
        of_inputs = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_inputs = functional.conv3d(gradient, weight.flip(2, 3, 4), padding=padding, groups=channels)
        if ctx.needs_input_grad[1]:
            batch, grid = len(inputs), inputs.shape[2:]
            as_channels = inputs.reshape(1, batch * channels, *grid)
            as_kernels = gradient.reshape(batch * channels, 1, *grid)
            by_sample = functional.conv3d(
                as_channels.contiguous(memory_format=torch.channels_last_3d),
                as_kernels,
                padding=padding,
                groups=batch * channels,
            )
            of_weight = by_sample.view(batch, *weight.shape).sum(dim=0)
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum(dim=(0, 2, 3, 4))
        return of_inputs, of_weight, of_bias
