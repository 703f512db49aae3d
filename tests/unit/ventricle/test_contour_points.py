import numpy as np
import pytest

from coreecho.ventricle import dice, mirrored_points, points_mask, points_volume, ventricle_curve


def _points(half_length: float = 34.0, half_width: float = 16.0, turn_degrees: float = 0.0) -> np.ndarray:
    """Twenty chords of an ellipse in pixels, in the middle of discs of equal height."""
    middles = 2 * (np.arange(20) + 0.5) / 20 - 1
    half_chords = half_width * np.sqrt(1 - middles**2)
    one = np.stack([-half_chords, half_length * middles], axis=1)
    other = np.stack([half_chords, half_length * middles], axis=1)
    turn = np.deg2rad(turn_degrees)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.concatenate([one, other[::-1]]) @ rotation + (55.5, 57.5)


@pytest.mark.parametrize("turn", [0, 25, -60])
def test_discs_between_points_of_an_ellipse(turn: float) -> None:
    """The midpoint rule of 20 discs is 1/1600 of 3/2 off, whatever way the ellipse lies."""
    truth = 4 / 3 * np.pi * 34 * 16**2
    assert points_volume(_points(turn_degrees=turn)) == pytest.approx(truth * (1 + 1 / 800), rel=1e-4)


def test_ef_of_points_needs_no_scale() -> None:
    diastole, systole = _points(34, 16) / 112, _points(30, 11) / 112
    ef = 1 - points_volume(systole) / points_volume(diastole)
    assert ef == pytest.approx(1 - 30 * 11**2 / (34 * 16**2))


def test_mask_of_points_is_the_shape(ellipse) -> None:
    mask = points_mask(_points() / 112, 112, 112)
    assert dice(mask[None], ellipse(centre=(55.5, 57.5))[None]).pooled > 0.96
    # Its ends lie between the last chords and the tips of the ellipse.
    assert ventricle_curve(mask[None]).lengths[0] == pytest.approx(0.95 * 68, abs=1.5)


def test_points_are_fractions_of_width_and_height() -> None:
    corners = np.array([(0.25, 0.5), (0.25, 0.75), (0.5, 0.75), (0.5, 0.5)])
    mask = points_mask(corners, 40, 80)
    expected = np.zeros((40, 80), dtype=bool)
    expected[20:31, 20:41] = True
    np.testing.assert_array_equal(mask, expected)


def test_mirrored_points_go_down_the_same_side() -> None:
    points = _points(turn_degrees=20) / 112
    mirrored = mirrored_points(points)
    assert mirrored[0, 0] < mirrored[-1, 0]
    assert points[0, 0] < points[-1, 0]
    np.testing.assert_allclose(mirrored_points(mirrored), points)
    np.testing.assert_allclose(mirrored[0], (1 - points[-1, 0], points[-1, 1]))
    assert points_volume(mirrored) == pytest.approx(points_volume(points))


@pytest.mark.parametrize("shape", [(2, 2), (5, 2), (40, 3), (40,)])
def test_points_that_make_no_chords_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least two chords"):
        points_volume(np.zeros(shape))
