import numpy as np
import pytest

from coreecho.errors import RecipeError
from coreecho.video import augmentation, pad_and_crop
from coreecho.video.affine import transform
from coreecho.video.augmentation import random_camera_motion


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


_MOTION = {"rotation_degrees": 4.0, "zoom": 0.05, "shift": 0.05}


def _dot_clip(num_frames: int = 24) -> np.ndarray:
    """Two bright blobs, so that turn, zoom and shift can be told from their places, (T, 64, 64)."""
    row, column = np.mgrid[:64, :64]
    blobs = sum(np.exp(-0.5 * ((row - r) ** 2 + (column - c) ** 2) / 4.0) for r, c in ((16, 20), (48, 44)))
    return np.repeat(np.round(240 * blobs)[None].astype(np.uint8), num_frames, axis=0)


def _places(clip: np.ndarray) -> np.ndarray:
    """Centres of the upper and the lower blob, (T, 2, 2)."""
    row, column = np.mgrid[:64, :64]
    halves = [clip * (row < 32), clip * (row >= 32)]
    return np.stack(
        [
            np.stack([(half * axis).sum(axis=(1, 2)) / half.sum(axis=(1, 2)) for axis in (row, column)], axis=1)
            for half in halves
        ],
        axis=1,
    )


def test_camera_moves_smoothly_and_within_its_sizes() -> None:
    clip = _dot_clip()
    largest = np.zeros(3)
    for seed in range(60):
        moved = _places(random_camera_motion(clip, rng=np.random.default_rng(seed), **_MOTION))
        middle = moved.mean(axis=1)
        axis = moved[:, 1] - moved[:, 0]
        # The blobs lie evenly about the point (32, 32), half a pixel from the middle of the frame.
        shift = np.abs(middle - 32.0).max()
        turn = np.abs(np.rad2deg(np.arctan2(axis[:, 1], axis[:, 0]) - np.arctan2(24, 32))).max()
        zoom = np.abs(np.hypot(*axis.T) / 40.0 - 1.0).max()
        largest = np.maximum(largest, [shift / 64, turn, zoom])
        assert np.abs(np.diff(middle, n=2, axis=0)).max() < 2.6 * 64 * 0.05
    assert largest[0] == pytest.approx(0.05, abs=0.02)
    assert largest[1] == pytest.approx(4.0, abs=1.2)
    assert largest[2] == pytest.approx(0.05, abs=0.02)


def test_many_clips_hardly_move() -> None:
    clip = _dot_clip()
    moved = [_places(random_camera_motion(clip, rng=np.random.default_rng(seed), **_MOTION)) for seed in range(60)]
    reach = np.array([np.ptp(places[:, :, 0], axis=0).mean() for places in moved])
    assert np.mean(reach < 0.25 * reach.max()) > 0.35


@pytest.mark.parametrize(
    "changes",
    [{"strength": 0.0}, {"rotation_degrees": 0.0, "zoom": 0.0, "shift": 0.0}],
    ids=["no strength", "no sizes"],
)
def test_a_camera_at_rest_changes_nothing(changes) -> None:
    clip = np.random.default_rng(0).integers(0, 256, (6, 40, 48), dtype=np.uint8)
    still = random_camera_motion(clip, rng=np.random.default_rng(1), **{**_MOTION, **changes})
    np.testing.assert_array_equal(still, clip)
    assert still is not clip


def test_a_moved_frame_is_what_the_affine_transform_makes() -> None:
    clip = np.random.default_rng(0).integers(0, 256, (3, 40, 48), dtype=np.uint8)
    angles, scales = np.deg2rad([5.0, -3.0, 0.0]), np.array([1.1, 0.9, 1.0])
    down, right = np.array([2.0, -1.5, 0.25]), np.array([-3.0, 0.5, 1.0])
    moved = augmentation._warp(clip, angles, scales, down, right)
    for frame in range(3):
        expected = transform(
            clip[frame : frame + 1],
            degrees=float(np.rad2deg(angles[frame])),
            scale=float(scales[frame]),
            shift=(float(down[frame]), float(right[frame])),
        )[0]
        assert np.abs(moved[frame].astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"rotation_degrees": 60.0}, "turn of a camera motion must be 0 to 45; got 60.0"),
        ({"strength": -0.1}, "strength of a camera motion"),
        ({"cycles_per_frame": (0.0, 0.2)}, "above 0 and up to 0.5 cycles a frame"),
    ],
)
def test_impossible_camera_motions_are_refused(changes, text) -> None:
    with pytest.raises(RecipeError, match=text):
        random_camera_motion(_dot_clip(4), rng=np.random.default_rng(0), **{**_MOTION, **changes})
