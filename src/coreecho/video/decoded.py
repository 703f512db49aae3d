"""A clip as its file holds it, before anything is cropped: what every kind of file is decoded to."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coreecho.video.geometry import UPRIGHT, Turn

# EchoNet-Dynamic is 112 x 112. What is square and about that small was prepared by someone; all else is a whole screen.
_MAX_PREPARED_SIDE = 128


@dataclass(frozen=True, eq=False)
class Decoded:
    """Frames as decoded, and what is to be done to them.

    Attributes:
        frames: (T, H, W) uint8 grey.
        fps: frames per second, or None where the file does not say; where `times_ms` are given, of their resampling.
        coloured: (H, W), where some frame is coloured in patches; None where it was not looked at.
        is_phantom: the file says of itself that it is simulated.
        turn: how they become upright.
        pixel_aspect: width of a pixel over its height, before they are turned.
        times_ms: (T,), when each frame is shown, where they are not evenly spaced; else None.
        reduction: of how many pixels along each side one pixel here is the mean.
        stored_size: rows and columns of the file's pictures, where these were reduced; else those of `frames`.
        pixel_mm: height and width of a pixel of the file, before they are turned; None where it does not say.
        notes: what the reader did to the frames, or noticed in them, that a user should know.
    """

    frames: NDArray[np.uint8]
    fps: float | None
    coloured: NDArray[np.bool_] | None = None
    is_phantom: bool = False
    turn: Turn = UPRIGHT
    pixel_aspect: float = 1.0
    times_ms: NDArray[np.float64] | None = None
    reduction: int = 1
    stored_size: tuple[int, int] | None = None
    pixel_mm: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    def share_coloured(self, sector: NDArray[np.bool_]) -> float:
        """Share of a sector, (H, W), that is coloured in patches in some frame; 0 where there is no colour to see."""
        return 0.0 if self.coloured is None or not sector.any() else float(np.mean(self.coloured[sector]))


def is_screen(height: int, width: int) -> bool:
    """Tell a scanner's whole screen, whose sector is yet to be found, from a clip prepared in EchoNet's style."""
    return height != width or height > _MAX_PREPARED_SIDE
