"""When the frames of a DICOM clip were taken."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom import Dataset

from coreecho.video.temporal import FrameTimes, find_times, is_same_rate

UNKNOWN_RATE_NOTE = "the file does not say its frame rate"
_DISAGREE_NOTE = "its FrameTime and its FrameTimeVector disagree, and it does not say which holds; FrameTime is used"
_OTHER_NUMBER_NOTE = "its FrameTimeVector has another number of frames than it; the mean rate is used"
_NO_VECTOR_NOTE = "it says that its FrameTimeVector holds, which holds no times; what else it says of its rate is used"
_FRAME_TIME, _FRAME_TIME_VECTOR = 0x0018_1063, 0x0018_1065


def frame_times(dataset: Dataset, num_frames: int) -> FrameTimes:
    """Find the frame rate, and the times of the frames where they are not evenly spaced.

    FrameIncrementPointer names the attribute that holds. Where it names none that is there: FrameTime, else
    FrameTimeVector, else CineRate, else RecommendedDisplayFrameRate.
    """
    frame_time_ms = positive(dataset.get("FrameTime"))
    of_time = None if frame_time_ms is None else FrameTimes(1000 / frame_time_ms)
    of_vector = _times_of_vector(dataset.get("FrameTimeVector"), num_frames)
    pointers = _pointers(dataset)
    if _FRAME_TIME_VECTOR in pointers and of_vector is not None:
        return of_vector
    is_doubtful = _FRAME_TIME_VECTOR in pointers and _FRAME_TIME not in pointers
    notes = (_NO_VECTOR_NOTE,) if is_doubtful else ()
    if of_time is not None:
        rates = of_time.fps, None if of_vector is None else of_vector.fps
        agree = None in rates or _FRAME_TIME in pointers or is_same_rate(rates[0] or 0, rates[1] or 0)
        return of_time._replace(notes=notes if agree else (_DISAGREE_NOTE,))
    if of_vector is not None:
        return of_vector
    rates_given = (positive(dataset.get(keyword)) for keyword in ("CineRate", "RecommendedDisplayFrameRate"))
    fps = next((rate for rate in rates_given if rate is not None), None)
    return FrameTimes(fps, None, notes if fps is not None else (UNKNOWN_RATE_NOTE,))


def _pointers(dataset: Dataset) -> set[int]:
    value = dataset.get("FrameIncrementPointer")
    values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return {int(tag) for tag in values if isinstance(tag, int)}


def _times_of_vector(vector: Any, num_frames: int) -> FrameTimes | None:
    """Read a FrameTimeVector: the step before each frame, that of the first being 0. One value is no sequence."""
    if not isinstance(vector, Sequence) or isinstance(vector, str) or len(vector) < 2:
        return None
    steps = np.array([float(step) for step in vector])
    # Some leave the first out.
    steps = steps if len(steps) == num_frames - 1 else steps[1:]
    if not np.isfinite(steps).all() or steps.min() <= 0:
        return None
    if len(steps) != num_frames - 1:
        return FrameTimes(float(1000 / steps.mean()), None, (_OTHER_NUMBER_NOTE,))
    return find_times(np.concatenate([[0.0], np.cumsum(steps)]))


def positive(value: Any) -> float | None:
    """Take a number that is above 0 and finite; None for all else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 < number < float("inf") else None
