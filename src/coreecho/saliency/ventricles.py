"""Where the left ventricle really is: in the frames that readers traced, or in all frames of a simulated heart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.archives import read_arrays
from coreecho.errors import DatasetError, VideoError
from coreecho.models.segmenter import Segmenter
from coreecho.phantom.layouts import TRUTH_FOLDER
from coreecho.phantom.truth import LV_LABEL
from coreecho.video import resize_frames
from coreecho.video.clips import ClipSampling, even_starts, num_starts
from coreecho.video.parts import in_one_part

Tracings = Mapping[int, NDArray[np.float64]]

# EchoNet-Dynamic's tracings are in pixels of its videos, which are all 112 x 112 once decoded.
TRACED_SIZE = 112


@dataclass(frozen=True, eq=False)
class KnownVentricle:
    """The left ventricle in some frames of a video, and the clips to look at for them.

    Attributes:
        frames: n frames of the file.
        masks: (n, S, S), the cavity in each.
        starts: of clips that see all of these frames.
    """

    frames: list[int]
    masks: NDArray[np.bool_]
    starts: list[int]


def traced_ventricle(
    tracings: Tracings, num_video_frames: int, sampling: ClipSampling, size: int, clips: int
) -> KnownVentricle:
    """The ventricle as a data set's readers traced it, at end-diastole and end-systole.

    Args:
        tracings: contour, (n, 2) as x and y in pixels of 112 x 112, by frame.
        num_video_frames: length of the video.
        sampling: of the model.
        size: S, pixels a side of the model's frames.
        clips: how many clips look at the traced frames.

    Raises:
        VideoError: there is none, or the tracings do not fit the video.
    """
    frames = sorted(tracings)
    if not frames:
        raise VideoError("it has no traced frame")
    for frame in frames:
        if tracings[frame].min() < -1 or tracings[frame].max() > TRACED_SIZE:
            raise VideoError(f"its tracing of frame {frame} lies outside the {TRACED_SIZE} x {TRACED_SIZE} pixels")
    masks = np.stack([polygon_mask(tracings[frame], size) for frame in frames])
    return KnownVentricle(frames, masks, covering_starts(frames, num_video_frames, sampling, clips))


def simulated_ventricle(
    root: Path, recording_id: str, num_video_frames: int, sampling: ClipSampling, size: int, clips: int
) -> KnownVentricle:
    """The ventricle of a phantom with truth, in every frame that its evenly placed clips sample.

    Args:
        root: of the cohort.
        recording_id: the recording.
        num_video_frames: length of the video.
        sampling: of the model.
        size: S, pixels a side of the model's frames.
        clips: how many clips.

    Raises:
        DatasetError: the truth cannot be read.
    """
    path = root / TRUTH_FOLDER / f"{recording_id}.npz"
    try:
        labels = read_arrays(path, ["labels"])["labels"]
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} is not the truth of a phantom ({error}). Write the phantoms anew.") from error
    starts = even_starts(num_video_frames, sampling, clips)
    frames = _sampled_frames(starts, num_video_frames, sampling)
    # A pixel of a smaller picture is the ventricle's where half of it is.
    shares = resize_frames((labels[frames] == LV_LABEL).astype(np.uint8) * 255, size)
    return KnownVentricle(frames, shares >= 128, sorted(set(starts)))


def outlined_ventricle(
    segmenter: Segmenter, frames: NDArray[np.uint8], sampling: ClipSampling, clips: int
) -> KnownVentricle:
    """The ventricle as a segmenter outlines it, in every frame that evenly placed clips sample.

    Args:
        segmenter: on the device that shall compute.
        frames: (F, S, S) uint8, of the model's frame size.
        sampling: of the model.
        clips: how many clips.
    """
    starts = even_starts(len(frames), sampling, clips)
    sampled = _sampled_frames(starts, len(frames), sampling)
    # All frames, since a segmenter may look at the ones beside each.
    shares = in_one_part(segmenter.probabilities(resize_frames(np.asarray(frames), segmenter.frame_size)))
    levels = np.rint(255 * shares[sampled]).astype(np.uint8)
    return KnownVentricle(sampled, resize_frames(levels, frames.shape[1]) >= 128, sorted(set(starts)))


def _sampled_frames(starts: Sequence[int], num_video_frames: int, sampling: ClipSampling) -> list[int]:
    """Frames of the video that clips show, or where a beat is resampled, all that have a part in it."""
    if sampling.is_whole_beat:
        return list(range(num_video_frames))
    sampled = {frame for start in starts for frame in range(start, start + sampling.span, sampling.stride)}
    return sorted(frame for frame in sampled if frame < num_video_frames)


def has_simulated_ventricles(root: Path) -> bool:
    """Whether a data set is a phantom cohort that was written with its truth."""
    return (root / TRUTH_FOLDER).is_dir()


def polygon_mask(polygon: NDArray[np.float64], size: int, *, traced_size: int = TRACED_SIZE) -> NDArray[np.bool_]:
    """Pixels whose centre lies inside a polygon, (size, size).

    Args:
        polygon: (n, 2), x and y in pixels of the traced picture; whole numbers are centres of pixels.
        size: pixels a side of the mask.
        traced_size: pixels a side of the traced picture.
    """
    # Pixel i of `size` covers the traced pixels from i * ratio - 1/2 to (i + 1) * ratio - 1/2.
    centres = (np.arange(size) + 0.5) * traced_size / size - 0.5
    x, y = centres[None, :, None], centres[:, None, None]
    x1, y1 = polygon.T
    x2, y2 = np.roll(polygon, -1, axis=0).T
    # Even-odd rule: count the edges that a ray to the right crosses. A level edge is never across.
    is_across = (y1 <= y) != (y2 <= y)
    slope = (x2 - x1) / np.where(y2 == y1, 1, y2 - y1)
    return np.asarray((is_across & (x < x1 + (y - y1) * slope)).sum(axis=2) % 2 == 1)


def covering_starts(frames: Sequence[int], num_video_frames: int, sampling: ClipSampling, clips: int) -> list[int]:
    """Starts of clips that see the given frames: of clips that see all at once, or else of each frame's own.

    Args:
        frames: at least one frame of the file.
        num_video_frames: length of the video.
        sampling: of the model.
        clips: how many, evenly placed over the starts that serve; one is the middle of them.

    Raises:
        VideoError: a frame is not in the video.
    """
    outside = [frame for frame in frames if not 0 <= frame < num_video_frames]
    if outside:
        raise VideoError(f"its traced frame {outside[0]} is not among the {num_video_frames} frames of the video")
    if sampling.is_whole_beat:
        return [0]
    reach = sampling.num_frames * sampling.stride - 1
    first = max(0, max(frames) - reach)
    last = min(min(frames), num_starts(num_video_frames, sampling) - 1)
    if first > last:
        each = (covering_starts([frame], num_video_frames, sampling, clips) for frame in frames)
        return sorted({start for starts in each for start in starts})
    shares = [0.5] if clips == 1 else np.linspace(0, 1, clips).tolist()
    return sorted({round(first + share * (last - first)) for share in shares})
