"""Networks of others that read EF themselves, in an encoder's place.

An embedding is what such a network makes of the clip, and behind it the EF / 100 that the network reads; the head
`fraction` takes the latter out. So UVT and EchoGraphs are trained, kept, evaluated and asked as any encoder is. What
else they read, phases and outlines, `outputs` gives.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from coreecho.models.echographs import ECHOGRAPHS_VIDEOS, NUM_FRAMES, EchoGraphsVideo, VideoOutlines
from coreecho.models.encoder import Encoder
from coreecho.models.model_input import ModelInput
from coreecho.models.publication import Publication
from coreecho.models.uvt import UVT, UVTS, Phases, UVTOutput

# UVT: grey values from 0 to 1, and the whole video; here as clips of the training's length, one after another.
UVT_CLIPS = ModelInput(num_frames=128, stride=1, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
# EchoGraphs: grey values from -1 to 1, every second frame.
ECHOGRAPHS_CLIPS = ModelInput(num_frames=NUM_FRAMES, stride=2, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


class UVTEncoder(Encoder):
    """UVT; its embedding is the mean over the frames of what its transformer gives.

    Args:
        name: one of `UVTS`.
        phases: what it says of the frames.
        dropout: of the transformer; the published one when not given.
    """

    own_head = "fraction"
    publications: ClassVar[Sequence[Publication]] = (
        Publication(
            source="UVT (Reynaud et al. 2021)", licence="MIT", encoder_at="state_dict", head=own_head, clips=UVT_CLIPS
        ),
    )

    def __init__(self, name: str, phases: Phases, dropout: float | None = None) -> None:
        super().__init__()
        settings = UVTS[name]
        self.network = UVT(settings if dropout is None else replace(settings, dropout=dropout), phases)
        self.gives_phases = self.network.gives_signal

    @property
    def embedding_dim(self) -> int:
        """That of a frame, and one."""
        return self.network.settings.embedding_dim + 1

    def forward(self, clips: Tensor) -> Tensor:
        """Map (B, 3, T, H, W), 0 to 1, to (B, D); smaller frames have a black border."""
        mixed = self.network.mix(self._bordered(clips))
        return torch.cat([mixed.mean(dim=1), self.network.read(mixed).ef_fraction[:, None]], dim=1)

    def outputs(self, clips: Tensor) -> UVTOutput:
        """What is read of clips as `forward` takes them."""
        output: UVTOutput = self.network(self._bordered(clips))
        return output

    def from_published(self, state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Its entries lie below `network.` here."""
        return {f"network.{name}": value for name, value in state.items()}, {}

    def _bordered(self, clips: Tensor) -> Tensor:
        missing = self.network.settings.frame_size - clips.shape[-1]
        before = missing // 2
        return functional.pad(clips, (before, missing - before, before, missing - before))


class EchoGraphsEncoder(Encoder):
    """EchoGraphs of clips; its embedding is what its residual network gives.

    Args:
        name: one of `ECHOGRAPHS_VIDEOS`.
    """

    own_head = "fraction"
    publications: ClassVar[Sequence[Publication]] = (
        Publication(
            source="EchoGraphs (Thomas et al. 2022)",
            licence="MIT",
            encoder_at="model_state_dict",
            head=own_head,
            clips=ECHOGRAPHS_CLIPS,
        ),
    )

    def __init__(self, name: str) -> None:
        super().__init__()
        self.network = EchoGraphsVideo(ECHOGRAPHS_VIDEOS[name])

    @property
    def embedding_dim(self) -> int:
        """That of the residual network, and one."""
        return self.network.encoder.embedding_dim + 1

    @property
    def levels(self) -> Mapping[str, nn.Module]:
        """Those of the residual network."""
        levels = list(self.network.encoder.base_net.children())[1:]
        return {f"level{number}": level for number, level in enumerate(levels, start=1)}

    def forward(self, clips: Tensor) -> Tensor:
        """Map (B, 3, 16, H, W), -1 to 1, to (B, D)."""
        features = self.network.encoder(clips)
        return torch.cat([features, self.network.ef_regressor(features)], dim=1)

    def outputs(self, clips: Tensor) -> VideoOutlines:
        """What is read of clips as `forward` takes them."""
        output: VideoOutlines = self.network(clips)
        return output

    def from_published(self, state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Its entries lie below `network.` here."""
        return {f"network.{name}": value for name, value in state.items()}, {}


class ToldEchoGraphs(EchoGraphsEncoder):
    """EchoGraphs of clips that go from ED to ES."""


class FindingEchoGraphs(EchoGraphsEncoder):
    """EchoGraphs of any clips, which says where in them ED and ES are."""


def uvt(*, dropout: float | None = None) -> UVTEncoder:
    """UVT with a signal of the phases, 346,871,234 parameters."""
    return UVTEncoder("uvt", "signal", dropout)


def uvt_classes(*, dropout: float | None = None) -> UVTEncoder:
    """UVT with three classes of frames, 346,871,748 parameters."""
    return UVTEncoder("uvt", "classes", dropout)


def uvt_xs(*, dropout: float | None = None) -> UVTEncoder:
    """A small UVT for phantoms, of clips up to 64 pixels a side."""
    return UVTEncoder("uvt_xs", "signal", dropout)


def uvt_xs_classes(*, dropout: float | None = None) -> UVTEncoder:
    """A small UVT for phantoms, with classes of frames."""
    return UVTEncoder("uvt_xs", "classes", dropout)


def efgcn() -> ToldEchoGraphs:
    """EchoGraphs told where ED and ES are, its small decoder."""
    return ToldEchoGraphs("EFGCN")


def efgcn_v2() -> ToldEchoGraphs:
    """EchoGraphs told where ED and ES are."""
    return ToldEchoGraphs("EFGCNV2")


def efgcn_tmp() -> ToldEchoGraphs:
    """EchoGraphs told where ED and ES are, with edges in time, its small decoder."""
    return ToldEchoGraphs("EFGCNTmp")


def efgcn_tmp_v2() -> ToldEchoGraphs:
    """EchoGraphs told where ED and ES are, with edges in time."""
    return ToldEchoGraphs("EFGCNTmpV2")


def efgcn_sd() -> FindingEchoGraphs:
    """EchoGraphs that finds ED and ES itself."""
    return FindingEchoGraphs("EFGCNSD")


def efgcn_sd_xs() -> FindingEchoGraphs:
    """A small EchoGraphs for phantoms, which finds ED and ES itself."""
    return FindingEchoGraphs("EFGCNSD-XS")


def efgcn_xs() -> ToldEchoGraphs:
    """A small EchoGraphs for phantoms, told where ED and ES are."""
    return ToldEchoGraphs("EFGCN-XS")
