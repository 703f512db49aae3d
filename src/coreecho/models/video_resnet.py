"""Residual networks for video: 3-D, mixed, and (2+1)-D convolutions, the baselines of EchoNet-Dynamic.

Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018, in the 18-layer forms in
which Ouyang et al. ("Video-based AI for beat-to-beat assessment of cardiac function", Nature 2020) used them. A stem
halves the frames in space; the first of four levels keeps the grid, and each of the others halves it: in space, and
where its convolutions reach through time, in time too. The mean over the last grid is the clip's embedding.

    32 x 112 x 112  ->  32x56x56  ->  32x56x56  ->  16x28x28  ->  8x14x14  ->  4x7x7  ->  512

    r3d_18       every convolution is 3 x 3 x 3
    mc3_18       3 x 3 x 3 in the stem and in the first level, 1 x 3 x 3 from there on
    r2plus1d_18  every convolution is split in two: 1 x 3 x 3 in space, then 3 x 1 x 1 in time

Names and shapes of the parameters are those of torchvision's Kinetics checkpoints, which EchoNet-Dynamic's have too, so
that these load as they are; only their last layer `fc` has no counterpart here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from coreecho.models.encoder import Encoder
from coreecho.models.model_input import ModelInput
from coreecho.models.publication import Publication
from coreecho.models.undrawn import draw

Convolution = Literal["3d", "2d", "2+1d"]


@dataclass(frozen=True, kw_only=True)
class VideoResNetSettings:
    """What distinguishes one video ResNet from another.

    Attributes:
        convolutions: of the four levels. The stem is split in two where the first level is.
        depths: residual blocks of the four levels, two convolutions each.
        widths: channels of the four levels; the last is the embedding's dimension D.
    """

    convolutions: tuple[Convolution, Convolution, Convolution, Convolution]
    depths: tuple[int, int, int, int] = (2, 2, 2, 2)
    widths: tuple[int, int, int, int] = (64, 128, 256, 512)


# By the names under which torchvision publishes them.
RESNETS: dict[str, VideoResNetSettings] = {
    "r2plus1d_18": VideoResNetSettings(convolutions=("2+1d", "2+1d", "2+1d", "2+1d")),
    "mc3_18": VideoResNetSettings(convolutions=("3d", "2d", "2d", "2d")),
    "r3d_18": VideoResNetSettings(convolutions=("3d", "3d", "3d", "3d")),
    # Not published: as small as phantoms on a few cores want it.
    "r2plus1d_10": VideoResNetSettings(
        convolutions=("2+1d", "2+1d", "2+1d", "2+1d"), depths=(1, 1, 1, 1), widths=(16, 32, 64, 128)
    ),
}

_PUBLICATIONS = (
    Publication(
        source="EchoNet-Dynamic (Ouyang et al. 2020)",
        licence="all rights reserved (of the authors' repository)",
        encoder_at="state_dict",
        num_classes=1,
        clips=ModelInput(num_frames=32, stride=2, padding="mean"),
    ),
    Publication(
        source="torchvision, Kinetics-400 (Tran et al. 2018)",
        licence="BSD-3-Clause (of the repository of torchvision)",
        num_classes=400,
    ),
)

# Channels between the two halves of the (2+1)-D stem as published; the formula of Tran et al. would give 83.
_STEM_MIDDLE_WIDTH = 45
_SPATIAL_REDUCTION = 16
_COUNTER = ".num_batches_tracked"


def middle_width(in_width: int, out_width: int) -> int:
    """Give the channels between the spatial and the temporal half of a (2+1)-D convolution.

    Tran et al. 2018, section 3.5: M = floor(t d^2 N' N / (d^2 N' + t N)) with t = d = 3, so that both halves together
    have as many weights as the 3 x 3 x 3 convolution that they stand for.

    Args:
        in_width: N', channels before the convolution.
        out_width: N, channels after it.
    """
    return 27 * in_width * out_width // (9 * in_width + 3 * out_width)


class TimePaddedConv3d(nn.Conv3d):
    """A convolution that pads two frames by itself where oneDNN would get its gradient wrong.

    In bfloat16 on a CPU oneDNN (of PyTorch 2.13) leaves the weight's gradient uninitialised when a kernel that reaches
    over 3 frames moves over just 2. Its forward pass and its gradient for the input are right.
    """

    def _conv_forward(self, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Map (B, C, T, H, W) to (B, C', T', H', W')."""
        if inputs.device.type != "cpu" or inputs.shape[2] != 2:
            convolved: Tensor = super()._conv_forward(inputs, weight, bias)
            return convolved
        in_time, *in_space = (int(padding) for padding in self.padding)
        padded = functional.pad(inputs, (0, 0, 0, 0, in_time, in_time))
        return functional.conv3d(padded, weight, bias, self.stride, (0, *in_space))


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to what came in.

    Args:
        in_width: channels that come in.
        width: channels that go out.
        kind: of both convolutions.
        stride: 2 halves the grid.
    """

    def __init__(self, in_width: int, width: int, kind: Convolution, stride: int) -> None:
        super().__init__()
        # The published networks take the middle of both convolutions from the block's ends, though the formula would
        # give the second one more channels where the block widens.
        middle = middle_width(in_width, width)
        self.conv1 = nn.Sequential(
            _convolution(in_width, width, kind, middle, stride), nn.BatchNorm3d(width), nn.ReLU(inplace=True)
        )
        self.conv2 = nn.Sequential(_convolution(width, width, kind, middle, 1), nn.BatchNorm3d(width))
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_width != width:
            strides = (1 if kind == "2d" else stride, stride, stride)
            self.downsample = nn.Sequential(nn.Conv3d(in_width, width, 1, strides, bias=False), nn.BatchNorm3d(width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, H, W) to (B, C', T', H', W')."""
        kept: Tensor = x if self.downsample is None else self.downsample(x)
        changed: Tensor = self.conv2(self.conv1(x))
        return functional.relu(changed + kept, inplace=True)


