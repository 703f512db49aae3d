import numpy as np
import pytest

from coreecho.ventricle import smooth_masks


def test_flicker_is_outvoted() -> None:
    masks = np.zeros((9, 4, 4), dtype=bool)
    masks[:, 1:3, 1:3] = True
    steady = masks.copy()
    masks[4, 1, 1] = False
    masks[6, 3, 3] = True
    np.testing.assert_array_equal(smooth_masks(masks, 3), steady)
    np.testing.assert_array_equal(smooth_masks(masks, 1), masks)


def test_votes_by_hand() -> None:
    """One pixel; the window shrinks evenly at the ends, so the first and the last frame stay as they are."""
    pixel = np.array([1, 0, 1, 1, 0, 0, 1, 0], dtype=bool)[:, None, None]
    assert smooth_masks(pixel, 3).ravel().tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert smooth_masks(pixel, 5).ravel().tolist() == [1, 1, 1, 0, 1, 0, 0, 0]


@pytest.mark.parametrize("num_frames", [0, -1, 2])
def test_a_window_has_a_middle(num_frames: int) -> None:
    with pytest.raises(ValueError, match="odd number of frames"):
        smooth_masks(np.zeros((3, 2, 2), dtype=bool), num_frames)
