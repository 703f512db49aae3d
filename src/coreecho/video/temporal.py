"""One heartbeat at a fixed number of frames: the frames of the beat, then interpolation in time."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from coreecho.errors import RecipeError, VideoError

TimeMethod = Literal["spline", "trilinear"]

_CUBIC = 3


def take_beat(frames: NDArray[np.uint8], first: int, last: int) -> NDArray[np.uint8]:
    """Cut out the frames from `first` to `last`, both included; they run backwards where `last` comes before `first`.

    Args:
        frames: (T, H, W).
        first: counted from 0, e.g. end-diastole.
        last: counted from 0, e.g. end-systole.

    Returns:
        (|last - first| + 1, H, W), a view.

    Raises:
        VideoError: a frame lies outside of the clip.
    """
    outside = [frame for frame in (first, last) if not 0 <= frame < len(frames)]
    if outside:
        raise VideoError(f"The beat runs from frame {first} to {last}, but the clip has frames 0 to {len(frames) - 1}.")
    if first <= last:
        return frames[first : last + 1]
    return frames[last : first + 1][::-1]


def resample_time(frames: NDArray[np.uint8], num_frames: int, method: TimeMethod = "spline") -> NDArray[np.uint8]:
    """Interpolate a clip in time to a number of frames.

    Both methods are linear in the frames, so the interpolation is one small matrix (see `time_weights`).

    Args:
        frames: (T, H, W) uint8.
        num_frames: N, frames of the result.
        method: see `time_weights`.

    Returns:
        (N, H, W) uint8, rounded, and clipped where the spline overshoots.

    Raises:
        RecipeError: `num_frames` is below 1, or the method is unknown.
    """
    num_source, height, width = frames.shape
    weights = time_weights(num_source, num_frames, method).astype(np.float32)
    mixed = weights @ frames.reshape(num_source, -1).astype(np.float32)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8).reshape(num_frames, height, width)


def time_weights(num_source: int, num_frames: int, method: TimeMethod = "spline") -> NDArray[np.float64]:
    """The share of each source frame in each new frame, (N, T); rows sum to 1.

    Args:
        num_source: T.
        num_frames: N.
        method: "spline" is the interpolating cubic spline with not-a-knot ends (of lower degree below four frames);
            its first and last frames are the source's. "trilinear" is linear between the nearest two frames, with the
            frames as cells: new frame i lies at (i + 1/2) T / N - 1/2, and beyond the ends the end frames hold. The
            code that the paper's HMC-QU experiment follows interpolates so.

    Raises:
        RecipeError: a number is below 1, or the method is unknown.
    """
    if num_source < 1 or num_frames < 1:
        raise RecipeError(
            f"Interpolation in time needs at least 1 frame on both sides; got {num_source} -> {num_frames}."
        )
    if method not in get_args(TimeMethod):
        raise RecipeError(f"Interpolation in time is one of {', '.join(get_args(TimeMethod))}; got {method!r}.")
    unit = np.eye(num_source)
    if num_source == 1:
        return np.ones((num_frames, 1))
    if method == "spline":
        positions = np.linspace(0, num_source - 1, num_frames)
        spline = make_interp_spline(np.arange(num_source), unit, k=min(_CUBIC, num_source - 1))
        return np.asarray(spline(positions), dtype=np.float64)
    positions = np.clip((np.arange(num_frames) + 0.5) * num_source / num_frames - 0.5, 0, num_source - 1)
    before = np.minimum(positions.astype(np.intp), num_source - 2)
    share = (positions - before)[:, None]
    return np.asarray((1 - share) * unit[before] + share * unit[before + 1])
