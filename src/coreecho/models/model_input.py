"""What an encoder was trained to see: clips cut and normalised in one way and no other."""

import sys
from dataclasses import dataclass
from typing import Literal, get_args

from coreecho.errors import RecipeError
from coreecho.video import ClipSampling

Padding = Literal["black", "mean"]

# Red, green and blue of EchoNet-Dynamic's training videos, as fractions of full scale; CoReEcho's published values.
# Echocardiograms are grey, but the published weights were trained on these three slightly different channels.
ECHONET_MEAN = (0.12741163, 0.1279413, 0.12912785)
ECHONET_STD = (0.19557191, 0.19562256, 0.1965878)

# Far beyond any echocardiogram: a damaged card shall not ask for all of a machine's memory.
_AT_MOST = {"num_frames": 10_000, "stride": 10_000, "frame_size": 4_096}


def are_finite(values: object) -> bool:
    """Whether these are finite numbers in a list or a tuple; a recipe or a card may hold anything."""
    return isinstance(values, list | tuple) and all(
        # A whole number of YAML or JSON may have more digits than a float can hold.
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
        for value in values
    )


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
        if self.padding not in get_args(Padding):
            raise RecipeError(f"padding must be one of {', '.join(get_args(Padding))}; got {self.padding!r}.")
        if isinstance(self.frame_size, bool) or not isinstance(self.frame_size, int) or self.frame_size < 1:
            raise RecipeError(f"frame_size must be a whole number of at least 1 pixel; got {self.frame_size!r}.")
        for name, most in _AT_MOST.items():
            if getattr(self, name) > most:
                raise RecipeError(f"{name} must be at most {most:,}; got {getattr(self, name)!r:.20}.")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if not are_finite(values) or len(values) != 3:
                raise RecipeError(f"{name} must have three finite values, one a channel; got {values!r}.")
        if min(self.std) <= 0:
            raise RecipeError(f"std must be greater than 0 in every channel; got {self.std!r}.")
