"""Which frames of a video a clip takes: how many, how far apart, from where, and what stands in past the end.

The paper takes 36 frames, every 4th of the video. Videos shorter than 36 x 4 = 144 frames are zero-padded at their
end to 144, and the starts are then all positions from which the last sampled frame still lies inside.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from coreecho.checking import faults_of_types, refuse, take_lists
from coreecho.errors import RecipeError, VideoError
from coreecho.video.temporal import TimeMethod, resample_time

# `stride`: every stride-th frame, from some start. The others: the whole video, which is one beat, interpolated in time
# to the number of frames (see `time_weights`); the stride then means nothing.
ClipTime = Literal["stride", "spline", "trilinear"]
# What these settings are called where they are refused.
CLIPS = "The form of the clips"
# Of a video: far more than any has starts. A number with too many noughts shall not keep a machine for days.
MOST_CLIPS = 10_000


@dataclass(frozen=True, kw_only=True)
class ClipSampling:
    """How a clip is cut out of a video.

    Attributes:
        num_frames: frames in a clip (36 in Maani et al. 2024).
        stride: frames of the file from one sampled frame to the next (4 in Maani et al. 2024).
        time: `stride`, or how the whole of a video that is one beat is interpolated to `num_frames`, as the paper does
            for CAMUS and HMC-QU: `spline` or `trilinear`.
    """

    num_frames: int = 36
    stride: int = 4
    time: ClipTime = "stride"

    def __post_init__(self) -> None:
        # Of what is derived from it, all fields.
        take_lists(self)
        refuse(CLIPS, faults_of_types(self))
        counts = {"num_frames": self.num_frames, "stride": self.stride}
        refuse(CLIPS, [f"{name} is {value}, expected at least 1" for name, value in counts.items() if value < 1])

    @property
    def is_whole_beat(self) -> bool:
        """Whether a clip is its whole video, interpolated in time, so that a video has one clip."""
        return self.interpolation is not None

    @property
    def interpolation(self) -> TimeMethod | None:
        """How a whole beat is brought to `num_frames`; None of clips of sampled frames."""
        return None if self.time == "stride" else self.time

    @property
    def span(self) -> int:
        """Frames of the video from the first sampled one to the last, both counted; 1 of a whole beat of any length."""
        if self.is_whole_beat:
            return 1
        return (self.num_frames - 1) * self.stride + 1

    @property
    def padded_length(self) -> int:
        """Videos shorter than this many frames are padded with zeros at their end up to it."""
        return self.num_frames * self.stride


def num_starts(num_video_frames: int, sampling: ClipSampling) -> int:
    """Count the valid starts; they are `range` of this number.

    A video of fewer frames than the stride has only its own frames as starts, so that every clip shows something.

    Args:
        num_video_frames: frames of the video, before padding.
        sampling: how clips are cut.

    Raises:
        VideoError: the video has no frame.
    """
    if num_video_frames < 1:
        raise VideoError(f"A clip needs a video of at least 1 frame; got {num_video_frames}.")
    if sampling.is_whole_beat:
        return 1
    padded = max(num_video_frames, sampling.padded_length)
    return min(padded - (sampling.num_frames - 1) * sampling.stride, num_video_frames)


def random_start(num_video_frames: int, sampling: ClipSampling, rng: np.random.Generator) -> int:
    """Draw one start, uniform over the valid ones. Raises VideoError for a video with no frame."""
    return int(rng.integers(num_starts(num_video_frames, sampling)))


def even_starts(num_video_frames: int, sampling: ClipSampling, count: int) -> list[int]:
    """Place `count` starts evenly over the valid ones, the first and the last included; a single one in the middle.

    Starts repeat where the video has fewer valid starts than `count`, so that the length is always `count`; but a whole
    beat has one clip, and one start.

    Raises:
        RecipeError: `count` is below 1, or beyond reason.
        VideoError: the video has no frame.
    """
    if not 1 <= count <= MOST_CLIPS:
        raise RecipeError(f"The number of clips must be at least 1 and at most {MOST_CLIPS:,}; got {count}.")
    last = num_starts(num_video_frames, sampling) - 1
    if sampling.is_whole_beat:
        return [0]
    if count == 1:
        return [last // 2]
    # Whole-number rounding (half up), so that no platform's floating point decides a start.
    return [(2 * index * last + count - 1) // (2 * (count - 1)) for index in range(count)]


def all_starts(num_video_frames: int, sampling: ClipSampling, step: int) -> list[int]:
    """List every `step`-th valid start of the whole video; the last valid start is always among them.

    Raises:
        RecipeError: `step` is below 1.
        VideoError: the video has no frame.
    """
    if step < 1:
        raise RecipeError(f"The step between clips must be at least 1 frame; got {step}.")
    count = num_starts(num_video_frames, sampling)
    starts = list(range(0, count, step))
    return starts if starts[-1] == count - 1 else [*starts, count - 1]


def take_clip(frames: NDArray[np.uint8], start: int, sampling: ClipSampling) -> tuple[NDArray[np.uint8], int]:
    """Copy one clip out of a video.

    Args:
        frames: (T, H, W) uint8; a memory map is read only where the clip lies.
        start: index of the first sampled frame.
        sampling: how clips are cut.

    Returns:
        The clip, (num_frames, H, W) uint8, and how many of its frames, counted from its first, come from the video.
        The others lie past the video's end and are zero.

    Raises:
        VideoError: `start` is not a valid start of this video.
    """
    count = num_starts(len(frames), sampling)
    if not 0 <= start < count:
        raise VideoError(
            f"A clip of {sampling.num_frames} frames at stride {sampling.stride} out of a video of {len(frames)} "
            f"frames must start at 0 to {count - 1}; got {start}."
        )
    if sampling.interpolation is not None:
        return resample_time(np.asarray(frames), sampling.num_frames, sampling.interpolation), sampling.num_frames
    taken = frames[start : start + sampling.span : sampling.stride]
    clip = np.zeros((sampling.num_frames, *frames.shape[1:]), dtype=np.uint8)
    clip[: len(taken)] = taken
    return clip, len(taken)
