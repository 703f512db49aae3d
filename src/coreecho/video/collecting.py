"""Frames as they come from a decoder, kept within a bounded memory whatever a file holds.

A model looks at about 112 pixels a side, and a screen has up to twenty times as many. So a clip of a screen that would
pass the limit is kept at half of its resolution, or a quarter, as the mean of blocks of pixels; where its length is not
known beforehand, what was kept so far is reduced when the limit is reached.
"""

import numpy as np
from numpy.typing import NDArray

from coreecho.video import limits
from coreecho.video.colour import ColourTally
from coreecho.video.decoded import is_screen
from coreecho.video.limits import check_size, too_long

# Larger screens than this take more memory for a single frame's statistics than they tell.
_MAX_KEPT_PIXELS = 4 * 1024**2
# A sector fills most of a screen's height, so of this many pixels more than the model's 112 are left.
_MIN_REDUCED_SIDE = 240
# Frames of a clip of unknown length that are made room for at first.
_FIRST_CAPACITY = 16
# Colour flow is in most frames of a recording: beyond this many, ever fewer are looked at.
_MAX_LOOKED_AT = 128
# Of clips that someone prepared, which are grey with hardly an exception, one frame in so many.
_PREPARED_STRIDE = 16


class FrameCollector:
    """Keeps grey frames of one size, and looks through them for colour.

    Args:
        source: the file, for messages.
        height: rows of each frame.
        width: columns of each frame.
        num_declared: how many frames the file says there are; None where it does not say.
    """

    def __init__(self, source: str, height: int, width: int, num_declared: int | None = None) -> None:
        check_size(source, num_declared or 0, height, width)
        self._source = source
        self._full_size = height, width
        self._is_screen = is_screen(height, width)
        self.reduction = 1
        self._max_bytes = limits.MAX_SCREEN_BYTES if self._is_screen else limits.MAX_HELD_BYTES
        while self._can_reduce() and self._frame_bytes() > _MAX_KEPT_PIXELS:
            self.reduction *= 2
        while (num_declared or 0) * self._frame_bytes() > self._max_bytes:
            self._reduce_or_refuse(num_declared or 0)
        self._kept = np.empty((num_declared or _FIRST_CAPACITY) * self._frame_bytes(), dtype=np.uint8)
        self._num_frames = 0
        self._tally = ColourTally(height, width)
        self._num_looked_at = 0

    def __len__(self) -> int:
        return self._num_frames

    @property
    def wants_colour(self) -> bool:
        """Whether the colours of the frame that was added last are to be looked at."""
        stride = 1 << (self._num_frames // _MAX_LOOKED_AT).bit_length() if self._is_screen else 2 * _PREPARED_STRIDE
        return (self._num_frames - 1) % max(1, stride // 2) == 0

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Take one frame, (H, W). Raises VideoError where the clip grows beyond the limits."""
        check_size(self._source, self._num_frames + 1, *self._full_size)
        while (self._num_frames + 1) * self._frame_bytes() > self._max_bytes:
            old_bytes = self._frame_bytes()
            self._reduce_or_refuse(self._num_frames + 1)
            self._halve_kept(old_bytes)
        size = self._frame_bytes()
        if self._kept.size < (self._num_frames + 1) * size:
            # By half of what there is, and never beyond what may be held.
            wanted = max((3 * self._kept.size) // 2, (self._num_frames + 1) * size)
            self._kept.resize(min(wanted, max(self._max_bytes, size)), refcheck=False)
        self._kept[self._num_frames * size : (self._num_frames + 1) * size] = reduce_frame(
            frame, self.reduction
        ).reshape(-1)
        self._num_frames += 1

    def look_at(self, rgb: NDArray[np.uint8]) -> None:
        """Look through the colours of one frame, (H, W, 3)."""
        self._num_looked_at += 1
        self._tally.add(rgb)

    def frames(self) -> NDArray[np.uint8]:
        """Give all frames, (T, H', W'): the collector holds none any more."""
        kept, self._kept = self._kept, np.empty(0, dtype=np.uint8)
        size = self._frame_bytes()
        if kept.size != self._num_frames * size:
            kept.resize(self._num_frames * size, refcheck=False)
        return kept.reshape(self._num_frames, *self._size())

    def coloured(self) -> NDArray[np.bool_] | None:
        """Where some frame is coloured in patches, (H', W'); None where no colour was looked at."""
        if self._num_looked_at == 0:
            return None
        height, width = self._size()
        blocks = self._tally.mask[: height * self.reduction, : width * self.reduction]
        return np.asarray(blocks.reshape(height, self.reduction, width, self.reduction).any(axis=(1, 3)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the frames that were kept."""
        return () if self.reduction == 1 else (f"a large recording: read at 1/{self.reduction} of its resolution",)

    def _size(self) -> tuple[int, int]:
        return self._full_size[0] // self.reduction, self._full_size[1] // self.reduction

    def _frame_bytes(self) -> int:
        height, width = self._size()
        return height * width

    def _can_reduce(self) -> bool:
        return self._is_screen and min(self._size()) // 2 >= _MIN_REDUCED_SIDE

    def _reduce_or_refuse(self, num_frames: int) -> None:
        if not self._can_reduce():
            raise too_long(self._source, num_frames, *self._full_size, self._max_bytes * self.reduction**2)
        self.reduction *= 2

    def _halve_kept(self, old_bytes: int) -> None:
        """Reduce what was kept, in its place: a reduced frame never reaches into one that is not yet reduced."""
        old_height, old_width = (side // (self.reduction // 2) for side in self._full_size)
        size = self._frame_bytes()
        for number in range(self._num_frames):
            old = self._kept[number * old_bytes : (number + 1) * old_bytes].reshape(old_height, old_width)
            self._kept[number * size : (number + 1) * size] = reduce_frame(old, 2).reshape(-1)


def reduce_frame(frame: NDArray[np.uint8], reduction: int) -> NDArray[np.uint8]:
    """Mean of whole blocks of pixels, half a grey level rounded up; what fills no whole block at the end is left out.

    Args:
        frame: (H, W).
        reduction: pixels along each side of a block.

    Returns:
        (H // reduction, W // reduction).
    """
    if reduction == 1:
        return frame
    height, width = frame.shape[0] // reduction, frame.shape[1] // reduction
    total = np.full((height, width), reduction * reduction // 2, dtype=np.uint32)
    for row in range(reduction):
        for column in range(reduction):
            total += frame[row : height * reduction : reduction, column : width * reduction : reduction]
    return (total // (reduction * reduction)).astype(np.uint8)
