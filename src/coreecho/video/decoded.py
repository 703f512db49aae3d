"""A clip as its file holds it, before anything is cropped: what every kind of file is decoded to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Decoded:
    """Frames as decoded.

    Attributes:
        frames: (T, H, W) uint8 grey.
        fps: frames per second, or None where the file does not say.
        colour_share: (H, W), the share of the frames in which each pixel is coloured; None where it was not looked at.
        is_phantom: the file says of itself that it is simulated.
    """

    frames: NDArray[np.uint8]
    fps: float | None
    colour_share: NDArray[np.float32] | None = None
    is_phantom: bool = False
