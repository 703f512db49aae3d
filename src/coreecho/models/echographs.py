"""EchoGraphs: the outline of the left ventricle as points of a graph, and EF beside it.

Thomas et al., "Light-weight spatio-temporal graphs for segmentation and ejection fraction prediction in cardiac
ultrasound", MICCAI 2022. A residual network gives the features of a frame or of a clip; graph convolutions over the 40
points of an outline, all of which see all others, turn them into coordinates.

    single frame         3 x 112 x 112       ->  40 points
    video, ED and ES     3 x 16 x 112 x 112  ->  80 points, of ED and of ES, and EF; the clip goes from ED to ES
    video, any           3 x 16 x 112 x 112  ->  the same, and which of its frames are ED and ES

Points are x and y as fractions of the frame. Names and shapes of the parameters are those of the published code.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from coreecho.models.image_resnet import IMAGE_RESNETS, ImageResNet
from coreecho.models.mobilenet import EMBEDDING_DIM, MobileNetV2
from coreecho.models.undrawn import draw
from coreecho.models.video_resnet import RESNETS, VideoResNet

ImageBackbone = Literal["mobilenet2", "resnet18", "resnet50"]
Graph = Literal["full", "two-frames"]

# Points of an outline, as EchoNet-Dynamic's tracings have them.
NUM_POINTS = 40
# Frames of a clip, and with them the places of ED and ES; place 0 is "not in this clip".
NUM_FRAMES = 16
SINGLE_FRAME_CHANNELS = (4, 8, 8, 16, 16, 32, 32, 48)
SMALL_VIDEO_CHANNELS = (2, 3, 4)
VIDEO_CHANNELS = (16, 32, 32, 48)
_EF_CHANNELS = (16, 32, 32, 48)
_LEAKY = 0.05


def full_graph(num_points: int) -> Tensor:
    """Which points each point sees: itself, then all others in their order; (N, N)."""
    points = range(num_points)
    return torch.tensor([[own, *(other for other in points if other != own)] for own in points])


def two_frames_graph(num_points: int) -> Tensor:
    """Which points each point of two outlines sees: those of its own outline, then its counterpart; (2 N, N + 1)."""
    each = full_graph(num_points)
    both = torch.cat([each, each + num_points])
    return torch.cat([both, both[:, :1].roll(num_points, dims=0)], dim=1)


class SpiralConvolution(nn.Module):
    """One linear layer for all points, on what each point sees, side by side.

    Args:
        in_channels: of a point.
        out_channels: of a point.
        num_seen: how many points each point sees.
    """

    def __init__(self, in_channels: int, out_channels: int, num_seen: int) -> None:
        super().__init__()
        self.layer = nn.Linear(in_channels * num_seen, out_channels)
        draw(nn.init.xavier_uniform_, self.layer.weight)
        nn.init.zeros_(self.layer.bias)

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        """Map (B, N, C) to (B, N, C').

        Args:
            x: state of each point.
            graph: (N, S), the points that each point sees.
        """
        convolved: Tensor = self.layer(x[:, graph].flatten(2))
        return convolved


class SpiralDecoder(nn.Module):
    """Features to points.

    Args:
        in_features: of what is decoded.
        channels: of the points, from the last layer to the first.
        graph: (N, S), the points that each point sees.
    """

    def __init__(self, in_features: int, channels: tuple[int, ...], graph: Tensor) -> None:
        super().__init__()
        # Always the same, so no part of a checkpoint.
        self.register_buffer("graph", graph, persistent=False)
        self.graph: Tensor
        num_points, num_seen = graph.shape
        widths = (channels[-1], *channels[::-1], 2)
        spirals = (SpiralConvolution(one, other, num_seen) for one, other in pairwise(widths))
        self.decoder_layers = nn.ModuleList([nn.Linear(in_features, num_points * channels[-1]), *spirals])

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, F) to (B, N, 2), x and y as fractions of the frame, which may lie outside of it."""
        first, *hidden, last = self.decoder_layers
        x: Tensor = first(features).unflatten(1, (len(self.graph), -1))
        for layer in hidden:
            x = functional.elu(layer(x, self.graph))
        points: Tensor = last(x, self.graph)
        return points


class ImageFeatures(nn.Module):
    """The network that a single frame goes through.

    Args:
        backbone: which.
    """

    def __init__(self, backbone: ImageBackbone) -> None:
        super().__init__()
        self.base_net: nn.Module
        if backbone == "mobilenet2":
            self.embedding_dim = EMBEDDING_DIM
            self.base_net = MobileNetV2()
        else:
            settings = IMAGE_RESNETS[backbone]
            self.embedding_dim = settings.embedding_dim
            self.base_net = ImageResNet(settings).published_order()
        self.dropout = nn.Dropout(0.2 if backbone == "mobilenet2" else 0.0)

    def forward(self, frames: Tensor) -> Tensor:
        """Map (B, 3, H, W) to (B, D)."""
        features: Tensor = self.dropout(self.base_net(frames).mean(dim=(2, 3)))
        return features


class VideoFeatures(nn.Module):
    """The network that a clip goes through, its layers numbered as in the published code.

    Args:
        name: of `RESNETS`; r3d_18 in the publication.
    """

    def __init__(self, name: str = "r3d_18") -> None:
        super().__init__()
        resnet = VideoResNet(RESNETS[name])
        self.embedding_dim = resnet.embedding_dim
        self.base_net = nn.Sequential(resnet.stem, resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4)

    def forward(self, clips: Tensor) -> Tensor:
        """Map (B, 3, T, H, W) to (B, D)."""
        features: Tensor = self.base_net(clips).mean(dim=(2, 3, 4))
        return features


class EchoGraphsFrame(nn.Module):
    """Frames to outlines.

    Args:
        backbone: which network reads the frame.
        channels: of the decoder.
    """

    def __init__(
        self, backbone: ImageBackbone = "mobilenet2", channels: tuple[int, ...] = SINGLE_FRAME_CHANNELS
    ) -> None:
        super().__init__()
        self.image_encoder = ImageFeatures(backbone)
        self.kpts_decoder = SpiralDecoder(self.image_encoder.embedding_dim, channels, full_graph(NUM_POINTS))

    def forward(self, frames: Tensor) -> Tensor:
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


class VideoOutlines(NamedTuple):
    """What is read from a clip.

    Attributes:
        points: (B, 2, 40, 2), of ED and of ES; x and y as fractions of the frame.
        ef_fraction: (B,), EF / 100.
        places: (B, 17, 2), logits of where ED and ES are: 0 is not in this clip, k its frame k - 1. None from a network
            that is told.
    """

    points: Tensor
    ef_fraction: Tensor
    places: Tensor | None


@dataclass(frozen=True, kw_only=True)
class EchoGraphsVideoSettings:
    """What distinguishes the published networks for videos.

    Attributes:
        channels: of the decoder.
        graph: each of the 80 points sees all others; or those of its own frame and its counterpart in the other.
        finds_frames: it also says which frames are ED and ES, and its decoder is told so.
        resnet: that the clip goes through, of `RESNETS`.
    """

    channels: tuple[int, ...] = VIDEO_CHANNELS
    graph: Graph = "full"
    finds_frames: bool = False
    resnet: str = "r3d_18"


# Under the names of the published code.
ECHOGRAPHS_VIDEOS: dict[str, EchoGraphsVideoSettings] = {
    "EFGCN": EchoGraphsVideoSettings(channels=SMALL_VIDEO_CHANNELS),
    "EFGCNV2": EchoGraphsVideoSettings(),
    "EFGCNTmp": EchoGraphsVideoSettings(channels=SMALL_VIDEO_CHANNELS, graph="two-frames"),
    "EFGCNTmpV2": EchoGraphsVideoSettings(graph="two-frames"),
    "EFGCNSD": EchoGraphsVideoSettings(graph="two-frames", finds_frames=True),
    # Not published: as small as phantoms on a few cores want it.
    "EFGCN-XS": EchoGraphsVideoSettings(channels=(4, 8), resnet="r2plus1d_10"),
    "EFGCNSD-XS": EchoGraphsVideoSettings(channels=(4, 8), graph="two-frames", finds_frames=True, resnet="r2plus1d_10"),
}


class EchoGraphsVideo(nn.Module):
    """Clips to the outlines at ED and ES, and EF.

    Args:
        settings: see `ECHOGRAPHS_VIDEOS`.
    """

    def __init__(self, settings: EchoGraphsVideoSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or EchoGraphsVideoSettings()
        self.encoder = VideoFeatures(self.settings.resnet)
        width = self.encoder.embedding_dim
        num_places = 2 * (NUM_FRAMES + 1)
        graph = full_graph(2 * NUM_POINTS) if self.settings.graph == "full" else two_frames_graph(NUM_POINTS)
        self.ef_regressor = EFRegressor(width)
        self.sd_regressor = PlaceHead(width, num_places) if self.settings.finds_frames else None
        in_features = width + (num_places if self.settings.finds_frames else 0)
        self.kpts_regressor = SpiralDecoder(in_features, self.settings.channels, graph)

    def forward(self, clips: Tensor) -> VideoOutlines:
        """Find outlines and EF.

        Args:
            clips: (B, 3, 16, H, W), grey values from -1 to 1.

        Raises:
            ValueError: the clips have another shape.
        """
        if clips.ndim != 5 or clips.shape[1:3] != (3, NUM_FRAMES):
            raise ValueError(f"EchoGraphsVideo expects clips (B, 3, {NUM_FRAMES}, H, W), got {tuple(clips.shape)}")
        return self.read(self.encoder(clips))

    def read(self, features: Tensor) -> VideoOutlines:
        """Read what the encoder gives, (B, F)."""
        ef_fraction = self.ef_regressor(features).squeeze(1)
        places = None
        if self.sd_regressor is not None:
            flat = self.sd_regressor(features)
            places = flat.unflatten(1, (NUM_FRAMES + 1, 2))
            features = torch.cat([features, flat], dim=1)
        points = self.kpts_regressor(features).unflatten(1, (2, NUM_POINTS))
        return VideoOutlines(points, ef_fraction, places)


class EFRegressor(nn.Module):
    """Features straight to EF / 100, without a sigmoid.

    Args:
        in_features: F.
    """

    def __init__(self, in_features: int) -> None:
        super().__init__()
        widths = (in_features, _EF_CHANNELS[-1], *_EF_CHANNELS[::-1], 1)
        self.layers = nn.ModuleList(nn.Linear(one, other) for one, other in pairwise(widths))

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, F) to (B, 1)."""
        first, *hidden, last = self.layers
        x: Tensor = first(features)
        for layer in hidden:
            x = functional.elu(layer(x))
        ef_fraction: Tensor = last(x)
        return ef_fraction


class PlaceHead(nn.Module):
    """Features to the logits of where ED and ES are.

    Args:
        in_features: F.
        num_places: of both together.
    """

    def __init__(self, in_features: int, num_places: int) -> None:
        super().__init__()
        half, quarter = in_features // 2, in_features // 4
        self.net = nn.Sequential(
            nn.Linear(in_features, half),
            nn.LayerNorm(half),
            nn.LeakyReLU(_LEAKY),
            nn.Linear(half, quarter),
            nn.LayerNorm(quarter),
            nn.LeakyReLU(_LEAKY),
            nn.Linear(quarter, num_places),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, F) to (B, P)."""
        places: Tensor = self.net(features)
        return places
