"""Residual networks for video with a stem of one channel, as Saeed & Yaqub 2022 have them for infarctions."""

from functools import partial

from torch import Tensor

from coreecho.models.publication import Publication
from coreecho.models.video_resnet import RESNETS, VideoResNet, VideoResNetSettings


class GreyVideoResNet(VideoResNet):
    """A video ResNet whose stem sees one channel; all else, names included, is as in `VideoResNet`.

    Args:
        architecture: see `RESNETS`.
    """

    # What the one output of such a file reads, an EF or an infarction, the file does not say: it is not taken.
    publications = tuple(
        Publication(
            source="a video ResNet of one channel, as Saeed & Yaqub 2022 train it", licence="not given", encoder_at=at
        )
        for at in ("", "state_dict")
    )

    def __init__(self, architecture: VideoResNetSettings) -> None:
        super().__init__(architecture, in_channels=1)

    def forward(self, clips: Tensor) -> Tensor:
        """Embed clips (B, 3, T, H, W), of which the mean over the colours is seen: (B, D)."""
        return super().forward(clips.mean(dim=1, keepdim=True))


r2plus1d_18_grey = partial(GreyVideoResNet, RESNETS["r2plus1d_18"])
r3d_18_grey = partial(GreyVideoResNet, RESNETS["r3d_18"])
# Not published: as small as phantoms on a few cores want it.
r2plus1d_10_grey = partial(GreyVideoResNet, RESNETS["r2plus1d_10"])
