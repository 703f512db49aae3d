"""Attention whose gradients do not depend on chance, so that a run that goes on ends as one that was not stopped."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.nn import functional

# PyTorch's kernel for float32 on GPUs with CUDA; what others do is exact, or has no exact form.
_SHARED_SUMS = "ScaledDotProductEfficientAttentionBackward0"


def attend(query: Tensor, key: Tensor, value: Tensor, *, dropout: float = 0.0) -> Tensor:
    """Scaled dot-product attention, softmax(Q K^T / sqrt(d)) V.

    PyTorch's kernel for float32 on GPUs with CUDA shares the sums of few clips among blocks that end in any order, and
    one seed gives two sets of weights. It has an exact form, for which only a switch of the whole process asks: that is
    thrown while these gradients are computed, and for nothing else: it refuses what has no exact form, such as the
    interpolation of outlines.

    Args:
        query: (B, heads, N, d).
        key: likewise.
        value: likewise.
        dropout: probability that a weight is left out.

    Returns:
        (B, heads, N, d).
    """
    attended = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
    step = attended.grad_fn
    if step is not None and step.name() == _SHARED_SUMS:
        exactly(step)
    return attended


def exactly(step: Node) -> None:
    """Have the gradients of one step, and of no other, computed by exact kernels where there are any.

    Args:
        step: of the graph, from the gradient of what it made to those of what it was given.
    """
    before: list[tuple[bool, bool]] = []

    def begin(_: Sequence[Tensor]) -> None:
        deterministic = torch.are_deterministic_algorithms_enabled()
        before.append((deterministic, torch.is_deterministic_algorithms_warn_only_enabled()))
        torch.use_deterministic_algorithms(True)

    def end(_: Sequence[Tensor], __: Sequence[Tensor]) -> None:
        deterministic, warns_only = before.pop()
        torch.use_deterministic_algorithms(deterministic, warn_only=warns_only)

    step.register_prehook(begin)
    step.register_hook(end)
