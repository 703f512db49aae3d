import numpy as np
import pytest

from coreecho.errors import VideoError
from coreecho.video.resizing import squash_frames


def test_the_aspect_is_not_kept_and_areas_are_averaged() -> None:
    frames = np.arange(2 * 4 * 8, dtype=np.uint8).reshape(2, 4, 8)
    expected = frames.reshape(2, 2, 2, 2, 4).mean(axis=(2, 4))
    np.testing.assert_array_equal(squash_frames(frames, 2), np.floor(expected + 0.5))


def test_one_axis_may_shrink_while_the_other_grows() -> None:
    frames = np.array(
        [[[0, 100], [0, 100], [100, 200], [100, 200], [50, 50], [50, 50], [0, 0], [8, 8]]], dtype=np.uint8
    )
    squashed = squash_frames(frames, 4)
    assert squashed[0, 0].tolist() == [0, 25, 75, 100]
    assert squashed[0, 1].tolist() == [100, 125, 175, 200]
    assert squashed[0, 3].tolist() == [4, 4, 4, 4]


def test_a_size_that_fits_changes_nothing() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 11, 11), dtype=np.uint8)
    np.testing.assert_array_equal(squash_frames(frames, 11), frames)


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(VideoError, match=r"Expected frames \(T, H, W\)"):
        squash_frames(np.zeros((4, 4), dtype=np.uint8), 2)
    with pytest.raises(VideoError, match="at least 1 pixel; got 0"):
        squash_frames(np.zeros((1, 4, 4), dtype=np.uint8), 0)
