"""What UVT is asked to minimise: phases of frames, and EF.

Reynaud et al. 2021: the phases' loss + 5 x the mean squared error of EF / 100.
"""

import torch
from torch import Tensor
from torch.nn import functional

_EF_WEIGHT = 5.0
# Of neither, end-systole, end-diastole: nearly all frames are neither.
_CLASS_WEIGHTS = (1.0, 5.0, 5.0)


def phase_signal_loss(phases: Tensor, signal: Tensor, is_real: Tensor | None = None) -> Tensor:
    """Mean squared error of the signal, over the frames that are real.

    Args:
        phases: (B, T), predicted.
        signal: (B, T), +1 at end-diastole, -1 at end-systole.
        is_real: (B, T), Boolean; false in a black frame that fills up a clip. All count where it is None.

    Returns:
        Scalar.

    Raises:
        ValueError: shapes disagree, or no frame is real.
    """
    if phases.shape != signal.shape:
        raise ValueError(f"expected phases and signal (B, T), got {tuple(phases.shape)} and {tuple(signal.shape)}")
    return _mean_of_real((phases - signal).square(), is_real)


def phase_class_loss(logits: Tensor, classes: Tensor, is_real: Tensor | None = None) -> Tensor:
    """Cross-entropy of the phases with the weights 1, 5 and 5, over the frames that are real.

    Args:
        logits: (B, T, 3).
        classes: (B, T), 0 neither, 1 end-systole, 2 end-diastole.
        is_real: as of `phase_signal_loss`.

    Returns:
        Scalar: the mean, each frame counting as its class weighs.

    Raises:
        ValueError: shapes disagree, or no frame is real.
    """
    if logits.shape != (*classes.shape, len(_CLASS_WEIGHTS)):
        raise ValueError(
            f"expected logits (B, T, 3) and classes (B, T), got {tuple(logits.shape)} and {tuple(classes.shape)}"
        )
    weights = logits.new_tensor(_CLASS_WEIGHTS)
    losses = functional.cross_entropy(logits.flatten(0, 1), classes.flatten(), weights, reduction="none")
    shares = weights[classes]
    return _mean_of_real(losses.view_as(classes), is_real) / _mean_of_real(shares, is_real)


def uvt_loss(phase_loss: Tensor, ef_fraction: Tensor, ef_percent: Tensor) -> Tensor:
    """Add EF to the loss of the phases.

    Args:
        phase_loss: of either kind.
        ef_fraction: (B,), predicted EF / 100.
        ef_percent: (B,), 0 to 100.

    Returns:
        Scalar.
    """
    return phase_loss + _EF_WEIGHT * functional.mse_loss(ef_fraction, ef_percent.to(ef_fraction.dtype) / 100)


def _mean_of_real(values: Tensor, is_real: Tensor | None) -> Tensor:
    if is_real is None:
        return values.mean()
    if is_real.shape != values.shape or is_real.dtype != torch.bool:
        raise ValueError(f"expected is_real (B, T), Boolean, got {is_real.dtype} {tuple(is_real.shape)}")
    if not bool(is_real.any()):
        raise ValueError("no frame of the batch is real")
    return values[is_real].mean()
