"""A small U-Net that outlines the left ventricle: the cavity and the myocardium around it.

Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015, in a size that
ships: under 4 MB. It sees one frame, or one frame with its neighbours as further channels: speckle is new in each, the
walls are not.

    (2 n + 1) x 112 x 112  ->  16  ->  32 x 56 x 56  ->  64 x 28 x 28  ->  96 x 14 x 14  ->  128 x 7 x 7
                         2  <-  16  <-  32 x 56 x 56  <-  64 x 28 x 28  <-  96 x 14 x 14  <--/
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from coreecho.models.image_resnet import initialise_convolution
from coreecho.models.segmentation_network import CAVITY_NAME, MYOCARDIUM_NAME, SegmentationNetwork, frames_seen

# Channels of the map.
CAVITY, MYOCARDIUM = 0, 1


@dataclass(frozen=True, kw_only=True)
class LVUNetSettings:
    """Size of the network.

    Attributes:
        widths: channels of the levels, from the frame's own grid to the coarsest.
        num_neighbours: n, frames on either side of the one that is segmented.
        neighbour_stride: frames from one of them to the next.
    """

    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    num_neighbours: int = 0
    neighbour_stride: int = 2

    def __post_init__(self) -> None:
        if len(self.widths) < 2 or min(self.widths) < 1 or self.num_neighbours < 0 or self.neighbour_stride < 1:
            raise ValueError(
                "an LVUNet has at least two levels of at least one channel, no negative number of neighbours, and "
                f"neighbours at least a frame apart; got {self}"
            )

    @property
    def in_channels(self) -> int:
        """Frames that are seen for one mask."""
        return 2 * self.num_neighbours + 1

    @property
    def frame_offsets(self) -> tuple[int, ...]:
        """Of those frames, from the one that is segmented."""
        reach = range(-self.num_neighbours, self.num_neighbours + 1)
        return tuple(neighbour * self.neighbour_stride for neighbour in reach)


class LVUNet(SegmentationNetwork):
    """Frames to logits of the cavity and of the myocardium.

    Args:
        settings: its size.
    """

    outlines = (CAVITY_NAME, MYOCARDIUM_NAME)

    def __init__(self, settings: LVUNetSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or LVUNetSettings()
        self.frame_offsets = self.settings.frame_offsets
        widths = self.settings.widths
        self.least_size = 2 ** (len(widths) - 1)
        ins = (self.settings.in_channels, *widths[:-1])
        self.down = nn.ModuleList(_level(in_width, width) for in_width, width in zip(ins, widths, strict=True))
        self.up = nn.ModuleList(
            _level(below + width, width) for below, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(widths[0], 2, 1)
        self.apply(initialise_convolution)

    def forward(self, frames: Tensor) -> Tensor:
        """Segment frames.

        Args:
            frames: (B, 2 n + 1, H, W), normalised; the middle channel is the frame that is segmented. See
                `with_neighbours`.

        Returns:
            (B, 2, H, W), logits of the cavity and of the myocardium, each on its own; above 0 is in.

        Raises:
            ValueError: the frames have another shape.
        """
        channels, least = self.settings.in_channels, self.least_size
        if frames.ndim != 4 or frames.shape[1] != channels or min(frames.shape[2:]) < least:
            raise ValueError(
                f"this LVUNet expects frames (B, {channels}, H, W) with H and W of at least {least} pixels, "
                f"got {tuple(frames.shape)}"
            )
        levels: list[Tensor] = []
        x = frames
        for level in self.down:
            x = level(x if not levels else functional.max_pool2d(x, 2))
            levels.append(x)
        for level, beside in zip(self.up, levels[-2::-1], strict=True):
            raised = functional.interpolate(x, size=beside.shape[2:], mode="bilinear", align_corners=False)
            x = level(torch.cat([raised, beside], dim=1))
        logits: Tensor = self.head(x)
        return logits


def lv_unet(**settings: Any) -> LVUNet:
    """Make one from plain settings, as files keep them: the fields of `LVUNetSettings`.

    Raises:
        TypeError: there is no such setting.
        ValueError: the settings make no network.
    """
    if "widths" in settings:
        settings["widths"] = tuple(settings["widths"])
    return LVUNet(LVUNetSettings(**settings))


def lv_unet_s(**settings: Any) -> LVUNet:
    """A quarter of the work of `lv_unet`; arguments as for it."""
    return lv_unet(**({"widths": (8, 16, 32, 64, 96)} | settings))


def lv_unet_xs(**settings: Any) -> LVUNet:
    """As small as demonstrations on a few cores want it; arguments as for `lv_unet`."""
    return lv_unet(**({"widths": (8, 12, 16)} | settings))


def with_neighbours(frames: Tensor, settings: LVUNetSettings) -> Tensor:
    """Give each frame of a clip its neighbours as channels; at the clip's ends its first and last frame repeat.

    Args:
        frames: (T, H, W).
        settings: how many, and how far apart.

    Returns:
        (T, 2 n + 1, H, W).
    """
    return frames[frames_seen(len(frames), settings.frame_offsets).to(frames.device)]


def _level(in_width: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (in_width, width):
        layers += [nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
