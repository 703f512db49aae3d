"""What networks that outline the left ventricle are asked to minimise."""

from torch import Tensor
from torch.nn import functional

# Counts of pixels that keep an empty mask's Dice from being 0 / 0.
_SMOOTHING = 1.0


def traced_frames_loss(ed_logits: Tensor, es_logits: Tensor, ed_masks: Tensor, es_masks: Tensor) -> Tensor:
    """Binary cross-entropy of the two traced frames of each video, summed over pixels and batch.

    (sum over ED of BCE + sum over ES of BCE) / 2, as Ouyang et al. 2020 (EchoNet-Dynamic) train DeepLabV3. Its size
    grows with the batch and the frames: their learning rate, 1e-5, is for sums.

    Args:
        ed_logits: (B, H, W) or (B, 1, H, W), of the end-diastolic frames.
        es_logits: the same of the end-systolic ones.
        ed_masks: of the same shape, 0 or 1.
        es_masks: of the same shape, 0 or 1.

    Returns:
        Scalar.

    Raises:
        ValueError: shapes disagree.
    """
    for logits, masks in ((ed_logits, ed_masks), (es_logits, es_masks)):
        _check_alike(logits, masks, "traced_frames_loss")
    ed_loss, es_loss = (
        functional.binary_cross_entropy_with_logits(logits, masks.to(logits.dtype), reduction="sum")
        for logits, masks in ((ed_logits, ed_masks), (es_logits, es_masks))
    )
    return (ed_loss + es_loss) / 2


def overlap_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Mean binary cross-entropy, plus 1 - Dice of each channel of each frame.

    Ours, for `LVUNet`: the cross-entropy settles the many pixels of the background, the soft Dice the few of a small
    ventricle. Dice = (2 sum p m + 1) / (sum p + sum m + 1), so that an empty mask wants an empty answer.

    Args:
        logits: (B, C, H, W).
        masks: (B, C, H, W), 0 or 1.

    Returns:
        Scalar.

    Raises:
        ValueError: shapes disagree.
    """
    _check_alike(logits, masks, "overlap_loss")
    masks = masks.to(logits.dtype)
    shares = logits.sigmoid()
    common = (shares * masks).sum(dim=(-2, -1))
    sizes = shares.sum(dim=(-2, -1)) + masks.sum(dim=(-2, -1))
    dice = (2 * common + _SMOOTHING) / (sizes + _SMOOTHING)
    return functional.binary_cross_entropy_with_logits(logits, masks) + (1 - dice).mean()


def _check_alike(logits: Tensor, masks: Tensor, name: str) -> None:
    """Refuse shapes that broadcasting would make something of."""
    if logits.shape != masks.shape:
        raise ValueError(
            f"{name} expects logits and masks of one shape, got {tuple(logits.shape)} and {tuple(masks.shape)}"
        )
