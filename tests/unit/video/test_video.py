import numpy as np
import pytest

from coreecho.errors import UnsuitableError, VideoError
from coreecho.video import Video


def test_length_in_frames_and_seconds() -> None:
    video = Video(np.zeros((100, 8, 8), np.uint8), 50.0, "a.avi")
    assert video.num_frames == 100
    assert video.duration_s == 2.0
    assert Video(np.zeros((2, 8, 8), np.uint8), None, "a.npy").duration_s is None


@pytest.mark.parametrize("frames", [np.zeros((8, 8), np.uint8), np.zeros((2, 8, 8)), np.zeros((0, 8, 8), np.uint8)])
def test_other_than_grey_frames_are_refused(frames: np.ndarray) -> None:
    with pytest.raises(VideoError, match=r"clip\.npy: expected grey frames \(T, H, W\) of uint8"):
        Video(frames, None, "clip.npy")


@pytest.mark.parametrize("fps", [0.0, -1.0, float("inf"), float("nan")])
def test_frame_rates_that_cannot_be_are_refused(fps: float) -> None:
    with pytest.raises(VideoError, match="frames per second must be a positive number"):
        Video(np.zeros((2, 8, 8), np.uint8), fps, "a.avi")


def test_a_clip_in_which_nothing_is_lit_is_black() -> None:
    frames = np.zeros((2, 8, 8), np.uint8)
    assert Video(frames, None, "a.npy").is_black
    frames[1, 3, 3] = 8
    assert not Video(frames, None, "a.npy").is_black


def test_one_picture_in_many_frames_is_a_still_and_speckle_is_not() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(20, 200, (1, 32, 32), dtype=np.uint8)
    # What a codec makes of a picture that stands still differs by a level here and there.
    coded = picture + (rng.random((20, 32, 32)) < 0.2).astype(np.uint8)
    for frames in (np.repeat(picture, 20, axis=0), coded):
        with pytest.raises(UnsuitableError, match="a still: all 20 frames"):
            Video(frames, 50.0, "clip.mp4").refuse_unmoved()
    # Some codecs take a few frames to settle.
    settling = np.repeat(picture, 60, axis=0)
    settling[:9] += np.arange(9, 0, -1, dtype=np.uint8)[:, None, None]
    with pytest.raises(UnsuitableError, match="a still"):
        Video(settling, 50.0, "clip.avi").refuse_unmoved()
    # A film of more frames a second than the clip had shows each several times.
    thrice = np.repeat(rng.integers(20, 200, (7, 32, 32), dtype=np.uint8), 3, axis=0)
    Video(thrice, 50.0, "clip.mp4").refuse_unmoved()
    with pytest.raises(VideoError, match="black"):
        Video(np.zeros((20, 32, 32), np.uint8), 50.0, "clip.mp4").refuse_unmoved()
