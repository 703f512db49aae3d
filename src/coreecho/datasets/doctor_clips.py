"""What the doctor sees of each file: read once, in parallel, and reduced to a few numbers and a thumbnail."""

import io
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coreecho.errors import VideoError
from coreecho.progress import track
from coreecho.video.decoded import is_screen
from coreecho.video.frame_hash import hash_frames
from coreecho.video.lit_sector import lit_sector
from coreecho.video.reading import read_video
from coreecho.video.resizing import pad_to_square
from coreecho.video.sector import find_sector, mask_outside
from coreecho.video.video import Video

# Finding the sector needs a beat or two, not all of a long video.
_SECTOR_FRAMES = 64
_THUMBNAIL_SIDE = 96

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True)
class ClipJob:
    """A clip to look at. `read` gives its frames as its layout takes them, and raises VideoError."""

    recording_id: str
    path: Path
    read: Callable[[Path], Video] = read_video
    has_thumbnail: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipFacts:
    """What a clip's file holds; of a file that cannot be read only `error`.

    Attributes:
        recording_id: of the clip.
        error: why the file cannot be read.
        num_frames: T, as decoded.
        height: H.
        width: W.
        fps: of the file.
        is_phantom: the file says that it is simulated.
        is_still: all frames show one picture; see `Video.is_still`.
        content: hash of all frames.
        levels: (256,), how many pixels have each grey level.
        thumbnail: PNG of the middle frame, or None where it was not asked for or no sector was found to show.
    """

    recording_id: str
    error: str | None = None
    num_frames: int = 0
    height: int = 0
    width: int = 0
    fps: float | None = None
    is_phantom: bool = False
    is_still: bool = False
    content: str = ""
    levels: NDArray[np.int64] | None = None
    thumbnail: bytes | None = None


def examine_clip(job: ClipJob) -> ClipFacts:
    """Read one clip. A file that cannot be read is not an error but a fact."""
    try:
        video = job.read(job.path)
    except VideoError as error:
        return ClipFacts(recording_id=job.recording_id, error=str(error))
    frames = video.frames
    return ClipFacts(
        recording_id=job.recording_id,
        num_frames=len(frames),
        height=frames.shape[1],
        width=frames.shape[2],
        fps=video.fps,
        is_phantom=video.is_phantom,
        is_still=video.is_still,
        content=hash_frames(frames),
        # Frame by frame, since NumPy counts bytes by way of 8-byte copies of them.
        levels=np.sum([np.bincount(frame.ravel(), minlength=256) for frame in frames], axis=0),
        thumbnail=_thumbnail(frames) if job.has_thumbnail else None,
    )


def _thumbnail(frames: NDArray[np.uint8]) -> bytes | None:
    """The middle frame as a small PNG: the sector alone, since names may be burned in beside it."""
    middle = frames[len(frames) // 2][None]
    try:
        if is_screen(*frames.shape[1:]):
            sector, _ = find_sector(frames)
            middle = mask_outside(middle, sector.mask)[:, sector.top : sector.bottom, sector.left : sector.right]
        else:
            middle = middle * lit_sector(frames[:_SECTOR_FRAMES], "clip")
    except VideoError:
        return None
    picture = Image.fromarray(pad_to_square(middle)[0])
    picture.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    encoded = io.BytesIO()
    picture.save(encoded, "PNG")
    return encoded.getvalue()


def run_all(
    work: Callable[[_Job], _Result], jobs: Sequence[_Job], *, text: str, workers: int | None, show_progress: bool
) -> list[_Result]:
    """Do all jobs in threads, and return the results in the order of the jobs.

    Decoding lets go of the interpreter lock, and threads need no guard around the caller's script, as in the frame
    store.
    """
    pool = ThreadPoolExecutor(workers or _available_cores(), thread_name_prefix="doctor")
    try:
        return list(track(pool.map(work, jobs), text, len(jobs), disable=not show_progress, transient=True))
    finally:
        # After Ctrl-C the clips that nobody has begun are not read.
        pool.shutdown(cancel_futures=True)


def _available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
