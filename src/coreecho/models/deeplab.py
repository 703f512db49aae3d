"""DeepLabV3 on a dilated ResNet-50: EchoNet-Dynamic's segmentation of the left ventricle.

Chen et al., "Rethinking atrous convolution for semantic image segmentation", 2017, as Ouyang et al. 2020 used it:
output stride 8, atrous rates 12, 24 and 36, one output channel, no auxiliary head. Names and shapes of the parameters
are torchvision's, so that EchoNet-Dynamic's file loads as it is once the prefix `module.` is off.

    3 x H x W  ->  2048 x H/8 x W/8  ->  256 x H/8 x W/8  ->  1 x H/8 x W/8  ->  (bilinear)  1 x H x W
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from coreecho.models.image_resnet import IMAGE_RESNETS, ImageResNet
from coreecho.models.model_input import ECHONET_MEAN, ECHONET_STD
from coreecho.models.publication import SegmenterPublication
from coreecho.models.segmentation_network import CAVITY_NAME, MYOCARDIUM_NAME, SegmentationNetwork
from coreecho.models.segmenter_card import SegmenterInput

_WIDTH = 256
# Of an output stride of 8; the paper's 6, 12, 18 are of 16.
_RATES = (12, 24, 36)
_DROPOUT = 0.5
# A grid of at least one place after three halvings of the stem's.
_LEAST_SIZE = 16


class PyramidPooling(nn.Module):
    """What is seen at one place, around it at three distances, and in the whole picture, side by side.

    Args:
        in_width: channels that come in.
    """

    def __init__(self, in_width: int) -> None:
        super().__init__()
        whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), *_convolution(in_width, 1))
        reaching = [nn.Sequential(*_convolution(in_width, 3, rate)) for rate in _RATES]
        self.convs = nn.ModuleList([nn.Sequential(*_convolution(in_width, 1)), *reaching, whole])
        self.project = nn.Sequential(*_convolution(_WIDTH * len(self.convs), 1), nn.Dropout(_DROPOUT))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 256, H, W)."""
        size = x.shape[-2:]
        seen = [branch(x) for branch in self.convs]
        # The mean over the picture has one place, and is the same everywhere.
        seen[-1] = seen[-1].expand(-1, -1, *size)
        projected: Tensor = self.project(torch.cat(seen, dim=1))
        return projected


class DeepLabV3(SegmentationNetwork):
    """Frames to logits of the left ventricle.

    Args:
        num_outputs: channels of the map; 1 in EchoNet-Dynamic's, the cavity; of two the second is the myocardium.
    """

    publications = (
        SegmenterPublication(
            source="EchoNet-Dynamic, segmentation (Ouyang et al. 2020)",
            licence="MIT",
            model_input=SegmenterInput(frame_size=112, mean=ECHONET_MEAN, std=ECHONET_STD),
            mark=".classifier.0.convs.",
        ),
    )
    num_colours = 3
    least_size = _LEAST_SIZE

    def __init__(self, num_outputs: int = 1) -> None:
        super().__init__()
        # What further channels are, those who train them say.
        further = (MYOCARDIUM_NAME, *(f"outline {number}" for number in range(3, num_outputs + 1)))
        self.outlines = (CAVITY_NAME, *further)[:num_outputs]
        self.backbone = ImageResNet(IMAGE_RESNETS["resnet50"], is_dilated=True)
        self.classifier = nn.Sequential(
            PyramidPooling(self.backbone.settings.embedding_dim),
            *_convolution(_WIDTH, 3),
            nn.Conv2d(_WIDTH, num_outputs, 1),
        )

    def forward(self, frames: Tensor) -> Tensor:
        """Segment frames.

        Args:
            frames: (B, 3, H, W), normalised by the mean and the standard deviation of the training videos.

        Returns:
            (B, 1, H, W), logits; above 0 is the ventricle.

        Raises:
            ValueError: the frames have another shape.
        """
        if frames.ndim != 4 or frames.shape[1] != 3 or min(frames.shape[2:]) < _LEAST_SIZE:
            raise ValueError(
                f"DeepLabV3 expects frames (B, 3, H, W) with H and W of at least {_LEAST_SIZE} pixels, "
                f"got {tuple(frames.shape)}"
            )
        logits: Tensor = self.classifier(self.backbone(frames))
        return functional.interpolate(logits, size=frames.shape[2:], mode="bilinear", align_corners=False)


def _convolution(in_width: int, kernel: int, rate: int = 1) -> tuple[nn.Module, nn.Module, nn.Module]:
    padding = rate if kernel == 3 else 0
    convolution = nn.Conv2d(in_width, _WIDTH, kernel, 1, padding, rate, bias=False)
    return convolution, nn.BatchNorm2d(_WIDTH), nn.ReLU()
