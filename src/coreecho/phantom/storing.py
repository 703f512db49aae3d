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
    width = sector.shape[1] + 2
    picture = np.zeros((sector.shape[0] + 2) * width, dtype=np.float32)
    rows, columns = np.nonzero(sector)
    places = (rows + 1) * width + columns + 1
    picture[places] = grey
    neighbours = picture[places - width] + picture[places + width] + picture[places - 1] + picture[places + 1]
    added = grey - np.float32(0.25) * neighbours
    return np.asarray(np.clip(grey + np.float32(amount) * added, 0.0, 1.0))


def store_as_jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """A picture (H, W) as it comes back from a JPEG file of a quality from 1 to 95."""
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "JPEG", quality=quality)
    return np.asarray(Image.open(stored))
