"""EchoGraphs of single frames as a segmentation network: its masks are its points, filled."""

import torch
from torch import Tensor

from coreecho.models.echographs import EchoGraphsFrame
from coreecho.models.publication import SegmenterPublication
from coreecho.models.segmentation_network import SegmentationNetwork
from coreecho.models.segmenter_card import SegmenterInput
from coreecho.video.polygons import fill_polygon

# Logits of what is in and of what is out: points say nothing of how sure they are.
_SURE = 10.0


class EchoGraphsSegmenter(EchoGraphsFrame, SegmentationNetwork):
    """Frames to points, and to masks. Args and raises: see `EchoGraphsFrame`."""

    publications = (
        SegmenterPublication(
            source="EchoGraphs, single frames (Thomas et al. 2022)",
            licence="MIT",
            model_input=SegmenterInput(frame_size=112, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
            mark=".kpts_decoder.",
        ),
    )
    num_colours = 3
    gives_points = True

    def points(self, frames: Tensor) -> Tensor:
        """Find outlines of frames (B, 3, H, W): (B, 40, 2), x and y as fractions of the frame."""
        return super().forward(frames)

    def forward(self, frames: Tensor) -> Tensor:
        """Fill the outlines: (B, 1, H, W), logits of two values; without a gradient."""
        masks = fill_points(self.points(frames), frames.shape[2], frames.shape[3])
        return torch.where(masks, _SURE, -_SURE)[:, None]


def fill_points(points: Tensor, height: int, width: int) -> Tensor:
    """Fill outlines (B, 40, 2), whose points are rounded to whole pixels first: (B, height, width) Boolean."""
    pixels = (points.detach().float().cpu() * torch.tensor([width, height])).round().numpy()
    masks = [torch.from_numpy(fill_polygon(outline, height, width)) for outline in pixels]
    return torch.stack(masks).to(points.device)


def echographs_mobilenet2() -> EchoGraphsSegmenter:
    """Of MobileNetV2's features."""
    return EchoGraphsSegmenter("mobilenet2")


def echographs_resnet18() -> EchoGraphsSegmenter:
    """Of ResNet-18's features."""
    return EchoGraphsSegmenter("resnet18")


def echographs_resnet50() -> EchoGraphsSegmenter:
    """Of ResNet-50's features."""
    return EchoGraphsSegmenter("resnet50")
