"""What a network that outlines the left ventricle has to offer, so that any may be trained, kept and asked alike."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from coreecho.models.publication import SegmenterPublication

# The first channel of every map: the cavity, which volumes and ejection fractions are of.
CAVITY_NAME, MYOCARDIUM_NAME = "cavity", "myocardium"


class SegmentationNetwork(nn.Module):
    """Frames to logits: (B, n C, H, W), normalised, to (B, K, H, W); above 0 is in.

    n frames are seen for one mask, each in C colours, frame by frame: the channels of the first frame come first.

    Attributes:
        publications: others that have published its weights.
        num_colours: C; 1 of a network that sees grey, 3 of one that was made for red, green and blue.
        outlines: what each of the K channels of the map is; the cavity first.
        least_size: H and W from which on it outlines anything, in pixels.
        gives_points: whether `points` gives the outline as points, (B, n, 2), beside the map.
        frame_offsets: of the n frames from the one whose mask is wanted, in frames; 0 is that frame.
        built_from: the name and the settings with which `build_segmentation_network` makes it again; None of one that
            was made by hand.
    """

    publications: ClassVar[Sequence[SegmenterPublication]] = ()
    num_colours: ClassVar[int] = 1
    gives_points: ClassVar[bool] = False
    least_size: int = 1
    outlines: tuple[str, ...] = (CAVITY_NAME,)
    frame_offsets: tuple[int, ...] = (0,)
    built_from: tuple[str, dict[str, Any]] | None = None


def frames_seen(num_frames: int, frame_offsets: Sequence[int]) -> Tensor:
    """Say which frames of a clip are seen for each mask; at the clip's ends its first and last frame repeat.

    Args:
        num_frames: T, of the clip.
        frame_offsets: n, of `SegmentationNetwork`.

    Returns:
        (T, n), counted from 0.
    """
    places = torch.arange(num_frames)[:, None] + torch.tensor(tuple(frame_offsets))
    return places.clamp(0, max(num_frames - 1, 0))
