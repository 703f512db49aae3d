"""What a moving picture is, once it has been read."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import UnsuitableError, VideoError
from coreecho.video.placement import Placement

# Grey levels. A picture that is nowhere brighter shows no heart.
MIN_WHITE = 8
BLACK = (
    "its picture is black, and no number is read from a black clip. Look at it in a viewer: if it shows a heart there, "
    "export it again, as an MP4 or AVI film or with its window of grey levels."
)


# Grey levels by which lit pixels differ from frame to frame, on average. One picture that was coded as a film, without
# loss or with, stays below; speckle alone brings any beating heart far above.
_STILL_LEVELS = 0.5
_STILL_SHARE = 0.8


@dataclass(frozen=True, eq=False)
class Video:
    """A grey ultrasound clip in memory.

    Attributes:
        frames: (T, H, W) uint8, 0 is black and 255 is white.
        fps: frames per second, or None where the file does not say.
        source: the path, as it was given.
        is_phantom: the file says of itself that it is simulated.
        notes: what the reader did to the picture, or noticed in it, that a user should know.
        placement: where the frames lie in the file's own pictures; None where that was not kept.
        coloured: share of the sector, 0 to 1, that is coloured in some frame, as by colour Doppler; 0 of grey files.
    """

    frames: NDArray[np.uint8]
    fps: float | None
    source: str
    is_phantom: bool = False
    notes: tuple[str, ...] = ()
    placement: Placement | None = None
    coloured: float = 0.0

    def __post_init__(self) -> None:
        if self.frames.ndim != 3 or self.frames.dtype != np.uint8 or 0 in self.frames.shape:
            raise VideoError(
                f"{self.source}: expected grey frames (T, H, W) of uint8, with T, H and W at least 1; "
                f"got shape {self.frames.shape} of {self.frames.dtype}."
            )
        if self.fps is not None and not 0 < self.fps < float("inf"):
            raise VideoError(f"{self.source}: frames per second must be a positive number or None; got {self.fps}.")

    @property
    def num_frames(self) -> int:
        """Number of frames, T."""
        return int(self.frames.shape[0])

    @property
    def is_black(self) -> bool:
        """Whether no pixel of any frame is bright enough to be seen."""
        return bool(self.frames.max() < MIN_WHITE)

    def refuse_black(self) -> None:
        """Refuse a clip that shows nothing before any number is read from it. Raises VideoError."""
        if self.is_black:
            raise VideoError(f"{self.source}: {BLACK}")

    @property
    def is_still(self) -> bool:
        """Whether all frames show one and the same picture, but for what a codec makes of it."""
        lit = self.frames.max(axis=0) >= MIN_WHITE
        if self.num_frames < 2 or not lit.any():
            return True
        # Two frames at a time: a recorded screen is large.
        steps = [np.abs(after[lit].astype(np.int16) - before[lit]).mean() for before, after in pairwise(self.frames)]
        # Of most steps: a codec takes some frames to settle on a picture; a film of a heart may show each frame thrice.
        return bool(np.quantile(steps, _STILL_SHARE) < _STILL_LEVELS)

    def refuse_unmoved(self) -> None:
        """Refuse a clip in which nothing moves before any number is read from it.

        Raises:
            UnsuitableError: it shows one picture.
            VideoError: it is black.
        """
        self.refuse_black()
        if self.is_still:
            raise UnsuitableError(
                f"{self.source}: a still: all {self.num_frames} frames show one and the same picture. An EF takes a "
                "clip of a beating heart."
            )

    @property
    def duration_s(self) -> float | None:
        """Seconds from the first frame to the end of the last, where the frame rate is known."""
        return None if self.fps is None else self.num_frames / self.fps
