"""The Rank-N-Contrast loss: clips of similar ejection fraction shall lie close together in the embedding space.

For an anchor n and a positive m, the negatives are all other clips whose label lies at least as far from the anchor's
as the positive's does, S(n, m) = {l != n : |y_l - y_n| >= |y_m - y_n|}. With s(a, b) = exp(-|a - b|_2 / temperature),

    loss = 1 / (N (N - 1))  *  sum over n, m != n of  -log( s(n, m) / sum over l in S(n, m) of s(n, l) ).

The published code walks over the positives and builds a mask of all pairs for each, O(N^3). But sort an anchor's others
by label distance, and every S(n, m) is a suffix of that order: the logarithms of all its sums are one reversed
cumulative log-sum-exp. With tied label distances, all of a tie group share the suffix that starts at its first member.

The gradient needs no graph. With z_l = -|e_n - e_l| / temperature and log-sums A_m (over S(n, m)),

    d loss / d z_l  ~  sum over m with |y_m - y_n| <= |y_l - y_n| of exp(z_l - A_m)  -  1,

which is a cumulative sum in the other direction. So loss and gradient are computed together, a block of anchors at a
time; what is kept is one weight for each pair.
"""

import math
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from coreecho.precision import widest_float

# Pairs (anchor, other) of one block. 2**20 doubles are 8 MiB, about fifteen of which are alive at a time. Smaller
# blocks were slower on a CPU (more, smaller products, and more waiting of threads for each other); an accelerator
# wants more work in each kernel.
_PAIRS_PER_BLOCK_CPU = 2**18
_PAIRS_PER_BLOCK_ACCELERATOR = 2**24

# |a|^2 + |b|^2 - 2ab cancels where a and b are close. Below this fraction of |a|^2 + |b|^2, where fewer than about nine
# of the sixteen digits would be left, the difference is taken directly.
_CANCELLATION = 1e-7
_CLOSE_PAIRS_AT_ONCE = 2**14


def rank_n_contrast_loss(embeddings: Tensor, labels: Tensor, temperature: float = 1.0) -> Tensor:
    """Mean over all ordered pairs of clips of how badly the embeddings rank them by their labels.

    Implements L_RnC of Eq. (1) of Maani et al. 2024 (CoReEcho), after Zha et al. 2023 (Rank-N-Contrast). Differs:
    nothing; ties included. Time O(N^2 (log N + D)), memory O(N^2 + N D). Exact also where embeddings coincide: such
    a pair is at distance 0 and adds nothing to the gradient. Distances are computed in double precision, whatever the
    input and whether or not autocast is on; in single precision on Apple's GPUs, which have no other.

    Args:
        embeddings: (N, D), any floating dtype; the clips of all views (and of all processes) together.
        labels: (N,), real numbers such as `ef_percent`; two clips of one video carry the same label.
        temperature: divides the distances; 1.0 in the paper. In the units of the embeddings.

    Returns:
        Scalar, float32 (float64 for float64 embeddings), differentiable once with respect to the embeddings.

    Raises:
        TypeError: embeddings or labels are no tensors.
        ValueError: shapes disagree, N < 2, embeddings are not floating point, a label is not finite, or the
            temperature is not a positive number.

    Example:
        >>> loss = rank_n_contrast_loss(torch.randn(32, 512), torch.rand(16).repeat(2) * 100)
    """
    _check_arguments(embeddings, labels, temperature)
    apply = cast(Callable[[Tensor, Tensor, float], Tensor], _RankNContrast.apply)
    return apply(embeddings, labels, float(temperature))


