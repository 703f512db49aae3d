"""Time: one heartbeat at a fixed number of frames, and a clip at another frame rate.

Who uses which. The published pre-processing of CAMUS and HMC-QU brings a beat to a number of frames (`resample_time`).
A clip from the wild, whose scanner ran at another rate than those of the training, is brought to the training's frame
rate (`resample_fps`), so that `stride` frames are as many milliseconds as the model has learned: by `Predictor`,
by `coreecho convert`, and where a model is shown other data than its own. On the data that it learned from frames are
taken as they are, as the paper does.
"""

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import RecipeError, VideoError
from coreecho.video.limits import MAX_HELD_BYTES

TimeMethod = Literal["spline", "trilinear"]

_CUBIC = 3
# 29.97 and 30 frames a second are the same to a heart.
_RATE_TOLERANCE = 0.01
# Scanners run at 15 to 150 frames a second. What is further from its target than this is a wrong rate in a header, and
# a hostile one would have a thousand frames made of each.
_MAX_RATE_RATIO = 8
# Bounds the float32 copies to a few MiB.
_FRAMES_AT_ONCE = 64
_PIXELS_AT_ONCE = 2 * 1024**2
# Uneven times: see `find_times`.
_MAX_UNEVEN_STEP = 0.1
_MIN_PAUSE_MS, _MIN_PAUSE_STEPS = 400.0, 5
_PERCENT_SHORT, _MIN_JITTER = 10, 0.75
PAUSE_NOTE = "its time stands still for a while, in which no frame was taken; that pause was left out"


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
    num_given, height, width = frames.shape
    weights = time_weights(num_given, num_frames, method).astype(np.float32)
    mixed = weights @ frames.reshape(num_given, -1).astype(np.float32)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8).reshape(num_frames, height, width)


def time_weights(num_given: int, num_frames: int, method: TimeMethod = "spline") -> NDArray[np.float64]:
    """The share of each given frame in each new frame, (N, T); rows sum to 1.

    Args:
        num_given: T.
        num_frames: N.
        method: "spline" is the interpolating cubic spline with not-a-knot ends (of lower degree below four frames);
            its first and last frames are the given ones. "trilinear" is linear between the nearest two frames, with the
            frames as cells: new frame i lies at (i + 1/2) T / N - 1/2, and beyond the ends the end frames hold. The
            code that the paper's HMC-QU experiment follows interpolates so.

    Raises:
        RecipeError: a number is below 1, or the method is unknown.
    """
    if num_given < 1 or num_frames < 1:
        raise RecipeError(
            f"Interpolation in time needs at least 1 frame on both sides; got {num_given} -> {num_frames}."
        )
    if method not in get_args(TimeMethod):
        raise RecipeError(f"Interpolation in time is one of {', '.join(get_args(TimeMethod))}; got {method!r}.")
    unit = np.eye(num_given)
    if num_given == 1:
        return np.ones((num_frames, 1))
    if method == "spline":
        positions = np.linspace(0, num_given - 1, num_frames)
        # Few clips are interpolated, and it takes long to import.
        from scipy.interpolate import make_interp_spline

        spline = make_interp_spline(np.arange(num_given), unit, k=min(_CUBIC, num_given - 1))
        return np.asarray(spline(positions), dtype=np.float64)
    positions = np.clip((np.arange(num_frames) + 0.5) * num_given / num_frames - 0.5, 0, num_given - 1)
    before = np.minimum(positions.astype(np.intp), num_given - 2)
    share = (positions - before)[:, None]
    return np.asarray((1 - share) * unit[before] + share * unit[before + 1])


def places_of(frames: NDArray[np.int64], num_given: int, num_frames: int, method: TimeMethod) -> NDArray[np.float64]:
    """Where given frames, counted from 0, lie among the new ones: the inverse of the positions of `time_weights`."""
    if method == "spline":
        return np.asarray(frames * ((num_frames - 1) / max(num_given - 1, 1)), dtype=np.float64)
    return np.asarray((frames + 0.5) * (num_frames / num_given) - 0.5, dtype=np.float64)


def rate_words(fps: float) -> str:
    """Frames per second for a person: three digits, and 1000 rather than 1e+03."""
    return f"{fps:.0f}" if fps >= 100 else f"{fps:.3g}"


def is_same_rate(fps: float, other_fps: float) -> bool:
    """Tell whether two frame rates differ by no more than rounding."""
    return abs(fps - other_fps) <= _RATE_TOLERANCE * other_fps


def can_resample(fps: float, target_fps: float) -> bool:
    """Tell whether both rates can be those of an echocardiogram of one heart: see `resample_fps`."""
    return 0 < fps <= _MAX_RATE_RATIO * target_fps and 0 < target_fps <= _MAX_RATE_RATIO * fps


def resampled_length(num_frames: int, fps: float, target_fps: float) -> int:
    """N of `resample_fps`: how many frames a clip has at another rate."""
    if is_same_rate(fps, target_fps):
        return num_frames
    # A hair more than the exact quotient, so that rounding never loses the last frame.
    return int((num_frames - 1) * target_fps / fps + 1e-9) + 1


