"""Colour pictures of grey clips: their grey level, and where they are truly coloured."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# A pixel is coloured where max(R, G, B) - min(R, G, B) is above both of these. Grey that went through JPEG's chroma has
# a spread below 20; tinted B-mode maps reach 100 in white tissue, but stay below half of their brightest channel;
# colour Doppler is of nearly pure hues.
_MIN_SPREAD = 48
_MIN_SPREAD_OF_MAXIMUM = 0.5
# Share of a frame below which what is coloured is a marker, and not worth the time of a closer look.
_MIN_COLOURED = 0.0005


def to_grey(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma (ITU-R BT.601, weights in 1/256) of (..., 3) uint8 pictures; a grey pixel keeps its level exactly."""
    # 77 + 150 + 29 = 256, so the sum fits 16 bits, which is several times faster than a product with a weight vector.
    luma = rgb[..., 0] * np.uint16(77)
    luma += rgb[..., 1] * np.uint16(150)
    luma += rgb[..., 2] * np.uint16(29)
    luma += np.uint16(128)
    return (luma >> np.uint16(8)).astype(np.uint8)


def is_coloured(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell for each pixel of (..., 3) uint8 pictures whether it has a hue of its own, beyond tints and JPEG errors."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    highest = np.maximum(np.maximum(red, green), blue)
    spread = highest - np.minimum(np.minimum(red, green), blue)
    return (spread > _MIN_SPREAD) & (spread > highest * np.float32(_MIN_SPREAD_OF_MAXIMUM))


class ColourTally:
    """Collects where a clip is coloured in patches, one frame at a time.

    Lines and letters do not count: an ECG trace, a depth scale and labels are often coloured on grey clips.
    """

    def __init__(self, height: int, width: int) -> None:
        self.mask = np.zeros((height, width), dtype=np.bool_)
        # Lines of overlays are one to three pixels wide, in proportion to the screen.
        self._line_width = max(1, min(height, width) // 240)

    def add(self, rgb: NDArray[np.uint8]) -> None:
        """Take one frame, (H, W, 3) uint8, into the mask, (H, W)."""
        coloured = is_coloured(rgb)
        if coloured.mean() > _MIN_COLOURED:
            self.mask |= ndimage.binary_opening(coloured, np.ones((3, 3), dtype=np.bool_), iterations=self._line_width)
