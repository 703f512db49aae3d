import numpy as np
import pytest

from coreecho.ventricle import dice, frame_distance, frame_offset


def _mask(*columns: int) -> np.ndarray:
    mask = np.zeros((1, 8), dtype=bool)
    mask[0, list(columns)] = True
    return mask


def test_dice_by_hand() -> None:
    found = np.stack([_mask(0, 1, 2), _mask(4), _mask(), _mask(), _mask(1)])
    expected = np.stack([_mask(1, 2, 3, 4, 5), _mask(4), _mask(0, 1), _mask(), _mask()])
    scores = dice(found, expected)
    np.testing.assert_array_equal(scores.per_frame, [2 * 2 / 8, 1, 0, np.nan, 0])
    # 2 (2 + 1) common of 5 + 8 pixels.
    assert scores.pooled == pytest.approx(6 / 13)
    assert scores.mean == pytest.approx((0.5 + 1) / 4)
    assert (scores.num_frames, scores.num_unfound, scores.num_unexpected) == (5, 1, 1)


def test_dice_of_nothing_is_unknown() -> None:
    scores = dice(_mask()[None], _mask()[None])
    assert np.isnan(scores.pooled)
    assert np.isnan(scores.mean)
    assert dice(np.zeros((0, 2, 2), dtype=bool), np.zeros((0, 2, 2), dtype=bool)).num_frames == 0


def test_dice_counts_more_pixels_than_a_byte_holds() -> None:
    masks = np.ones((3, 40, 40), dtype=bool)
    assert dice(masks, masks).pooled == 1


def test_masks_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="of one shape"):
        dice(np.zeros((1, 2, 2), dtype=bool), np.zeros((1, 2, 3), dtype=bool))


def test_distance_to_the_nearest_frame() -> None:
    assert frame_offset([3, 40, 90], 44) == -4
    assert frame_offset([3, 40, 46], 44) == 2
    assert frame_offset([42, 46], 44) == -2
    assert frame_offset([], 44) is None


def test_distances_are_summed_up_with_those_unknown() -> None:
    distance = frame_distance([-4, 2, None, 1, None])
    assert distance.mean == pytest.approx(7 / 3)
    assert distance.bias == pytest.approx(-1 / 3)
    assert (distance.num_videos, distance.num_unfound) == (3, 2)
    assert np.isnan(frame_distance([None]).mean)
