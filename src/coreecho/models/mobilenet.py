"""MobileNetV2 for single frames.

Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018. Names and shapes of the parameters
are torchvision's, without the classifier.

    H x W  ->  H/2  ->  ...  ->  H/32, 1280 channels
"""

from torch import Tensor, nn

from coreecho.models.image_resnet import initialise_convolution

_STEM_WIDTH = 32
EMBEDDING_DIM = 1280
# Table 2 of the paper: expansion, channels, blocks, stride of the first of them.
_STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


class InvertedResidual(nn.Module):
    """Widen, convolve each channel alone, narrow again; added to what came in where the shape allows.

    Args:
        in_width: channels that come in.
        width: channels that go out.
        stride: 2 halves the grid.
        expansion: how many times wider it is in between; 1 does not widen.
    """

    def __init__(self, in_width: int, width: int, stride: int, expansion: int) -> None:
        super().__init__()
        middle = in_width * expansion
        self.is_residual = stride == 1 and in_width == width
        layers: list[nn.Module] = [] if expansion == 1 else [_convolution(in_width, middle, kernel=1)]
        layers.append(_convolution(middle, middle, stride=stride, groups=middle))
        self.conv = nn.Sequential(*layers, nn.Conv2d(middle, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H', W')."""
        changed: Tensor = self.conv(x)
        return x + changed if self.is_residual else changed


class MobileNetV2(nn.Module):
    """Frames to a grid of features."""

    embedding_dim = EMBEDDING_DIM

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(3, _STEM_WIDTH, stride=2)]
        in_width = _STEM_WIDTH
        for expansion, width, depth, stride in _STAGES:
            for block in range(depth):
                layers.append(InvertedResidual(in_width, width, stride if block == 0 else 1, expansion))
                in_width = width
        layers.append(_convolution(in_width, EMBEDDING_DIM, kernel=1))
        self.features = nn.Sequential(*layers)
        self.apply(initialise_convolution)

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 3, H, W), normalised, to (B, 1280, H', W')."""
        grid: Tensor = self.features(frames)
        return grid


def _convolution(in_width: int, width: int, *, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(in_width, width, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU6())
