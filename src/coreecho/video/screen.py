"""From a scanner's whole screen to the sector alone, or to the reason why not."""

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import UnsuitableError
from coreecho.video.decoded import Decoded
from coreecho.video.geometry import aspect_notes, square_size
from coreecho.video.placement import Placement, placed
from coreecho.video.resizing import stretch_frames
from coreecho.video.sector import Sector, find_sector, mask_outside
from coreecho.video.video import Video

CROPPED_NOTE = "cropped to its sector"
NOT_BELIEVED_NOTE = "the file's ultrasound region does not fit its picture and was not used"

# Share of the sector that is coloured in some frame, from which on it is colour Doppler and not a stray marker.
_MIN_COLOURED = 0.01
# Bounds the copies of the frames that are cut at a time.
_FRAMES_AT_ONCE = 16


def crop_to_sector(decoded: Decoded, source: str, region: tuple[slice, slice] | None = None) -> Video:
    """Cut the sector out: all else is set to 0, and the sector's box is padded to a square, so its aspect is kept.

    Pixels that are not square are made so.

    Args:
        decoded: a whole screen, (T, H, W).
        source: the path as it was given.
        region: rows and columns in which the file says that the sector lies.

    Returns:
        Frames (T, S, S), where S is the longer side of the sector's box.

    Raises:
        VideoError: no sector, more than one, or colour Doppler in it.
    """
    sector, is_believed = find_sector(decoded.frames, source, region)
    coloured = decoded.share_coloured(sector.mask)
    _refuse_colour(coloured, source)
    notes = decoded.notes + aspect_notes(decoded.pixel_aspect)
    if region is not None and not is_believed:
        notes = (*notes, NOT_BELIEVED_NOTE)
    placement = _place(decoded, sector)
    frames = _cut_out(decoded.frames, sector.mask, placement)
    return Video(frames, decoded.fps, source, decoded.is_phantom, (*notes, CROPPED_NOTE), placement, coloured)


def _place(decoded: Decoded, sector: Sector) -> Placement:
    """Say where the sector's box comes to lie, with square pixels in the middle of a square."""
    rows, columns = (sector.top, sector.bottom), (sector.left, sector.right)
    box = sector.bottom - sector.top, sector.right - sector.left
    height, width = square_size(*box, decoded.pixel_aspect, len(decoded.frames))
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return placed(decoded, rows, columns, (top, top + height), (left, left + width), side, sector.mask)


def _cut_out(frames: NDArray[np.uint8], sector: NDArray[np.bool_], placement: Placement) -> NDArray[np.uint8]:
    """Mask, make the pixels square, and centre on black squares, some frames at a time."""
    box = (slice(*placement.rows), slice(*placement.columns))
    mask, side = sector[box], placement.side
    (top, bottom), (left, right) = placement.square_rows, placement.square_columns
    squares = np.zeros((len(frames), side, side), dtype=np.uint8)
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        part = slice(first, first + _FRAMES_AT_ONCE)
        cut = mask_outside(frames[part, *box], mask)
        if cut.shape[1:] != (bottom - top, right - left):
            cut = stretch_frames(cut, bottom - top, right - left)
        squares[part, top:bottom, left:right] = cut
    return squares


def _refuse_colour(share: float, source: str) -> None:
    if share > _MIN_COLOURED:
        raise UnsuitableError(
            f"{source}: {100 * share:.0f} % of the sector is coloured, as in colour Doppler. Expected a grey B-mode "
            "clip: choose a recording without colour."
        )
