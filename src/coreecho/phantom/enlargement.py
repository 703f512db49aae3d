"""Larger pictures and masks than the simulator's own, for layouts whose files are larger."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def enlarge(frame: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Enlarge a picture smoothly; the outside of the sector stays black."""
    grown = Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC)
    shown = Image.fromarray((frame > 0).astype(np.uint8) * 255).resize((width, height), Image.Resampling.BILINEAR)
    return np.where(np.asarray(shown) > 127, np.asarray(grown), 0).astype(np.uint8)


def enlarge_labels(labels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Enlarge a mask; each pixel has the label of the nearest one."""
    return np.asarray(Image.fromarray(labels).resize((width, height), Image.Resampling.NEAREST), dtype=np.uint8)
