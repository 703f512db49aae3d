"""Frames are kept within bounded memory, whatever is declared or comes."""

from typing import Any

import numpy as np
import pytest

from coreecho.errors import VideoError
from coreecho.video import limits
from coreecho.video.collecting import FrameCollector, reduce_frame


@pytest.fixture(scope="module")
def screens() -> Any:
    return np.random.default_rng(0).integers(0, 256, (9, 481, 642), dtype=np.uint8)


@pytest.mark.parametrize("declared", [None, 9])
def test_what_fits_is_kept_as_it_is(screens: Any, declared: int | None) -> None:
    collector = FrameCollector("a", 481, 642, declared)
    for frame in screens:
        collector.add(frame)
    np.testing.assert_array_equal(collector.frames(), screens)
    assert collector.reduction == 1
    assert collector.notes == ()
    assert collector.coloured() is None


@pytest.mark.parametrize("declared", [None, 9])
def test_a_screen_that_does_not_fit_is_halved(
    screens: Any, declared: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_SCREEN_BYTES", 6 * 481 * 642)
    collector = FrameCollector("a", 481, 642, declared)
    red = np.zeros((481, 642, 3), np.uint8)
    red[100:140, 200:240] = (255, 0, 0)
    for frame in screens:
        collector.add(frame)
        collector.look_at(red)
    coloured = collector.coloured()
    frames = collector.frames()
    assert collector.reduction == 2
    assert collector.notes == ("a large recording: read at 1/2 of its resolution",)
    assert frames.shape == (9, 240, 321)
    blocks = screens[:, :480, :642].reshape(9, 240, 2, 321, 2).astype(int).sum(axis=(2, 4))
    np.testing.assert_array_equal(frames, (blocks + 2) // 4)
    assert coloured is not None
    assert coloured.shape == (240, 321)
    assert coloured[60, 110]
    assert not coloured[30, 110]


@pytest.mark.parametrize("declared", [None, 9])
def test_a_clip_that_cannot_be_halved_is_refused(declared: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A screen of 300 rows would have too few left, and a prepared clip is taken as it is."""
    monkeypatch.setattr(limits, "MAX_SCREEN_BYTES", 5 * 300 * 400)
    monkeypatch.setattr(limits, "MAX_HELD_BYTES", 5 * 112 * 112)

    def collect(height: int, width: int) -> None:
        collector = FrameCollector("a", height, width, declared)
        for _ in range(9):
            collector.add(np.zeros((height, width), np.uint8))

    for height, width in ((300, 400), (112, 112)):
        with pytest.raises(VideoError, match=rf"a: \d frames of {height} x {width} pixels are .* Cut the clip"):
            collect(height, width)


def test_very_large_frames_are_reduced_at_once() -> None:
    collector = FrameCollector("a", 2160, 3840, 2)
    collector.add(np.full((2160, 3840), 77, np.uint8))
    assert collector.reduction == 2
    assert collector.frames().shape == (1, 1080, 1920)


def test_ever_fewer_frames_are_looked_at_for_colour() -> None:
    collector = FrameCollector("a", 200, 200)
    looked_at = []
    for number in range(2000):
        collector.add(np.zeros((200, 200), np.uint8))
        if collector.wants_colour:
            looked_at.append(number)
    assert looked_at[:128] == list(range(128))
    assert 400 < len(looked_at) < 1000
    assert max(np.diff(looked_at)) <= 8


def test_the_mean_of_blocks_is_rounded() -> None:
    frame = np.array([[0, 1, 9], [1, 0, 9], [9, 9, 9]], np.uint8)
    np.testing.assert_array_equal(reduce_frame(frame, 2), [[1]])
    assert reduce_frame(frame, 1) is frame


def test_of_prepared_clips_one_frame_in_sixteen_is_looked_at_for_colour() -> None:
    collector = FrameCollector("a", 112, 112)
    looked_at = []
    for number in range(100):
        collector.add(np.zeros((112, 112), np.uint8))
        if collector.wants_colour:
            looked_at.append(number)
    assert looked_at == list(range(0, 100, 16))
