"""The part of a clip in which there is ultrasound: what a picture may show, and what shares of it refer to."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from coreecho.errors import VideoError
from coreecho.video.sector import convex_hull, find_sector, temporal_statistics

# Grey levels. Motion JPEG spreads the sector's edge over its blocks of 8 x 8 pixels, a few grey levels high. They
# move, so motion alone makes the sector of phantoms of 112 x 112 pixels 18 % too large. Of 6 to 16 grey levels, 10 came
# nearest to the true sector (overlap 0.97 on average, 0.86 at worst, where the side of the sector is all but black).
_LIT = 10
# Grey levels of standard deviation: bright tissue that hardly moves changes by more, a label far from tissue by less.
_TISSUE_DEVIATION = 1.5
# Tissue that is white in every frame is a patch of at least so many pixels a side; strokes of letters are narrower.
_WHITE, _PATCH = 200, 3


def lit_sector(frames: NDArray[np.uint8], source: str = "clip") -> NDArray[np.bool_]:
    """Find the ultrasound sector: within what moves, the convex hull of what is ever lit.

    Args:
        frames: (T, H, W) uint8.
        source: the clip, for messages.

    Returns:
        (H, W).

    Raises:
        VideoError: too few frames to tell, or no sector.
    """
    moving = find_sector(frames, source)[0].mask
    hull, deviation = convex_hull(moving), temporal_statistics(frames)[1]
    lit = frames.max(axis=0) > _LIT
    moving = moving | _bright_tissue(hull & ~moving, lit, deviation) | _white_tissue(frames, hull)
    lit &= moving
    # A hull needs three corners; a sector that is all dark stays what moves.
    if min(lit.any(axis=0).sum(), lit.any(axis=1).sum()) < 3:
        return moving
    return np.asarray(moving & convex_hull(lit))


def thumbnail_of(frames: NDArray[np.uint8], source: str = "clip") -> NDArray[np.uint8]:
    """The first of a clip's frames (T, H, W), black outside its sector; all black where none is found."""
    try:
        return np.asarray(frames[0] * lit_sector(frames, source))
    except VideoError:
        return np.zeros_like(frames[0])


def _bright_tissue(
    left_out: NDArray[np.bool_], lit: NDArray[np.bool_], deviation: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Give back what the search for the sector takes for labels: bright tissue by its border that hardly moves.

    Names beside the sector of a whole screen are gone by now: `read_video` has masked them.
    """
    parts, count = ndimage.label(left_out)
    if count == 0:
        return left_out
    moves = ndimage.median(deviation, np.where(lit, parts, 0), np.arange(1, count + 1)) >= _TISSUE_DEVIATION
    return np.asarray(np.concatenate([[False], moves])[parts])


def _white_tissue(frames: NDArray[np.uint8], hull: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Give back tissue that is so bright that it never changes."""
    white = hull & (frames.min(axis=0) > _WHITE)
    patches = ndimage.binary_opening(white, np.ones((_PATCH, _PATCH), dtype=np.bool_))
    # As far as the search leaves out around a label.
    return np.asarray(hull & ndimage.binary_dilation(patches, iterations=2))
