"""What a frame store decodes: a file, and how it becomes square frames."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import VideoError
from coreecho.video.reading import read_video
from coreecho.video.resizing import resize_frames
from coreecho.video.temporal import resample_fps

# Changes where `read_video` comes to give other frames of the same file.
WHOLE_VIDEO = "whole video, upright and evenly timed"


class PreparedFrames(NamedTuple):
    """Frames of a store's size, (T, S, S) uint8, their rate in frames per second, or None where it is not known.

    `coloured` is the share of the sector that is coloured in some frame; None where it was not looked at.
    """

    frames: NDArray[np.uint8]
    fps: float | None
    coloured: float | None = None


def prepare_video(path: Path, frame_size: int) -> PreparedFrames:
    """Read a video as `read_video` does, and resize it to `frame_size` pixels a side. Raises VideoError."""
    video = read_video(path)
    return PreparedFrames(resize_frames(video.frames, frame_size), video.fps, video.coloured)


@dataclass(frozen=True)
class AtFrameRate:
    """Prepares a video at a frame rate that is not its own.

    Attributes:
        target_fps: frames per second.
        fps: of the file, where only others know it; None takes what the file says.
    """

    target_fps: float
    fps: float | None = None

    @property
    def preparation(self) -> str:
        """What it does, in words."""
        return f"{WHOLE_VIDEO}, from {self.fps or 'its own'} to {self.target_fps} frames a second"

    def __call__(self, path: Path, frame_size: int) -> PreparedFrames:
        """Read a video, resize it, and interpolate it in time. Raises VideoError."""
        prepared = prepare_video(path, frame_size)
        fps = self.fps or prepared.fps
        if fps is None:
            raise VideoError(
                f"{path}: does not say its frame rate, so it cannot be brought to {self.target_fps:g} frames a second."
            )
        return PreparedFrames(resample_fps(prepared.frames, fps, self.target_fps), self.target_fps, prepared.coloured)


@dataclass(frozen=True)
class VideoFile:
    """A file, and how it is decoded.

    Attributes:
        path: the file.
        preparation: what `prepare` does, in words, with all that it depends on besides the file. Frames that were
            stored under other words are stale.
        prepare: reads the file and gives its frames at a size in pixels. Raises VideoError.
    """

    path: Path
    preparation: str = WHOLE_VIDEO
    prepare: Callable[[Path, int], PreparedFrames] = prepare_video


def as_video_files(files: Mapping[str, Path | VideoFile]) -> dict[str, VideoFile]:
    """Let plain paths stand for whole videos."""
    return {name: VideoFile(file) if isinstance(file, Path) else file for name, file in files.items()}
