"""Clips of single DICOM frames, one a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.uid import RLELossless

from coreecho.errors import VideoError
from coreecho.video import find_series, read_series, read_video
from coreecho.video.dicom_series import SERIES_NOTE
from coreecho.video.reading import UNEVEN_NOTE

Write = Callable[..., Path]
SERIES, OTHER_SERIES = "1.2.3.4", "1.2.3.5"


@pytest.fixture
def write_series(tmp_path: Path, write_dicom: Write) -> Callable[..., Path]:
    """Write frames as single files; their names tell another order than their numbers."""

    def write(frames: Any, numbers: Any = None, **attributes: Any) -> Path:
        for position, frame in enumerate(frames):
            number = position + 1 if numbers is None else numbers[position]
            given = {"SeriesInstanceUID": SERIES, "InstanceNumber": number, **attributes}
            settings = {key: value(position) if callable(value) else value for key, value in given.items()}
            write_dicom(tmp_path / f"IM{(position * 7) % len(frames):03d}", frame[None], **settings)
        return tmp_path

    return write


@pytest.fixture
def prepared(smooth_frames: Any) -> Any:
    return smooth_frames[:12, ::2, ::2]


@pytest.mark.parametrize("compression", [None, RLELossless])
def test_a_series_is_the_clip_of_one_file(
    write_series: Callable[..., Path], prepared: Any, compression: str | None
) -> None:
    folder = write_series(prepared, compression=compression)
    video = read_series(folder)
    np.testing.assert_array_equal(video.frames, prepared)
    assert video.fps == 50
    assert video.source == str(folder)
    assert video.notes == (SERIES_NOTE,)
    files = sorted(folder.iterdir(), reverse=True)
    np.testing.assert_array_equal(read_series(files).frames, prepared)


def test_a_screen_in_single_frames_is_cropped(
    tmp_path: Path, write_series: Callable[..., Path], write_dicom: Write, draw_screen: Callable[..., Any]
) -> None:
    screen = draw_screen()
    expected = read_video(write_dicom(tmp_path / "whole.dcm", screen)).frames
    (tmp_path / "whole.dcm").unlink()
    np.testing.assert_array_equal(read_series(write_series(screen)).frames, expected)


def test_levels_in_use_are_those_of_the_whole_series(write_series: Callable[..., Path], prepared: Any) -> None:
    """A dark frame by itself would be read with fewer bits than its neighbours."""
    dimmed = prepared.astype(np.uint16) * 16
    dimmed[3] //= 8
    video = read_series(write_series(dimmed))
    np.testing.assert_array_equal(video.frames, dimmed >> 4)


def test_missing_frames_keep_their_times(write_series: Callable[..., Path], prepared: Any) -> None:
    kept = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11]
    video = read_series(write_series(prepared[kept], numbers=[number + 1 for number in kept]))
    assert len(video.frames) == 12
    assert UNEVEN_NOTE.format(50) in video.notes
    np.testing.assert_array_equal(video.frames[kept], prepared[kept])


def test_without_a_frame_time_the_time_of_each_frame_tells(write_series: Callable[..., Path], prepared: Any) -> None:
    video = read_series(write_series(prepared, FrameTime=None, ContentTime=lambda number: f"1200{number * 0.04:09.6f}"))
    assert video.fps == pytest.approx(25)
    assert video.notes == (SERIES_NOTE,)
    video = read_series(write_series(prepared, FrameTime=None, ContentTime="120000"))
    assert video.fps is None
    assert "the file does not say its frame rate" in video.notes


def test_series_are_found_by_their_identifier(
    tmp_path: Path, write_series: Callable[..., Path], write_dicom: Write, prepared: Any
) -> None:
    write_series(prepared)
    for number in (2, 1):
        write_dicom(tmp_path / f"other{number}", prepared[:1], SeriesInstanceUID=OTHER_SERIES, InstanceNumber=number)
    write_dicom(tmp_path / "clip", prepared, SeriesInstanceUID="1.2.3.6", InstanceNumber=1)
    (tmp_path / "notes.txt").write_text("about this folder")
    series = find_series(tmp_path)
    assert [len(clip) for clip in series] == [12, 2]
    assert [path.name for path in series[1]] == ["other1", "other2"]
    with pytest.raises(VideoError, match="holds 2 clips that lie as single DICOM frames"):
        read_series(tmp_path)
    np.testing.assert_array_equal(read_series(series[0]).frames, prepared)


def test_what_is_no_series_is_refused(
    tmp_path: Path, write_series: Callable[..., Path], write_dicom: Write, prepared: Any
) -> None:
    with pytest.raises(VideoError, match="holds 0 clips"):
        read_series(tmp_path)
    with pytest.raises(VideoError, match="holds 0 clips"):
        read_series([])
    with pytest.raises(VideoError, match="cannot be opened"):
        read_series(tmp_path / "nowhere")
    write_series(prepared, numbers=[1, 2, 3, 3, *range(5, 13)])
    with pytest.raises(VideoError, match="two of its files have the same InstanceNumber"):
        read_series(tmp_path)


def test_frames_of_another_kind_are_refused(write_series: Callable[..., Path], prepared: Any) -> None:
    folder = write_series(prepared, BitsStored=lambda number: 8 - number % 2, HighBit=lambda number: 7 - number % 2)
    with pytest.raises(VideoError, match="its frames differ in BitsStored"):
        read_series(folder)


def test_a_single_frame_says_how_the_clip_is_read(write_series: Callable[..., Path], prepared: Any) -> None:
    folder = write_series(prepared)
    with pytest.raises(VideoError, match=r"single frames, one a file, `coreecho predict FOLDER --series` reads them"):
        read_video(folder / "IM000")
