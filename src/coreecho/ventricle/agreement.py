"""How well masks, and the frames of end-diastole and end-systole, agree with those of readers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Masks = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DiceScores:
    """Dice coefficients, 2 I / (A + B), 0 to 1.

    Attributes:
        per_frame: (n,); NaN in a frame where both masks are empty, of which nothing can be said.
        pooled: over all pixels of all frames, as EchoNet-Dynamic's are; NaN where all masks are empty.
        num_frames: n.
        num_unfound: frames with a reader's mask, but none found.
        num_unexpected: frames with a mask found, but none of a reader's.
    """

    per_frame: NDArray[np.float64]
    pooled: float
    num_frames: int
    num_unfound: int
    num_unexpected: int

    @property
    def mean(self) -> float:
        """Mean over the frames where at least one mask is not empty; NaN where there is none."""
        known = self.per_frame[~np.isnan(self.per_frame)]
        return float(known.mean()) if len(known) > 0 else float("nan")


def dice(found: Masks, expected: Masks) -> DiceScores:
    """Compare masks frame by frame.

    Args:
        found: (n, H, W).
        expected: (n, H, W), the readers'.

    Raises:
        ValueError: shapes differ, or are others.
    """
    if found.ndim != 3 or found.shape != expected.shape:
        raise ValueError(f"dice compares masks (n, H, W) of one shape, got {found.shape} and {expected.shape}")
    common = np.sum(found & expected, axis=(1, 2), dtype=np.int64)
    sizes = np.sum(found, axis=(1, 2), dtype=np.int64), np.sum(expected, axis=(1, 2), dtype=np.int64)
    both = sizes[0] + sizes[1]
    return DiceScores(
        per_frame=np.where(both > 0, 2 * common / np.maximum(both, 1), np.nan),
        pooled=float(2 * common.sum() / both.sum()) if both.sum() > 0 else float("nan"),
        num_frames=len(found),
        num_unfound=int(np.sum((sizes[0] == 0) & (sizes[1] > 0))),
        num_unexpected=int(np.sum((sizes[0] > 0) & (sizes[1] == 0))),
    )


def frame_offset(found: Sequence[int], traced: int) -> int | None:
    """Signed distance in frames from the frame that a reader traced to the nearest one found; None if none was found.

    Of two that are equally near the earlier one counts.
    """
    return min((frame - traced for frame in found), key=lambda offset: (abs(offset), offset), default=None)


@dataclass(frozen=True)
class FrameDistance:
    """Distance of found frames of ED or of ES from traced ones, over videos.

    Attributes:
        mean: of the distances' sizes, in frames; NaN where there is none.
        bias: their mean with sign; positive is too late.
        num_videos: that a distance was found for.
        num_unfound: videos in which no such frame was found.
    """

    mean: float
    bias: float
    num_videos: int
    num_unfound: int


def frame_distance(offsets: Iterable[int | None]) -> FrameDistance:
    """Sum up distances of frames.

    Args:
        offsets: of each video, as `frame_offset` gives them.
    """
    every = list(offsets)
    known = np.array([offset for offset in every if offset is not None], dtype=np.float64)
    return FrameDistance(
        mean=float(np.abs(known).mean()) if len(known) > 0 else float("nan"),
        bias=float(known.mean()) if len(known) > 0 else float("nan"),
        num_videos=len(known),
        num_unfound=len(every) - len(known),
    )
