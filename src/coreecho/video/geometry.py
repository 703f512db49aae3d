"""Pictures that are stored turned, or whose pixels are not square: made upright, and their proportions true.

A film from a phone is stored as its sensor lies, with a matrix that says how to show it, and a video from an analogue
recorder with pixels that are wider than high. An ejection fraction is read from lengths, so both must be obeyed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.video import limits
from coreecho.video.resizing import stretch_frames

# What is nearer to square is rounding: 720 x 576 pixels of 16:15 are not.
_SQUARE = 0.02
# No recorder has pixels more oblong; a damaged header has.
_MAX_ASPECT = 4.0
NOT_UPRIGHT_NOTE = "the file says to show it turned by an angle that is no quarter of a turn, which was not done"
NOT_BELIEVED_ASPECT_NOTE = "the proportions that the file gives its pixels are none that a recorder has; not used"


@dataclass(frozen=True)
class Turn:
    """How a stored picture becomes upright: rows and columns are swapped first, then each is reversed or not."""

    is_transposed: bool = False
    reverses_rows: bool = False
    reverses_columns: bool = False

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn frames (T, H, W); those that are upright are returned as they are."""
        if self == UPRIGHT:
            return frames
        if self.is_transposed:
            frames = frames.swapaxes(1, 2)
        return np.ascontiguousarray(
            frames[:, :: -1 if self.reverses_rows else 1, :: -1 if self.reverses_columns else 1]
        )

    def undone(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Turn what lies in upright frames, (T, H, W), back as the file has it."""
        frames = frames[:, :: -1 if self.reverses_rows else 1, :: -1 if self.reverses_columns else 1]
        return frames.swapaxes(1, 2) if self.is_transposed else frames


UPRIGHT = Turn()


def turn_of_matrix(matrix: bytes) -> tuple[Turn, tuple[str, ...]]:
    """Read a display matrix: nine numbers of 32 bits, of which a, b, c, d tell column' = a column + c row and
    row' = b column + d row (ISO/IEC 14496-12, 6.2.2).

    Returns:
        The turn, and what is to be said of it: an angle that is no quarter turn is not applied.
    """
    numbers = np.frombuffer(matrix[:36], dtype="<i4").astype(np.float64)
    if len(numbers) < 9 or not numbers[[0, 1, 3, 4]].any():
        return UPRIGHT, ()
    a, b, c, d = numbers[[0, 1, 3, 4]] / np.abs(numbers[[0, 1, 3, 4]]).max()
    # Small angles are those of a phone that was not held level.
    if abs(b) < 0.1 and abs(c) < 0.1:
        return Turn(False, bool(d < 0), bool(a < 0)), ()
    if abs(a) < 0.1 and abs(d) < 0.1:
        return Turn(True, bool(b < 0), bool(c < 0)), ()
    return UPRIGHT, (NOT_UPRIGHT_NOTE,)


def believed_aspect(pixel_aspect: float) -> tuple[float, tuple[str, ...]]:
    """Take a pixel's width over its height as it was read, or 1 where it is next to that or cannot be; and a note."""
    if not 0 < pixel_aspect < float("inf"):
        return 1.0, ()
    if not 1 / _MAX_ASPECT <= pixel_aspect <= _MAX_ASPECT:
        return 1.0, (NOT_BELIEVED_ASPECT_NOTE,)
    return (1.0 if abs(pixel_aspect - 1) <= _SQUARE else pixel_aspect), ()


def aspect_notes(pixel_aspect: float) -> tuple[str, ...]:
    """Say that pixels were made square; nothing where they are so."""
    if pixel_aspect == 1:
        return ()
    return (f"its pixels are {pixel_aspect:.3g} times as wide as high; they were made square",)


def square_size(height: int, width: int, pixel_aspect: float, num_frames: int) -> tuple[int, int]:
    """Size of a picture once its pixels are square: the shorter side of a pixel stays, so nothing is lost.

    It is reduced where squares around the frames would take more memory than may be held.
    """
    tall, wide = height / min(pixel_aspect, 1), width * max(pixel_aspect, 1)
    num_bytes = num_frames * max(tall, wide) ** 2
    shrink = min(1.0, (1.5 * limits.MAX_SCREEN_BYTES / num_bytes) ** 0.5)
    return max(1, round(tall * shrink)), max(1, round(wide * shrink))


def square_prepared(frames: NDArray[np.uint8], pixel_aspect: float) -> NDArray[np.uint8]:
    """Make the pixels of a prepared clip square, and pad it to the square that it was: (T, S, S) as before."""
    (top, bottom), (left, right) = square_spans(frames.shape[1], frames.shape[2], pixel_aspect)
    square = np.zeros(frames.shape, dtype=np.uint8)
    square[:, top:bottom, left:right] = stretch_frames(frames, bottom - top, right - left)
    return square


def square_spans(height: int, width: int, pixel_aspect: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """The rows and the columns that a prepared clip takes in its square once its pixels are square."""
    tall, wide = round(height / max(pixel_aspect, 1)), round(width * min(pixel_aspect, 1))
    top, left = (height - tall) // 2, (width - wide) // 2
    return (top, top + tall), (left, left + wide)
