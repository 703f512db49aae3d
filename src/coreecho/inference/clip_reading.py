"""Reads a file of which an EF is to be told: one that holds a heartbeat."""

from pathlib import Path

from coreecho.errors import VideoError
from coreecho.video import Video, read_video
from coreecho.video.sector import MIN_FRAMES


def read_clip_file(path: str | Path) -> Video:
    """Read a clip as `read_video` does, and refuse one that is too short for a heartbeat.

    Raises:
        VideoError: it cannot be read, or has too few frames.
    """
    video = read_video(path)
    if video.num_frames < MIN_FRAMES:
        raise VideoError(
            f"{path}: has {video.num_frames} frames; a heartbeat takes at least {MIN_FRAMES}. Give the whole clip."
        )
    return video
