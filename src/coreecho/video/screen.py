"""From a scanner's whole screen to the sector alone, or to the reason why not."""

import numpy as np

from coreecho.errors import VideoError
from coreecho.video.decoded import Decoded
from coreecho.video.resizing import pad_to_square
from coreecho.video.sector import Sector, find_sector, mask_outside
from coreecho.video.video import Video

CROPPED_NOTE = "cropped to its sector"
NOT_BELIEVED_NOTE = "the file's ultrasound region does not fit its picture and was not used"

# Share of the sector that is coloured in some frame, from which on it is colour Doppler and not a stray marker.
_MIN_COLOURED = 0.01


def crop_to_sector(
    decoded: Decoded, source: str, notes: tuple[str, ...] = (), region: tuple[slice, slice] | None = None
) -> Video:
    """Cut the sector out: all else is set to 0, and the sector's box is padded to a square, so its aspect is kept.

    Args:
        decoded: a whole screen, (T, H, W).
        source: the path as it was given.
        notes: what was noticed before.
        region: rows and columns in which the file says that the sector lies.

    Returns:
        Frames (T, S, S), where S is the longer side of the sector's box.

    Raises:
        VideoError: no sector, more than one, or colour Doppler in it.
    """
    sector, is_believed = find_sector(decoded.frames, source, region)
    _refuse_colour(decoded, sector, source)
    box = (slice(sector.top, sector.bottom), slice(sector.left, sector.right))
    frames = mask_outside(decoded.frames[:, *box], sector.mask[box])
    if region is not None and not is_believed:
        notes = (*notes, NOT_BELIEVED_NOTE)
    return Video(pad_to_square(frames), decoded.fps, source, decoded.is_phantom, (*notes, CROPPED_NOTE))


def _refuse_colour(decoded: Decoded, sector: Sector, source: str) -> None:
    if decoded.coloured is None:
        return
    share = float(np.mean(decoded.coloured[sector.mask]))
    if share > _MIN_COLOURED:
        raise VideoError(
            f"{source}: {100 * share:.0f} % of the sector is coloured, as in colour Doppler. Expected a grey B-mode "
            "clip: choose a recording without colour."
        )
