"""The part of a clip in which there is ultrasound: what a picture may show, and what shares of it refer to."""

import numpy as np
from numpy.typing import NDArray

from coreecho.video.sector import convex_hull, find_sector

# Grey levels. Motion JPEG spreads the sector's edge over its blocks of 8 x 8 pixels, a few grey levels high. They
# move, so motion alone makes a phantom's sector of 112 x 112 pixels 18 % too large; so it is 1 to 10 % off.
_LIT = 16


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
    lit = moving & (frames.max(axis=0) > _LIT)
    # A hull needs three corners; a sector that is all dark stays what moves.
    if min(lit.any(axis=0).sum(), lit.any(axis=1).sum()) < 3:
        return moving
    return np.asarray(moving & convex_hull(lit))
