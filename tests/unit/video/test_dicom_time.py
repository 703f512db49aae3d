"""Frame times of DICOM clips in other units and forms than DICOM's own."""

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from coreecho.video.dicom_time import IMPOSSIBLE_NOTE, SECONDS_NOTE, SUMS_NOTE, UNKNOWN_RATE_NOTE, frame_times

TWENTIES = 20.0 * np.arange(10)


def clip(**attributes: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, [f"{number:g}" for number in value] if isinstance(value, np.ndarray) else value)
    return dataset


@pytest.mark.parametrize(
    ("attributes", "fps", "notes"),
    [
        ({"FrameTime": "0.02"}, 50, (SECONDS_NOTE,)),
        ({"FrameTime": "0.033"}, 30.3, (SECONDS_NOTE,)),
        ({"FrameTime": "1"}, 1000, ()),
        # Neither milliseconds nor seconds of any scanner; the next attribute tells.
        ({"FrameTime": "20000", "CineRate": 50}, 50, (IMPOSSIBLE_NOTE,)),
        ({"FrameTime": "20000"}, None, (IMPOSSIBLE_NOTE, UNKNOWN_RATE_NOTE)),
        ({"FrameTime": "1e-5"}, None, (IMPOSSIBLE_NOTE, UNKNOWN_RATE_NOTE)),
        ({"CineRate": 30000, "RecommendedDisplayFrameRate": 30}, 30, ()),
        ({"CineRate": 30000}, None, (IMPOSSIBLE_NOTE, UNKNOWN_RATE_NOTE)),
        # The time of each frame in place of the step before it: from 0, without the 0, from another start, in seconds.
        ({"FrameTimeVector": TWENTIES}, 50, (SUMS_NOTE,)),
        ({"FrameTimeVector": TWENTIES[1:]}, 50, (SUMS_NOTE,)),
        ({"FrameTimeVector": 5000 + TWENTIES}, 50, (SUMS_NOTE,)),
        ({"FrameTimeVector": TWENTIES / 1000}, 50, (SUMS_NOTE, SECONDS_NOTE)),
        ({"FrameTimeVector": np.array([0] + 9 * [0.02])}, 50, (SECONDS_NOTE,)),
        # Steps that grow a little, and a vector of two frames, are what they are.
        ({"FrameTimeVector": np.array([0, *np.linspace(20, 20.8, 9)])}, 49, ()),
    ],
)
def test_times_in_other_units_and_sums_are_read_with_a_note(
    attributes: dict[str, Any], fps: float | None, notes: tuple[str, ...]
) -> None:
    times = frame_times(clip(**attributes), 10)
    assert times.fps == (None if fps is None else pytest.approx(fps, rel=2e-3))
    assert times.uneven_ms is None
    assert times.notes == notes


def test_sums_of_uneven_steps_are_the_times() -> None:
    stamps = np.array([0, 20, 40, 60, 120, 140, 160, 180, 240, 260])
    times = frame_times(clip(FrameTimeVector=stamps), 10)
    assert times.uneven_ms is not None
    np.testing.assert_array_equal(times.uneven_ms, stamps)
    assert times.fps == 50
