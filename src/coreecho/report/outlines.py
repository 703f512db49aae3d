"""The outline of the left ventricle, drawn on frames."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# Told apart from every grey and from the colours of Grad-CAM.
_COLOUR = np.array([64, 224, 255], dtype=np.uint8)


@dataclass(frozen=True, eq=False, kw_only=True)
class Outlines:
    """Where the left ventricle is in each frame of a clip.

    Attributes:
        masks: (F, S, S) of bool; a frame without any is one in which it was not found.
        source: what found it, in words.
    """

    masks: NDArray[np.bool_]
    source: str


def outline_frames(pictures: NDArray[np.uint8], masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Draw the border of each mask, one pixel wide, on its picture.

    Args:
        pictures: (T, H, W, 3) uint8.
        masks: (T, H, W) of bool.

    Returns:
        (T, H, W, 3) uint8, a new array.

    Raises:
        ValueError: shapes disagree.
    """
    if pictures.shape[:3] != masks.shape or pictures.shape[3:] != (3,):
        raise ValueError(f"pictures {pictures.shape} and masks {masks.shape} do not fit together")
    drawn = pictures.copy()
    for picture, mask in zip(drawn, masks, strict=True):
        picture[mask & ~ndimage.binary_erosion(mask)] = _COLOUR
    return drawn
