import numpy as np
import pytest

from coreecho.video.polygons import fill_polygon

# As scikit-image 0.26 fills it: its edges and corners are inside.
FILLED = """
............
...#........
...###......
...#####....
...#######..
...######...
...######...
...######...
..######....
.....###....
.......#....
............
"""


def test_a_polygon_is_filled_with_its_edges() -> None:
    mask = fill_polygon(np.array([(3, 1), (9, 4), (7, 10), (2, 8)]), 12, 12)
    assert "\n".join("".join(".#"[int(pixel)] for pixel in row) for row in mask) == FILLED.strip()


def test_a_rectangle_takes_the_pixels_of_its_corners() -> None:
    mask = fill_polygon(np.array([(2, 3), (5, 3), (5, 9), (2, 9)]), 10, 20)
    expected = np.zeros((10, 20), dtype=bool)
    expected[3:10, 2:6] = True
    np.testing.assert_array_equal(mask, expected)


def test_direction_and_first_point_do_not_matter() -> None:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    polygon = np.rint(np.stack([30 + 12 * np.cos(angles), 25 + 20 * np.sin(angles)], axis=1))
    mask = fill_polygon(polygon, 56, 56)
    np.testing.assert_array_equal(mask, fill_polygon(polygon[::-1], 56, 56))
    np.testing.assert_array_equal(mask, fill_polygon(np.roll(polygon, 7, axis=0), 56, 56))


def test_area_of_a_large_polygon_is_that_of_its_interior() -> None:
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    polygon = np.stack([200.3 + 150 * np.cos(angles), 190.7 + 180 * np.sin(angles)], axis=1)
    assert fill_polygon(polygon, 400, 400).sum() == pytest.approx(np.pi * 150 * 180, rel=1e-3)


def test_what_lies_beyond_the_picture_is_cut_off() -> None:
    mask = fill_polygon(np.array([(-5.0, -5.0), (30.0, -5.0), (30.0, 30.0), (-5.0, 30.0)]), 8, 6)
    assert mask.shape == (8, 6)
    assert mask.all()


@pytest.mark.parametrize("polygon", [np.zeros((2, 2)), np.zeros((5, 3)), np.array([(0, 0), (1, np.nan), (2, 2)])])
def test_what_is_no_polygon_is_refused(polygon: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a polygon is"):
        fill_polygon(polygon, 8, 8)
