"""What co-learning of appearance and shape minimises over a half beat, after the idea of Wei et al. 2023.

From its abstract: a frame that is carried by the motion looks like the frame that it is carried to, and the motion is
smooth (appearance); outlines that are known at ED and ES are carried along and teach the frames between (shape). The
measures are ours: squared differences for both halves of appearance, and 1 - Dice for shape.
"""

import torch
from torch import Tensor
from torch.nn import functional

# Counts of pixels that keep an empty mask's Dice from being 0 / 0.
_SMOOTHING = 1.0


def carry(pictures: Tensor, fields: Tensor) -> Tensor:
    """Carry pictures along a motion: what lies at x + field(x) comes to x.

    Args:
        pictures: (N, C, H, W).
        fields: (N, 2, H, W), how far along x and y, as shares of the frame's sides.

    Returns:
        (N, C, H, W), linear between pixels; beyond the frame its border goes on.

    Raises:
        ValueError: shapes disagree.
    """
    if fields.shape != (len(pictures), 2, *pictures.shape[2:]):
        raise ValueError(f"expected fields (N, 2, H, W) of {tuple(pictures.shape)}, got {tuple(fields.shape)}")
    height, width = pictures.shape[2:]
    # Centres of pixels, from -1 to 1 over the frame, as `grid_sample` counts.
    down, right = (
        (torch.arange(length, device=fields.device, dtype=fields.dtype) + 0.5) * 2 / length - 1
        for length in (height, width)
    )
    places = torch.stack(torch.meshgrid(right, down, indexing="xy"), dim=-1) + 2 * fields.movedim(1, -1)
    return functional.grid_sample(pictures, places, mode="bilinear", padding_mode="border", align_corners=False)


def carry_ends(ends: Tensor, fields: Tensor) -> Tensor:
    """Carry what is known at ED and ES to every frame.

    Args:
        ends: (B, C, 2, H, W), of ED and ES.
        fields: (B, 2, T, 2, H, W), from ED and from ES to each frame.

    Returns:
        (B, C, 2, T, H, W): from ED and from ES.
    """
    batch, num_frames = fields.shape[0], fields.shape[2]
    repeated = ends.transpose(1, 2)[:, :, None].expand(-1, -1, num_frames, -1, -1, -1)
    carried = carry(repeated.flatten(0, 2), fields.flatten(0, 2))
    return carried.reshape(batch, 2, num_frames, *carried.shape[1:]).movedim(3, 1)


def appearance_loss(frames: Tensor, fields: Tensor, *, smoothness: float) -> Tensor:
    """Mean squared difference of each frame and the carried ED and ES, + `smoothness` x that of neighbours in a field.

    Args:
        frames: (B, T, H, W), ED first and ES last.
        fields: (B, 2, T, 2, H, W).
        smoothness: weight; differences of neighbours count in pixels.

    Returns:
        Scalar.
    """
    ends = torch.stack([frames[:, 0], frames[:, -1]], dim=1)[:, None]
    unlike = (carry_ends(ends, fields)[:, 0] - frames[:, None]).square().mean()
    height, width = frames.shape[2:]
    pixels = fields * fields.new_tensor([width, height])[:, None, None]
    return unlike + smoothness * (pixels.diff(dim=-1).square().mean() + pixels.diff(dim=-2).square().mean())


def shape_loss(logits: Tensor, masks: Tensor, is_known: Tensor, fields: Tensor) -> Tensor:
    """1 - Dice of the outlines that are carried from ED and from ES, with those of every other frame.

    At the other end these are the known ones; between, what the network says, which so learns from both ends.

    Args:
        logits: (B, K, T, H, W).
        masks: (B, K, 2, H, W) of ED and ES, 0 or 1.
        is_known: (B, K), whether an outline is known.
        fields: (B, 2, T, 2, H, W).

    Returns:
        Scalar; 0 where nothing is known.
    """
    masks = masks.to(logits.dtype)
    said = logits.sigmoid()
    expected = torch.cat([masks[:, :, :1], said[:, :, 1:-1], masks[:, :, 1:]], dim=2)
    carried = carry_ends(masks, fields)
    # An end is not compared with itself.
    carried = torch.stack([carried[:, :, 0, 1:], carried[:, :, 1, :-1]], dim=2)
    expected = torch.stack([expected[:, :, 1:], expected[:, :, :-1]], dim=2)
    common = (carried * expected).sum(dim=(-2, -1))
    sizes = carried.sum(dim=(-2, -1)) + expected.sum(dim=(-2, -1))
    unlike = 1 - (2 * common + _SMOOTHING) / (sizes + _SMOOTHING)
    known = unlike[is_known]
    return known.mean() if len(known) else logits.new_zeros(())