class RankNContrastLoss(nn.Module):
    """`rank_n_contrast_loss` as a module, for those who keep their losses as such.

    Args:
        temperature: divides the distances; 1.0 in the paper. In the units of the embeddings.

    Raises:
        ValueError: the temperature is not a positive number.

    Example:
        >>> criterion = RankNContrastLoss(temperature=1.0)
        >>> loss = criterion(torch.randn(32, 512), torch.rand(16).repeat(2) * 100)
    """

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        _check_temperature(temperature)
        self.temperature = float(temperature)

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Compare embeddings (N, D) by their labels (N,); a scalar."""
        return rank_n_contrast_loss(embeddings, labels, self.temperature)

    def extra_repr(self) -> str:
        """What is shown between the brackets."""
        return f"temperature={self.temperature:g}"


def _check_temperature(temperature: float) -> None:
    if not 0 < temperature < math.inf:
        raise ValueError(f"rank_n_contrast_loss expects a finite temperature > 0, got {temperature}")


def _check_arguments(embeddings: Tensor, labels: Tensor, temperature: float) -> None:
    """Refuse what would otherwise give a wrong number in silence, or fail without saying where."""
    for name, given, shape in (("embeddings", embeddings, "(N, D)"), ("labels", labels, "(N,)")):
        if not isinstance(given, Tensor):
            raise TypeError(
                f"rank_n_contrast_loss expected a torch.Tensor {shape} for {name}, got {type(given).__name__}; "
                f"convert it by torch.as_tensor({name})"
            )
    if embeddings.ndim != 2 or labels.ndim != 1 or len(embeddings) != len(labels):
        raise ValueError(
            f"rank_n_contrast_loss expects embeddings (N, D) and labels (N,), "
            f"got {tuple(embeddings.shape)} and {tuple(labels.shape)}"
        )
    if len(embeddings) < 2:
        raise ValueError(f"rank_n_contrast_loss compares pairs and needs N >= 2 embeddings, got N = {len(embeddings)}")
    if not embeddings.is_floating_point():
        raise ValueError(f"rank_n_contrast_loss expects floating-point embeddings, got {embeddings.dtype}")
    _check_temperature(temperature)
    if not bool(torch.isfinite(labels).all()):
        bad = (~torch.isfinite(labels)).nonzero().flatten().tolist()
        raise ValueError(
            f"rank_n_contrast_loss expects finite labels, got {labels[bad[0]].item()} at position {bad[0]}"
        )


class _RankNContrast(torch.autograd.Function):
    """Loss and gradient in one pass: the forward keeps an (N, D) gradient and the backward scales it."""

    @staticmethod
    def forward(ctx: Any, embeddings: Tensor, labels: Tensor, temperature: float) -> Tensor:
        with torch.no_grad(), torch.autocast(embeddings.device.type, enabled=False):
            loss, gradient = _loss_and_gradient(embeddings, labels, temperature, ctx.needs_input_grad[0])
        if gradient is not None:
            ctx.save_for_backward(gradient)
        is_double = embeddings.dtype == torch.float64
        return loss if is_double else loss.float()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient_of_loss: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return (gradient * gradient_of_loss).to(gradient.dtype), None, None


def _loss_and_gradient(
    embeddings: Tensor, labels: Tensor, temperature: float, needs_gradient: bool
) -> tuple[Tensor, Tensor | None]:
    """Sum the blocks of anchors.

    The clips are put in the order of their labels first. An anchor's label distances then fall and rise once along its
    row, and the sort of such a row is a merge of two runs: four times faster on the CPU than the sort of a random one.
    """
    widest = widest_float(embeddings.device)
    num_clips = len(embeddings)
    sorted_labels, by_label = labels.detach().to(embeddings.device, widest).sort(stable=True)
    # Distances do not change when the centre moves to 0, and cancel less there.
    points = embeddings.detach().to(widest)[by_label]
    points = points - points.mean(dim=0)

    # Cancellation is behind us: for embeddings in single precision, that is enough from here on.
    sufficient = widest if embeddings.dtype == torch.float64 else torch.float32
    logits = _distances(points).to(sufficient).div_(-temperature)

    total = points.new_zeros(())
    for anchors in _blocks(points):
        label_distances = (sorted_labels - sorted_labels[anchors, None]).abs()
        # Smaller than any distance: the anchor itself comes first in its own order, and is left out there.
        label_distances[:, anchors].fill_diagonal_(-1)
        block_sum, slope = _rank_block(logits[anchors], label_distances)
        total += block_sum
        if needs_gradient:
            # d|a - b| / da = (a - b) / |a - b|, and 0 where a and b coincide. The logits of these anchors are not
            # needed any more, and give their place to the weights of the pairs.
            logits[anchors] = torch.where(logits[anchors] < 0, slope / logits[anchors], 0)

    num_pairs = num_clips * (num_clips - 1)
    if not needs_gradient:
        return total / num_pairs, None
    # Each distance counts twice, once from either end, and pulls at both.
    weights = (logits + logits.T).to(widest)
    pull = weights.sum(dim=1, keepdim=True) * points - weights @ points
    gradient = torch.empty_like(pull)
    gradient[by_label] = pull / (temperature**2 * num_pairs)
    return total / num_pairs, gradient.to(embeddings.dtype)


def _blocks(points: Tensor) -> list[slice]:
    """The anchors that are worked on at a time."""
    pairs = _PAIRS_PER_BLOCK_CPU if points.device.type == "cpu" else _PAIRS_PER_BLOCK_ACCELERATOR
    size = max(1, pairs // len(points))
    return [slice(start, min(start + size, len(points))) for start in range(0, len(points), size)]


def _distances(points: Tensor) -> Tensor:
    """Euclidean distances of all points, (N, N), exact to rounding also for points that nearly coincide.

    A matrix product is ten times faster than taking all differences, which is done only for the pairs that need it.
    Of two mirrored blocks one is computed.
    """
    norms = points.square().sum(dim=1)
    distances = points.new_empty((len(points), len(points)))
    for anchors in _blocks(points):
        mine, others = points[anchors], points[anchors.start :]
        scale = norms[anchors, None] + norms[anchors.start :]
        squares = torch.addmm(scale, mine, others.T, alpha=-2)
        rows, columns = (squares < _CANCELLATION * scale).nonzero(as_tuple=True)
        close = zip(torch.split(rows, _CLOSE_PAIRS_AT_ONCE), torch.split(columns, _CLOSE_PAIRS_AT_ONCE), strict=True)
        for row, column in close:
            squares[row, column] = (mine[row] - others[column]).square().sum(dim=1)
        distances[anchors, anchors.start :] = squares.clamp_(min=0).sqrt_()
        distances[anchors.stop :, anchors] = distances[anchors, anchors.stop :].T
    return distances


def _rank_block(logits: Tensor, label_distances: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of the pair losses of a block of A anchors, and its derivative with respect to the logits.

    Args:
        logits: (A, N), -distance / temperature; the entry of the anchor itself is ignored.
        label_distances: (A, N), negative for the anchor itself.

    Returns:
        The sum over all pairs, a scalar; the derivative (A, N), zero for the anchor itself.
    """
    ordered_distances, order = label_distances.sort(dim=1, stable=True)
    ordered_distances, order = ordered_distances[:, 1:], order[:, 1:]
    z = logits.gather(1, order)

    # Where the tie group of each entry starts and ends.
    position = torch.arange(z.shape[1], device=z.device).expand_as(z)
    steps = ordered_distances[:, 1:] != ordered_distances[:, :-1]
    edge = steps.new_ones((len(steps), 1))
    first = torch.where(torch.cat([edge, steps], dim=1), position, 0).cummax(dim=1).values
    ends = torch.where(torch.cat([steps, edge], dim=1), position, z.shape[1])
    last = ends.flip(1).cummin(dim=1).values.flip(1)

    nearest = z.amax(dim=1, keepdim=True)
    # Relative to the nearest, exp of all others neither vanishes nor, inverted and summed, overflows.
    if bool((z > nearest - 0.8 * math.log(torch.finfo(z.dtype).max)).all()):
        similarities = torch.exp(z - nearest)
        sums = similarities.flip(1).cumsum(dim=1).flip(1).gather(1, first)
        pair_losses = sums.log() + nearest - z
        slope = similarities * sums.reciprocal().cumsum(dim=1).gather(1, last) - 1
    else:
        # The same in logarithms, for any range, at twice the time.
        log_sums = z.flip(1).logcumsumexp(dim=1).flip(1).gather(1, first)
        pair_losses = log_sums - z
        slope = torch.exp(z + (-log_sums).logcumsumexp(dim=1).gather(1, last)) - 1
    return pair_losses.sum(), torch.zeros_like(logits).scatter_(1, order, slope)