class VideoResNet(Encoder):
    """Clips to embeddings, by residual networks of convolutions.

    Args:
        architecture: kinds of convolution, depths and widths; see `RESNETS`.
        in_channels: channels of the clips; 3 in the published checkpoints.
    """

    publications: ClassVar[Sequence[Publication]] = _PUBLICATIONS
    classifier = ("fc.",)
    reduction = _SPATIAL_REDUCTION

    def __init__(self, architecture: VideoResNetSettings, in_channels: int = 3) -> None:
        super().__init__()
        self.architecture = architecture
        kinds, depths, widths = architecture.convolutions, architecture.depths, architecture.widths
        self.stem = _stem(in_channels, widths[0], is_split=kinds[0] == "2+1d")
        self.layer1 = _level(widths[0], widths[0], kinds[0], depths[0], stride=1)
        self.layer2 = _level(widths[0], widths[1], kinds[1], depths[1], stride=2)
        self.layer3 = _level(widths[1], widths[2], kinds[2], depths[2], stride=2)
        self.layer4 = _level(widths[2], widths[3], kinds[3], depths[3], stride=2)
        self.apply(_initialise)

    @property
    def embedding_dim(self) -> int:
        """Dimension D of an embedding."""
        return self.architecture.widths[3]

    @property
    def levels(self) -> Mapping[str, nn.Module]:
        """The last blocks of the four levels."""
        blocks = (self.layer1, self.layer2, self.layer3, self.layer4)
        return {f"level{number}": of_level[-1] for number, of_level in enumerate(blocks, start=1)}

    def from_published(self, state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """As published, and the counts of batches besides where a file has none.

        PyTorch before 0.4.1 counted no batches. The count matters to a batch norm without momentum only, which these
        networks do not have.
        """
        encoder, classifier = super().from_published(state)
        own = self.state_dict()
        if encoder.keys() & own.keys():
            counters = [entry for entry in own if entry.endswith(_COUNTER) and entry not in encoder]
            encoder |= {entry: torch.tensor(0, device="cpu") for entry in counters}
        return encoder, classifier

    def forward(self, clips: Tensor) -> Tensor:
        """Embed clips.

        Args:
            clips: (B, 3, T, H, W), normalised; H and W at least 16.

        Returns:
            (B, D), neither projected nor scaled to unit length.

        Raises:
            ValueError: the clips have another shape.
        """
        return self.features(clips).mean(dim=(2, 3, 4))

    def features(self, clips: Tensor) -> Tensor:
        """Give the last level's grid (B, D, T', H', W'), of which the embedding is the mean."""
        channels = self.stem[0].in_channels
        if clips.ndim != 5 or clips.shape[1] != channels or min(clips.shape[3:]) < _SPATIAL_REDUCTION:
            raise ValueError(
                f"VideoResNet expects clips (B, {channels}, T, H, W) with H and W of at least {_SPATIAL_REDUCTION} "
                f"pixels, got {tuple(clips.shape)}"
            )
        x: Tensor = self.stem(clips)
        for level in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = level(x)
        return x


def _stem(in_channels: int, width: int, *, is_split: bool) -> nn.Sequential:
    """Make the first layers, which reach over 3 frames and 7 x 7 pixels and halve the frames."""
    if is_split:
        in_space = nn.Conv3d(in_channels, _STEM_MIDDLE_WIDTH, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False)
        through_time = TimePaddedConv3d(_STEM_MIDDLE_WIDTH, width, (3, 1, 1), 1, (1, 0, 0), bias=False)
        layers = [in_space, nn.BatchNorm3d(_STEM_MIDDLE_WIDTH), nn.ReLU(inplace=True), through_time]
    else:
        layers = [TimePaddedConv3d(in_channels, width, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False)]
    return nn.Sequential(*layers, nn.BatchNorm3d(width), nn.ReLU(inplace=True))


def _level(in_width: int, width: int, kind: Convolution, depth: int, stride: int) -> nn.Sequential:
    """Make the blocks of one level, of which the first strides."""
    first = ResidualBlock(in_width, width, kind, stride)
    return nn.Sequential(first, *(ResidualBlock(width, width, kind, stride=1) for _ in range(depth - 1)))


def _convolution(in_width: int, width: int, kind: Convolution, middle: int, stride: int) -> nn.Module:
    """Make one convolution over 3 x 3 pixels, and 3 frames unless `2d`; `middle` is for `2+1d` only."""
    if kind == "3d":
        return TimePaddedConv3d(in_width, width, 3, stride, 1, bias=False)
    if kind == "2d":
        return nn.Conv3d(in_width, width, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False)
    return nn.Sequential(
        nn.Conv3d(in_width, middle, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False),
        nn.BatchNorm3d(middle),
        nn.ReLU(inplace=True),
        TimePaddedConv3d(middle, width, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),
    )


def _initialise(module: nn.Module) -> None:
    """Normal weights that keep the variance of gradients (He et al. 2015), as in torchvision; batch norms as made."""
    if isinstance(module, nn.Conv3d):
        draw(nn.init.kaiming_normal_, module.weight, mode="fan_out", nonlinearity="relu")


r2plus1d_18 = partial(VideoResNet, RESNETS["r2plus1d_18"])
mc3_18 = partial(VideoResNet, RESNETS["mc3_18"])
r3d_18 = partial(VideoResNet, RESNETS["r3d_18"])
r2plus1d_10 = partial(VideoResNet, RESNETS["r2plus1d_10"])
