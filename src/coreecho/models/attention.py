"""Attention whose gradients do not depend on chance, so that a run that goes on ends as one that was not stopped."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import register_multi_grad_hook
from torch.nn import functional


def attend(query: Tensor, key: Tensor, value: Tensor, *, dropout: float = 0.0) -> Tensor:
    """Scaled dot-product attention, softmax(Q K^T / sqrt(d)) V.

    PyTorch's kernel for float32 on GPUs with CUDA shares the sums of few clips among blocks that end in any order, and
    one seed gives two sets of weights. It has an exact form, for which only a switch of the whole process asks: that is
    thrown while these gradients are computed. A switch for the whole training would refuse what has no exact form, such
    as the interpolation of outlines.

    Args:
        query: (B, heads, N, d).
        key: likewise.
        value: likewise.
        dropout: probability that a weight is left out.

    Returns:
        (B, heads, N, d).
    """
    attended = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
    given = [tensor for tensor in (query, key, value) if tensor.requires_grad]
    if attended.requires_grad and attended.is_cuda and attended.dtype == torch.float32:
        exactly(given, attended)
    return attended


def exactly(given: Sequence[Tensor], made: Tensor) -> None:
    """Have the gradients of `given` computed from that of `made` by exact kernels where there are any.

    Args:
        given: what `made` was computed from, in one step.
        made: whose gradient comes first.
    """
    before: list[tuple[bool, bool]] = []

    def begin(_: Tensor) -> None:
        deterministic = torch.are_deterministic_algorithms_enabled()
        before.append((deterministic, torch.is_deterministic_algorithms_warn_only_enabled()))
        torch.use_deterministic_algorithms(True)

    def end(_: Sequence[Tensor | None]) -> None:
        deterministic, warns_only = before.pop()
        torch.use_deterministic_algorithms(deterministic, warn_only=warns_only)

    register_multi_grad_hook([made], begin, mode="any")
    register_multi_grad_hook(given, end, mode="all")
