"""What a DICOM clip says of its times and of the shape of its pixels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from coreecho.video import read_video
from coreecho.video.geometry import NOT_BELIEVED_ASPECT_NOTE
from coreecho.video.reading import UNEVEN_NOTE

Write = Callable[..., Path]
FRAME_TIME, VECTOR, SLICES = Tag("FrameTime"), Tag("FrameTimeVector"), Tag("SliceVector")
TWENTY = ["0", *39 * ["20"]]


@pytest.mark.parametrize(
    ("attributes", "fps", "note"),
    [
        ({"FrameTime": "33.3", "FrameTimeVector": TWENTY, "FrameIncrementPointer": VECTOR}, 50, None),
        ({"FrameTime": "25", "FrameTimeVector": TWENTY, "FrameIncrementPointer": FRAME_TIME}, 40, None),
        ({"FrameTime": "25", "FrameTimeVector": TWENTY}, 40, "disagree"),
        ({"FrameTime": "20", "FrameTimeVector": TWENTY}, 50, None),
        # It names what is not there, or holds no times.
        ({"FrameTime": "20", "FrameIncrementPointer": VECTOR}, 50, "holds no times"),
        ({"FrameTime": "20", "FrameTimeVector": 40 * ["0"], "FrameIncrementPointer": VECTOR}, 50, "holds no times"),
        ({"FrameTime": None, "FrameTimeVector": TWENTY, "FrameIncrementPointer": FRAME_TIME}, 50, None),
        (
            {"FrameTime": "25", "FrameTimeVector": TWENTY, "FrameIncrementPointer": [SLICES, VECTOR]},
            50,
            None,
        ),
        # The first is left out, or the vector is of another clip.
        ({"FrameTime": None, "FrameTimeVector": TWENTY[1:]}, 50, None),
        ({"FrameTime": None, "FrameTimeVector": TWENTY[:30]}, 50, "another number of frames"),
        ({"FrameTime": None, "FrameTimeVector": ["0", *19 * ["20"], *20 * ["40"]]}, 50, UNEVEN_NOTE.format(50)),
    ],
)
def test_the_pointer_tells_which_times_hold(
    tmp_path: Path, smooth_frames: Any, write_dicom: Write, attributes: Any, fps: float, note: str | None
) -> None:
    video = read_video(write_dicom(tmp_path / "a.dcm", smooth_frames, **attributes))
    assert video.fps == pytest.approx(fps)
    assert len(video.notes) == (note is not None)
    assert note is None or note in video.notes[0]


def test_uneven_times_are_resampled(tmp_path: Path, smooth_frames: Any, write_dicom: Write) -> None:
    """Every third frame was dropped, so every third instant lies between two frames."""
    kept = [number for number in range(40) if number % 3 != 1]
    steps = ["0", *(str(20 * step) for step in np.diff(kept))]
    path = write_dicom(tmp_path / "a.dcm", smooth_frames[kept], FrameTime=None, FrameTimeVector=steps)
    video = read_video(path)
    assert len(video.frames) == 40
    np.testing.assert_array_equal(video.frames[kept], smooth_frames[kept])
    assert np.abs(video.frames[1].astype(int) - smooth_frames[1]).mean() < 5


def region(across: float, down: float, units: int = 3, data_type: int = 1) -> Dataset:
    dataset = Dataset()
    dataset.RegionSpatialFormat, dataset.RegionDataType = 1, data_type
    dataset.RegionLocationMinX0 = dataset.RegionLocationMinY0 = 0
    dataset.RegionLocationMaxX1, dataset.RegionLocationMaxY1 = 319, 239
    dataset.PhysicalDeltaX, dataset.PhysicalDeltaY = across, down
    dataset.PhysicalUnitsXDirection = dataset.PhysicalUnitsYDirection = units
    return dataset


@pytest.mark.parametrize(
    ("attributes", "aspect"),
    [
        ({}, 1),
        ({"PixelAspectRatio": ["1", "2"]}, 2),
        ({"PixelAspectRatio": ["6", "5"]}, 5 / 6),
        ({"PixelSpacing": ["0.3", "0.45"]}, 1.5),
        ({"SequenceOfUltrasoundRegions": [region(0.05, 0.04)]}, 1.25),
        ({"SequenceOfUltrasoundRegions": [region(0.05, -0.05)]}, 1),
        # Colour flow and a bar of greys have scales of their own.
        ({"SequenceOfUltrasoundRegions": [region(0.05, 0.1, data_type=2), region(0.05, 0.04)]}, 1.25),
        ({"SequenceOfUltrasoundRegions": [region(0.05, 0.04, data_type=2)]}, 1.25),
        ({"SequenceOfUltrasoundRegions": [region(0.05, 0.01, units=4)]}, 1),
        ({"SequenceOfUltrasoundRegions": [region(0.05, 0.05)], "PixelAspectRatio": ["1", "1"]}, 1),
        ({"PixelAspectRatio": ["1", "40"]}, 0),
    ],
)
def test_oblong_pixels_are_made_square(
    tmp_path: Path, draw_screen: Callable[..., Any], write_dicom: Write, attributes: Any, aspect: float
) -> None:
    """The drawn sector is 180 rows high and 207 columns wide."""
    video = read_video(write_dicom(tmp_path / "a.dcm", draw_screen(has_text=False), **attributes))
    lit = video.frames.max(axis=0) > 0
    rows, columns = (np.ptp(np.flatnonzero(lit.any(axis=axis))) + 1 for axis in (1, 0))
    assert columns / rows == pytest.approx(207 / 180 * (aspect or 1), rel=0.04)
    assert (NOT_BELIEVED_ASPECT_NOTE in video.notes) == (aspect == 0)
    assert any("made square" in note for note in video.notes) == (aspect not in (0, 1))
