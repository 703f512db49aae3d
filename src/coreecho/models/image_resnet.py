"""Residual networks for single frames: ResNet-18 and ResNet-50, plain or dilated.

He et al., "Deep residual learning for image recognition", CVPR 2016, with the stride of a bottleneck on its 3 x 3
convolution, as torchvision has it and published checkpoints mean it. Names and shapes of the parameters are
torchvision's, without the last layer `fc`.

    H x W  ->  H/4  ->  H/4  ->  H/8  ->  H/16  ->  H/32      dilated: H/8 from the second level on
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from coreecho.models.undrawn import draw

_STEM_WIDTH = 64
_WIDTHS = (64, 128, 256, 512)
_BOTTLENECK_EXPANSION = 4


@dataclass(frozen=True, kw_only=True)
class ImageResNetSettings:
    """What distinguishes one of these networks from another.

    Attributes:
        name: under which torchvision publishes it.
        depths: residual blocks of the four levels.
        is_bottleneck: blocks are 1 x 1, 3 x 3, 1 x 1 with four times as many channels at the end; else two of 3 x 3.
    """

    name: str
    depths: tuple[int, int, int, int]
    is_bottleneck: bool

    @property
    def embedding_dim(self) -> int:
        """Channels of the last level."""
        return _WIDTHS[-1] * (_BOTTLENECK_EXPANSION if self.is_bottleneck else 1)


IMAGE_RESNETS: dict[str, ImageResNetSettings] = {
    settings.name: settings
    for settings in (
        ImageResNetSettings(name="resnet18", depths=(2, 2, 2, 2), is_bottleneck=False),
        ImageResNetSettings(name="resnet50", depths=(3, 4, 6, 3), is_bottleneck=True),
    )
}


class BasicBlock(nn.Module):
    """Two convolutions of 3 x 3, whose result is added to what came in.

    Args:
        in_width: channels that come in.
        width: channels of both convolutions, which go out.
        stride: 2 halves the grid.
        dilation: of the first convolution.
    """

    expansion = 1

    def __init__(self, in_width: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_width, width, 3, stride, dilation, dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(in_width, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H', W')."""
        kept: Tensor = x if self.downsample is None else self.downsample(x)
        changed: Tensor = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(changed)) + kept)


class Bottleneck(nn.Module):
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1, whose result is added to what came in. See `BasicBlock`."""

    expansion = _BOTTLENECK_EXPANSION

    def __init__(self, in_width: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        out_width = width * self.expansion
        self.conv1 = nn.Conv2d(in_width, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_width)
        self.downsample = _shortcut(in_width, out_width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, 4 C', H', W')."""
        kept: Tensor = x if self.downsample is None else self.downsample(x)
        changed: Tensor = functional.relu(self.bn1(self.conv1(x)))
        changed = functional.relu(self.bn2(self.conv2(changed)))
        return functional.relu(self.bn3(self.conv3(changed)) + kept)


class ImageResNet(nn.Module):
    """Frames to a grid of features.

    Args:
        settings: depths and kind of block; see `IMAGE_RESNETS`.
        is_dilated: the last two levels keep the grid of the second, and widen their convolutions' reach to 2 and 4
            instead: output stride 8, as segmentation wants it. As in torchvision, a level's first block still has the
            reach of the level before.
    """

    def __init__(self, settings: ImageResNetSettings, *, is_dilated: bool = False) -> None:
        super().__init__()
        self.settings = settings
        self.conv1 = nn.Conv2d(3, _STEM_WIDTH, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(_STEM_WIDTH)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        kind = Bottleneck if settings.is_bottleneck else BasicBlock
        reaches = ((1, 1), (1, 1), (1, 2), (2, 4)) if is_dilated else ((1, 1),) * 4
        strides = (1, 2, 1, 1) if is_dilated else (1, 2, 2, 2)
        levels, in_width = [], _STEM_WIDTH
        for width, depth, stride, (first, rest) in zip(_WIDTHS, settings.depths, strides, reaches, strict=True):
            blocks = [kind(in_width, width, stride, first)]
            in_width = width * kind.expansion
            blocks += [kind(in_width, width, 1, rest) for _ in range(depth - 1)]
            levels.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = levels
        self.apply(initialise_convolution)

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 3, H, W), normalised, to (B, D, H', W')."""
        x: Tensor = self.maxpool(self.relu(self.bn1(self.conv1(frames))))
        for level in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = level(x)
        return x

    def published_order(self) -> nn.Sequential:
        """The same layers in a row, with the mean over the grid at the end: (B, 3, H, W) to (B, D, 1, 1).

        Some published codes keep the network so, and their checkpoints number its layers.
        """
        levels = (self.layer1, self.layer2, self.layer3, self.layer4)
        return nn.Sequential(self.conv1, self.bn1, self.relu, self.maxpool, *levels, nn.AdaptiveAvgPool2d(1))


def _shortcut(in_width: int, out_width: int, stride: int) -> nn.Sequential | None:
    """What brings the input of a block to its output's shape, where they differ."""
    if stride == 1 and in_width == out_width:
        return None
    return nn.Sequential(nn.Conv2d(in_width, out_width, 1, stride, bias=False), nn.BatchNorm2d(out_width))


def initialise_convolution(module: nn.Module) -> None:
    """Normal weights that keep the variance of gradients (He et al. 2015), as in torchvision; all else as made."""
    if isinstance(module, nn.Conv2d):
        draw(nn.init.kaiming_normal_, module.weight, mode="fan_out", nonlinearity="relu")
