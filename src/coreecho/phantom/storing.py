"""What a machine does to a finished picture before it is stored: edge enhancement, and lossy compression."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Singles = NDArray[np.float32]


def sharpen(grey: Singles, sector: NDArray[np.bool_], amount: float) -> Singles:
    """Add to each pixel a share of its difference to the mean of its four neighbours.

    Args:
        grey: (pixels in the sector,), 0 to 1.
        sector: (H, W).
        amount: the share; 0 changes nothing.
    """
    picture = np.zeros((sector.shape[0] + 2, sector.shape[1] + 2), dtype=np.float32)
    picture[1:-1, 1:-1][sector] = grey
    neighbours = picture[:-2, 1:-1] + picture[2:, 1:-1] + picture[1:-1, :-2] + picture[1:-1, 2:]
    added = grey - np.float32(0.25) * neighbours[sector]
    return np.asarray(np.clip(grey + np.float32(amount) * added, 0.0, 1.0))


def store_as_jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """A picture (H, W) as it comes back from a JPEG file of a quality from 1 to 95."""
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored))
