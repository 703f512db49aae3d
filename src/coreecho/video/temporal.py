"""Time: one heartbeat at a fixed number of frames, and a clip at another frame rate.

Who uses which. The published pre-processing of CAMUS and HMC-QU brings a beat to a number of frames (`resample_time`).
A clip from the wild, whose scanner ran at another rate than those of the training, is brought to the training's frame
rate (`resample_fps`), so that `stride` frames are as many milliseconds as the model has learned: by `Predictor`, and by
`coreecho convert`. Training and evaluation on EchoNet-Dynamic take its frames as they are, as the paper does.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from coreecho.errors import RecipeError, VideoError

TimeMethod = Literal["spline", "trilinear"]

_CUBIC = 3
# 29.97 and 30 frames a second are the same to a heart.
_RATE_TOLERANCE = 0.01
# Scanners run at 15 to 150 frames a second. What is further from its target than this is a wrong rate in a header, and
# a hostile one would have a thousand frames made of each.
_MAX_RATE_RATIO = 8
# Bounds the float32 copies to a few MiB.
_FRAMES_AT_ONCE = 64


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


def is_same_rate(fps: float, other_fps: float) -> bool:
    """Tell whether two frame rates differ by no more than rounding."""
    return abs(fps - other_fps) <= _RATE_TOLERANCE * other_fps


def can_resample(fps: float, target_fps: float) -> bool:
    """Tell whether both rates can be those of an echocardiogram of one heart: see `resample_fps`."""
    return 0 < fps <= _MAX_RATE_RATIO * target_fps and 0 < target_fps <= _MAX_RATE_RATIO * fps


def resample_fps(frames: NDArray[np.uint8], fps: float, target_fps: float) -> NDArray[np.uint8]:
    """Bring a clip to another frame rate: new frame i shows the instant i / `target_fps` seconds after the first.

    Linear between the two frames around an instant, so grey levels never overshoot, and memory is bounded whatever the
    length. An instant at which the source has a frame gets that frame unchanged; so where `fps` is a whole multiple of
    `target_fps` frames are only left out. The first frame stays, and nothing is made up past the last.

    Args:
        frames: (T, H, W) uint8.
        fps: frames per second of `frames`.
        target_fps: frames per second of the result.

    Returns:
        (N, H, W) uint8 with N = floor((T - 1) target_fps / fps) + 1; `frames` itself where the rates are the same.

    Raises:
        VideoError: a rate is not positive, or one is more than eight times the other.
    """
    if not can_resample(fps, target_fps):
        raise VideoError(
            f"A clip of {fps:.3g} frames per second cannot be brought to {target_fps:.3g}: the rates are more than "
            f"{_MAX_RATE_RATIO} times apart, and one of them is likely wrong."
        )
    if is_same_rate(fps, target_fps):
        return frames
    # A hair more than the exact quotient, so that rounding never loses the last frame.
    num_frames = int((len(frames) - 1) * target_fps / fps + 1e-9) + 1
    positions = np.minimum(np.arange(num_frames) * (fps / target_fps), len(frames) - 1)
    before = np.floor(positions + 1e-9).astype(np.intp)
    after = np.minimum(before + 1, len(frames) - 1)
    share = np.maximum(positions - before, 0).astype(np.float32)[:, None, None]
    resampled = np.empty((num_frames, *frames.shape[1:]), dtype=np.uint8)
    for first in range(0, num_frames, _FRAMES_AT_ONCE):
        part = slice(first, first + _FRAMES_AT_ONCE)
        mixed = (1 - share[part]) * frames[before[part]] + share[part] * frames[after[part]]
        resampled[part] = np.rint(mixed)
    return resampled