def resample_fps(frames: NDArray[np.uint8], fps: float, target_fps: float) -> NDArray[np.uint8]:
    """Bring a clip to another frame rate: new frame i shows the instant i / `target_fps` seconds after the first.

    Linear between the two frames around an instant, so grey levels never overshoot, and memory is bounded whatever the
    length. An instant at which the clip has a frame gets that frame unchanged; so where `fps` is a whole multiple of
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
            f"A clip of {rate_words(fps)} frames per second cannot be brought to "
            f"{rate_words(target_fps)}: the rates are more than "
            f"{_MAX_RATE_RATIO} times apart, and one of them is likely wrong."
        )
    if is_same_rate(fps, target_fps):
        return frames
    num_frames = resampled_length(len(frames), fps, target_fps)
    positions = np.minimum(np.arange(num_frames) * (fps / target_fps), len(frames) - 1)
    before = np.floor(positions + 1e-9).astype(np.intp)
    after = np.minimum(before + 1, len(frames) - 1)
    return _mix(frames, before, after, np.maximum(positions - before, 0).astype(np.float32))


def _mix(
    frames: NDArray[np.uint8], before: NDArray[np.intp], after: NDArray[np.intp], share: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Linear mixtures (N, H, W) of pairs of frames: `share` (N,) is that of the later ones."""
    mixtures = np.empty((len(share), *frames.shape[1:]), dtype=np.uint8)
    at_once = max(1, min(_FRAMES_AT_ONCE, _PIXELS_AT_ONCE // frames[0].size))
    for first in range(0, len(share), at_once):
        part = slice(first, first + at_once)
        later = share[part, None, None]
        mixtures[part] = np.rint((1 - later) * frames[before[part]] + later * frames[after[part]])
    return mixtures


class FrameTimes(NamedTuple):
    """When the frames of a clip were taken.

    Attributes:
        fps: frames per second, or None where it is not known; where the times are uneven, of their resampling.
        uneven_ms: (T,), where they are not evenly spaced; else None.
        notes: what is to be said of them.
    """

    fps: float | None
    uneven_ms: NDArray[np.float64] | None = None
    notes: tuple[str, ...] = ()


def find_times(times_ms: NDArray[np.float64], tick_ms: float = 0.0) -> FrameTimes:
    """Tell from the time stamps of a clip's frames at which rate they come, and whether they are evenly spaced.

    Even is what differs by no more than the rounding of the stamps to ticks, or a tenth of a step. A single step of
    0.4 s and more among short ones is a pause, during which no scanner recorded: it counts as one step.

    Args:
        times_ms: (T,), when each frame is shown.
        tick_ms: to what the stamps were rounded.

    Returns:
        The rate, None where the stamps tell none (they do not rise, or there are fewer than two); where they are
        uneven, the stamps without pauses.
    """
    steps = np.diff(times_ms)
    if len(steps) == 0 or not np.isfinite(steps).all() or steps.min() <= 0:
        return FrameTimes(None)
    typical = float(np.median(steps))
    is_pause = steps > max(_MIN_PAUSE_MS, _MIN_PAUSE_STEPS * typical)
    notes = (PAUSE_NOTE,) if is_pause.any() else ()
    steps = np.where(is_pause, typical, steps)
    times = np.concatenate([[0.0], np.cumsum(steps)])
    mean = float(times[-1] / len(steps))
    slack = max(_MAX_UNEVEN_STEP * typical, 1.01 * tick_ms)
    is_even = np.abs(steps - typical).max() <= slack and np.abs(times - mean * np.arange(len(times))).max() <= slack
    if is_even:
        return FrameTimes(1000 / mean, None, notes)
    # Where frames were dropped the shortest steps are those of the recording; where they jitter, the usual ones.
    short = float(np.percentile(steps, _PERCENT_SHORT, method="lower"))
    return FrameTimes(1000 / (short if short < _MIN_JITTER * typical else typical), times, notes)


def resample_uneven(frames: NDArray[np.uint8], times_ms: NDArray[np.float64], fps: float) -> NDArray[np.uint8]:
    """Bring frames that come at uneven times to an even rate: new frame i shows the instant i / `fps` seconds.

    Linear between the two frames around an instant, as in `resample_fps`.

    Args:
        frames: (T, H, W) uint8.
        times_ms: (T,), rising.
        fps: frames per second of the result.

    Returns:
        (N, H, W) uint8 with N = floor((t_last - t_first) fps) + 1.

    Raises:
        VideoError: more than eight times as many frames would be made, or more than may be held.
    """
    instants_per_ms = fps / 1000
    num_frames = int((times_ms[-1] - times_ms[0]) * instants_per_ms + 1e-6) + 1
    frame_bytes = frames.shape[1] * frames.shape[2]
    if num_frames > _MAX_RATE_RATIO * len(frames) or num_frames * frame_bytes > MAX_HELD_BYTES:
        raise VideoError(
            f"{len(frames)} frames are spaced so unevenly in time that {num_frames} would have to be made of them. "
            "Expected a clip at a constant frame rate: export it again."
        )
    instants = times_ms[0] + np.arange(num_frames) / instants_per_ms
    before = np.clip(np.searchsorted(times_ms, instants + 1e-6, side="right") - 1, 0, len(frames) - 2)
    share = np.clip((instants - times_ms[before]) / (times_ms[before + 1] - times_ms[before]), 0, 1)
    return _mix(frames, before, before + 1, share.astype(np.float32))
