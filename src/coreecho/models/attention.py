"""Attention whose gradients do not depend on chance, so that a run that goes on ends as one that was not stopped."""

import torch
from torch import Tensor
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
    if query.is_cuda and query.dtype == torch.float32 and attended.requires_grad and query.requires_grad:
        exactly(query, attended)
    return attended


def exactly(given: Tensor, made: Tensor) -> None:
    """Have the gradient of `given` computed from that of `made` by exact kernels where there are any.

    Args:
        given: what `made` was computed from, in one step.
        made: whose gradient comes first.
    """
    before: list[tuple[bool, bool, bool]] = []

    def begin(_: Tensor) -> None:
        filling = torch.utils.deterministic
        before.append(
            (
                torch.are_deterministic_algorithms_enabled(),
                torch.is_deterministic_algorithms_warn_only_enabled(),
                filling.fill_uninitialized_memory,
            )
        )
        torch.use_deterministic_algorithms(True)
        # Else all memory is filled that is asked for meanwhile.
        filling.fill_uninitialized_memory = False

    def end(_: Tensor) -> None:
        is_enabled, warns_only, fills = before.pop()
        torch.use_deterministic_algorithms(is_enabled, warn_only=warns_only)
        torch.utils.deterministic.fill_uninitialized_memory = fills

    made.register_hook(begin)
    given.register_hook(end)
