"""When the frames of a DICOM clip were taken."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from coreecho.video.temporal import FrameTimes, find_times, is_same_rate

UNKNOWN_RATE_NOTE = "the file does not say its frame rate"
_DISAGREE_NOTE = "its FrameTime and its FrameTimeVector disagree, and it does not say which holds; FrameTime is used"
_OTHER_NUMBER_NOTE = "its FrameTimeVector has another number of frames than it; the mean rate is used"
_NO_VECTOR_NOTE = "it says that its FrameTimeVector holds, which holds no times; what else it says of its rate is used"
SECONDS_NOTE = "its times are given in seconds, where DICOM has milliseconds; read as such"
SUMS_NOTE = "its FrameTimeVector holds the time of each frame, where DICOM has the step before it; read as such"
IMPOSSIBLE_NOTE = "it gives a frame rate that no ultrasound scanner has; not used"
# Frames a second of any echocardiogram, from a Holter of stills to plane waves.
_POSSIBLE_FPS = (1.0, 1500.0)
_FRAME_TIME, _FRAME_TIME_VECTOR = 0x0018_1063, 0x0018_1065


def frame_times(instance: Dataset, num_frames: int) -> FrameTimes:
    """Find the frame rate, and the times of the frames where they are not evenly spaced.

    FrameIncrementPointer names the attribute that holds. Where it names none that is there: FrameTime, else
    FrameTimeVector, else CineRate, else RecommendedDisplayFrameRate.
    """
    of_time = _times_of_step(positive(instance.get("FrameTime")))
    of_vector = _times_of_vector(instance.get("FrameTimeVector"), num_frames)
    pointers = _pointers(instance)
    if _FRAME_TIME_VECTOR in pointers and of_vector is not None and of_vector.fps is not None:
        return of_vector
    is_doubtful = _FRAME_TIME_VECTOR in pointers and _FRAME_TIME not in pointers and of_vector is None
    notes = (_NO_VECTOR_NOTE,) if is_doubtful else ()
    if of_time is not None and of_time.fps is not None:
        rates = of_time.fps, None if of_vector is None else of_vector.fps
        agree = None in rates or _FRAME_TIME in pointers or is_same_rate(rates[0] or 0, rates[1] or 0)
        return of_time._replace(notes=(*of_time.notes, *(notes if agree else (_DISAGREE_NOTE,))))
    if of_vector is not None and of_vector.fps is not None:
        return of_vector
    rates_given = [positive(instance.get(keyword)) for keyword in ("CineRate", "RecommendedDisplayFrameRate")]
    fps = next((rate for rate in rates_given if rate is not None and _is_possible(rate)), None)
    has_impossible = of_time is not None or of_vector is not None or (fps is None and any(rates_given))
    notes = (*notes, *((IMPOSSIBLE_NOTE,) if has_impossible else ()))
    return FrameTimes(fps, None, notes if fps is not None else (*notes, UNKNOWN_RATE_NOTE))


def _is_possible(fps: float) -> bool:
    return _POSSIBLE_FPS[0] <= fps <= _POSSIBLE_FPS[1]


def _unit_ms(step: float) -> tuple[float | None, tuple[str, ...]]:
    """The unit of the time from one frame to the next: milliseconds, or seconds where only these can be; and a note."""
    if _is_possible(1000 / step):
        return 1.0, ()
    return (1000.0, (SECONDS_NOTE,)) if _is_possible(1 / step) else (None, (IMPOSSIBLE_NOTE,))


def _times_of_step(step: float | None) -> FrameTimes | None:
    """Read a FrameTime; the rate is None where no scanner has it."""
    if step is None:
        return None
    unit_ms, notes = _unit_ms(step)
    return FrameTimes(None if unit_ms is None else 1000 / (step * unit_ms), None, notes)


def _pointers(instance: Dataset) -> set[int]:
    value = instance.get("FrameIncrementPointer")
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return {int(tag) for tag in values if isinstance(tag, int)}


def _times_of_vector(vector: Any, num_frames: int) -> FrameTimes | None:
    """Read a FrameTimeVector: the step before each frame, that of the first being 0. One value is no sequence."""
    if not isinstance(vector, Sequence) or isinstance(vector, str) or len(vector) < 2:
        return None
    steps = np.array([float(step) for step in vector])
    # Some leave the first out.
    steps = steps if len(steps) == num_frames - 1 else steps[1:]
    notes: tuple[str, ...] = ()
    if np.isfinite(steps).all() and _are_sums(float(vector[0]), steps):
        # Of times, too, the first may be left out, which is 0 then.
        start = 0.0 if len(steps) == len(vector) else float(vector[0])
        steps, notes = np.diff(steps, prepend=start), (SUMS_NOTE,)
    if not np.isfinite(steps).all() or steps.min() <= 0:
        return None
    unit_ms, unit_notes = _unit_ms(float(np.median(steps)))
    notes = (*notes, *unit_notes)
    if unit_ms is None:
        return FrameTimes(None, None, notes)
    steps = steps * unit_ms
    if len(steps) != num_frames - 1:
        return FrameTimes(float(1000 / steps.mean()), None, (*notes, _OTHER_NUMBER_NOTE))
    times = find_times(np.concatenate([[0.0], np.cumsum(steps)]))
    return times._replace(notes=(*notes, *times.notes))


def _are_sums(first: float, steps: NDArray[np.float64]) -> bool:
    """Tell times, which rise from frame to frame, from the steps between them, which differ little.

    Args:
        first: value of the vector.
        steps: its values without that of the first frame.
    """
    if len(steps) < 3 or steps[0] <= 0 or not (np.diff(steps) > 0).all() or first > steps[0]:
        return False
    # Times from 0 on reach as many steps as there are; times from another start rise by far less than they are.
    is_long = steps[-1] >= steps[0] * len(steps) / 2
    return bool(is_long or (first > 0 and not _is_possible(1000 / steps[0]) and _is_possible(1000 / np.diff(steps)[0])))


def positive(value: Any) -> float | None:
    """Take a number that is above 0 and finite; None for all else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None
