"""What an encoder was trained to see: clips cut and normalised in one way and no other."""

from dataclasses import dataclass
from typing import Literal

from coreecho.checking import refuse
from coreecho.video.clips import CLIPS, ClipSampling

Padding = Literal["black", "mean"]

# Red, green and blue of EchoNet-Dynamic's training videos, as fractions of full scale; CoReEcho's published values.
# Echocardiograms are grey, but the published weights were trained on these three slightly different channels.
ECHONET_MEAN = (0.12741163, 0.1279413, 0.12912785)
ECHONET_STD = (0.19557191, 0.19562256, 0.1965878)

# Far beyond any echocardiogram: a damaged card shall not ask for all of a machine's memory.
LARGEST_FRAME_SIZE = 4_096
_AT_MOST = {"num_frames": 10_000, "stride": 10_000, "frame_size": LARGEST_FRAME_SIZE}


@dataclass(frozen=True, kw_only=True)
class ModelInput(ClipSampling):
    """What a model was trained to see; it belongs to the weights and travels with them.

    Attributes:
        padding: what stands for the frames past the end of a short video. `black` (CoReEcho) is zero before
            normalising; `mean` (EchoNet-Dynamic, EchoCoTr) is zero after it, the mean grey.
        frame_size: height and width, in pixels; each encoder knows from how many on it sees anything.
        mean: per channel, as a fraction of full scale.
        std: per channel, as a fraction of full scale.
    """

    padding: Padding = "black"
    frame_size: int = 112
    mean: tuple[float, float, float] = ECHONET_MEAN
    std: tuple[float, float, float] = ECHONET_STD

    @property
    def pads_with_black(self) -> bool:
        """Whether frames past a video's end are black; else they are the mean grey."""
        return self.padding == "black"

    def __post_init__(self) -> None:
        super().__post_init__()
        faults = [f"frame_size is {self.frame_size}, expected at least 1 pixel"] if self.frame_size < 1 else []
        faults += [
            f"{name} is {value}, expected at most {most:,}"
            for name, most in _AT_MOST.items()
            if (value := getattr(self, name)) > most
        ]
        # Of grey levels up to 255 a clip would be next to constant, and train without a word.
        faults += [
            f"{name} is {value}, expected fractions of full scale, 0 to 1: divide grey levels by 255"
            for name in ("mean", "std")
            if not 0 <= min(value := getattr(self, name)) <= max(value) <= 1
        ]
        if min(self.std) <= 0:
            faults.append(f"std is {self.std}, expected more than 0 in every channel")
        refuse(CLIPS, faults)
