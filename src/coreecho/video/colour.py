"""Colour pictures of grey clips: their grey level, and where they are truly coloured."""

import numpy as np
from numpy.typing import NDArray

# max(R, G, B) - min(R, G, B) above which a pixel counts as coloured. Grey pixels that went through JPEG's chroma stay
# below 20, tinted B-mode maps below about 60; colour Doppler and coloured text lie far above.
COLOURED_SPREAD = 64


def to_grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma (ITU-R BT.601) of (..., 3) uint8 pictures, rounded; a grey pixel keeps its level exactly."""
    weights = np.array([299, 587, 114], dtype=np.uint32)
    return ((rgb.astype(np.uint32) @ weights + 500) // 1000).astype(np.uint8)


class ColourTally:
    """Counts in how many frames of a clip each pixel is coloured, one frame at a time."""

    def __init__(self, height: int, width: int) -> None:
        self._counts = np.zeros((height, width), dtype=np.uint32)
        self._num_frames = 0

    def add(self, rgb: NDArray[np.uint8]) -> None:
        """Take one frame, (H, W, 3) uint8, into the count."""
        spread = rgb.max(axis=-1) - rgb.min(axis=-1)
        self._counts += spread > COLOURED_SPREAD
        self._num_frames += 1

    @property
    def share(self) -> NDArray[np.float32]:
        """(H, W): the share of the frames in which each pixel was coloured, 0 to 1."""
        return (self._counts / max(self._num_frames, 1)).astype(np.float32)
