"""Pixels of more than 8 bits: which of their bits are in use, and how they become grey levels of 8."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

# Letters that were burned in at full scale, and hot pixels, are this many times as bright as nearly all that is lit.
_HOT_TIMES = 16
_PERCENT_LIT = 95.0
HOT_NOTE = "a few of its pixels (letters?) are far brighter than all others and were left out of the range of levels"


def bits_in_use(highest: int, num_declared: int = 8) -> int:
    """How many bits the levels 0 to `highest` take.

    At least 8, or as many as the file declares where these are fewer: the grey level of a dark clip is not raised.
    """
    return max(min(8, num_declared), int(highest).bit_length())


def black_level(look: Callable[[int], NDArray[np.integer]], numbers: Sequence[int], num_declared: int = 8) -> int:
    """Find the level that is black where the least is white: the greatest that the bits in use hold."""
    return (1 << bits_in_use(highest_level(look, numbers)[0], num_declared)) - 1


def highest_level(look: Callable[[int], NDArray[np.integer]], numbers: Sequence[int]) -> tuple[int, tuple[str, ...]]:
    """Find the highest level of a clip's picture: beside letters at full scale, a picture of few bits would be black.

    Args:
        look: gives the levels of a frame, (H, W), of which none is below 0.
        numbers: of the frames to look at.

    Returns:
        The level, and a note where brighter pixels do not count.
    """
    highest, sampled = 0, []
    for number in numbers:
        levels = look(number)
        highest = max(highest, int(levels.max()))
        sampled.append(levels[::4, ::4].reshape(-1))
    pixels = np.concatenate(sampled)
    lit = pixels[pixels > pixels.min()]
    limit = _HOT_TIMES * float(np.percentile(lit, _PERCENT_LIT)) if lit.size else float(highest)
    if highest <= limit:
        return highest, ()
    below = max(int((levels := look(number)).max(where=levels <= limit, initial=0)) for number in numbers)
    return below, (HOT_NOTE,) if bits_in_use(below) < bits_in_use(highest) else ()


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
