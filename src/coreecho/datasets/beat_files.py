"""A beat of a file from outside, and of a recording: the frames from its first to its last."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.recording import Recording
from coreecho.errors import RecipeError, VideoError
from coreecho.video.reading import ClipPath, is_retimed, read_clip_at
from coreecho.video.video import Video
from coreecho.video.video_file import PreparedFrames

# The first and the last frame, counted from 0, both included, or every frame of the file.
Beat = tuple[int, int] | Literal["all"]


def parse_beat(text: str) -> Beat:
    """Read a beat as people type it: `3:21`, from the one frame to the other, or `all`.

    Raises:
        RecipeError: it is neither.
    """
    if text == "all":
        return "all"
    match = re.fullmatch(r"(\d+):(\d+)", text)
    if match is None:
        raise RecipeError(f"--beat: expected FIRST:LAST, two frames counted from 0 such as 3:21, or all; got {text!r}.")
    return int(match[1]), int(match[2])


def is_beat(given: object) -> bool:
    """Whether something is two different frames, or every frame of a file."""
    if not isinstance(given, tuple):
        return given == "all"
    is_pair = len(given) == 2 and all(isinstance(frame, int) for frame in given)
    return is_pair and min(given) >= 0 and given[0] != given[1]


class SeenAt(Protocol):
    """What a model sees, as far as a layout looks at it."""

    @property
    def frame_size(self) -> int:
        """Pixels a side."""


class PreparedFile(NamedTuple):
    """A file from outside, as clips of a data set are.

    video: (T, S, S), one beat in its own direction. beat: its first and last frame in the file, counted from 0.
    num_frames: of the file.
    """

    video: Video
    beat: tuple[int, int]
    num_frames: int


@dataclass(frozen=True)
class BeatReader:
    """Reads the beat of one recording; a class and not a closure, so that it can go to another process.

    Attributes:
        read: gives (T, S, S) uint8 of a recording at a size.
        recording: to read.
    """

    read: Callable[[Recording, int], NDArray[np.uint8]]
    recording: Recording

    def __call__(self, path: Path, frame_size: int) -> PreparedFrames:
        """Give the beat's frames, and their rate."""
        return PreparedFrames(self.read(self.recording, frame_size), self.recording.fps)


def read_with_beat(path: ClipPath, beat: Beat, axes: str | None = None) -> tuple[Video, tuple[int, int]]:
    """Read a file, and see that it has the frames of a beat; `axes` of arrays, as for `read_video`.

    Raises:
        VideoError: the file is refused, is shorter than the beat, or has no evenly timed frames to count.
    """
    video = read_clip_at(path, axes=axes)
    if not isinstance(beat, str) and is_retimed(video):
        raise VideoError(
            f"{path}: its frames are not evenly spaced in time, so it was resampled, and a beat by the file's frame "
            "numbers would be another one. Cut the beat out as a file of its own and give all of it (`--beat all`), or "
            "write the file anew at an even frame rate: ffmpeg -i IN -fps_mode cfr -c:v mjpeg -q:v 2 OUT.avi."
        )
    first, last = (0, video.num_frames - 1) if isinstance(beat, str) else beat
    if max(first, last) >= video.num_frames:
        raise VideoError(
            f"{path}: the beat is said to run from frame {first} to {last}, counted from 0, and the file has "
            f"{video.num_frames} frames, 0 to {video.num_frames - 1}."
        )
    return video, (first, last)
