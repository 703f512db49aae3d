"""Pixels of more than 8 bits: which of their bits are in use, and how they become grey levels of 8."""

import numpy as np
from numpy.typing import NDArray


def bits_in_use(highest: int) -> int:
    """How many bits the levels 0 to `highest` take; at least 8, since the grey level of a dark clip is not raised."""
    return max(8, int(highest).bit_length())


def spread(levels: NDArray[np.generic], low: float, width: float) -> NDArray[np.uint8]:
    """Bring the `width` levels from `low` on to 256 grey levels, in equal shares; what lies beyond is cut.

    For a width of 2^n this keeps the 8 most significant bits, exactly.
    """
    scaled = np.floor((levels.astype(np.float64) - low) * (256 / width))
    return np.asarray(scaled.clip(0, 255).astype(np.uint8))


def depth_notes(num_used: int, num_stored: int) -> tuple[str, ...]:
    """Say that fewer bits are in use than a file declares."""
    if num_used >= num_stored:
        return ()
    return (f"its pixels use {num_used} of the {num_stored} bits that the file declares; read by those in use",)
