"""EchoGraphs of single frames as a segmentation network: its masks are its points, filled."""

import torch
from torch import Tensor

from coreecho.models.echographs import (
    NUM_POINTS,
    SINGLE_FRAME_CHANNELS,
    ImageBackbone,
    ImageFeatures,
    SpiralDecoder,
    full_graph,
)
from coreecho.models.segmentation_network import SegmentationNetwork
from coreecho.video.polygons import fill_polygon

# Logits of what is in and of what is out: points say nothing of how sure they are.
_SURE = 10.0


class EchoGraphsSegmenter(SegmentationNetwork):
    """Frames to points, and to masks; names of the parameters are those of `EchoGraphsFrame`.

    Args:
        backbone: which network reads the frame.
    """

    num_colours = 3

    def __init__(self, backbone: ImageBackbone) -> None:
        super().__init__()
        self.image_encoder = ImageFeatures(backbone)
        self.kpts_decoder = SpiralDecoder(
            self.image_encoder.embedding_dim, SINGLE_FRAME_CHANNELS, full_graph(NUM_POINTS)
        )

    def points(self, frames: Tensor) -> Tensor:
        """Find outlines.

        Args:
            frames: (B, 3, H, W), grey values from -1 to 1.

        Returns:
            (B, 40, 2), x and y as fractions of the frame.

        Raises:
            ValueError: the frames have another shape.
        """
        if frames.ndim != 4 or frames.shape[1] != 3:
            raise ValueError(f"EchoGraphs expects frames (B, 3, H, W), got {tuple(frames.shape)}")
        points: Tensor = self.kpts_decoder(self.image_encoder(frames))
        return points

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
