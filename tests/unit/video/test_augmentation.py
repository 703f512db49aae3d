import numpy as np
import pytest

from coreecho.errors import RecipeError
from coreecho.video import pad_and_crop


def slow_pad_and_crop(clip: np.ndarray, pad: int, rng: np.random.Generator) -> np.ndarray:
    top, left = rng.integers(0, 2 * pad + 1, size=2)
    padded = np.pad(clip, ((0, 0), (pad, pad), (pad, pad)))
    return padded[:, top : top + clip.shape[1], left : left + clip.shape[2]]


@pytest.mark.parametrize("seed", range(20))
def test_equals_padding_and_then_cropping(seed: int) -> None:
    clip = np.random.default_rng(99).integers(1, 256, (3, 12, 10), dtype=np.uint8)
    expected = slow_pad_and_crop(clip, 4, np.random.default_rng(seed))
    np.testing.assert_array_equal(pad_and_crop(clip, 4, np.random.default_rng(seed)), expected)


def test_all_frames_move_alike_and_windows_reach_both_ends() -> None:
    clip = np.zeros((5, 112, 112), np.uint8)
    clip[:, 56, 56] = 255
    rng = np.random.default_rng(0)
    shifts = []
    for _ in range(300):
        moved = np.argwhere(pad_and_crop(clip, 6, rng))
        assert len({(row, column) for _, row, column in moved}) == 1
        shifts.append(moved[0, 1:] - 56)
    assert np.min(shifts, axis=0).tolist() == [-6, -6]
    assert np.max(shifts, axis=0).tolist() == [6, 6]


def test_the_border_has_the_grey_that_is_asked_for() -> None:
    clip = np.full((2, 8, 8), 200, np.uint8)
    cropped = [pad_and_crop(clip, 3, np.random.default_rng(seed), fill=33) for seed in range(10)]
    assert {int(grey) for each in cropped for grey in np.unique(each)} == {33, 200}


def test_the_last_place_is_left_out_where_the_published_code_never_draws_it() -> None:
    clip = np.zeros((1, 16, 16), np.uint8)
    clip[:, 8, 8] = 255
    rng = np.random.default_rng(0)
    shifts = [np.argwhere(pad_and_crop(clip, 2, rng, last_offset=False))[0, 1:] - 8 for _ in range(200)]
    # A window that lies further down shows the heart further up.
    assert sorted({int(shift) for shift, _ in shifts}) == [-1, 0, 1, 2]


def test_no_padding_changes_nothing() -> None:
    clip = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4)
    np.testing.assert_array_equal(pad_and_crop(clip, 0, np.random.default_rng(0)), clip)


def test_negative_padding_is_refused() -> None:
    with pytest.raises(RecipeError, match="at least 0 pixels; got -1"):
        pad_and_crop(np.zeros((1, 4, 4), np.uint8), -1, np.random.default_rng(0))
