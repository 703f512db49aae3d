from math import cos, radians, sin

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from coreecho.errors import RecipeError
from coreecho.video.affine import random_affine, transform

Clip = NDArray[np.uint8]


def dot(row: int, column: int, height: int = 41, width: int = 61, frames: int = 3) -> Clip:
    clip = np.zeros((frames, height, width), np.uint8)
    clip[:, row, column] = 200
    return clip


def brightest(clip: Clip) -> list[tuple[int, int]]:
    return [tuple(map(int, np.unravel_index(frame.argmax(), frame.shape))) for frame in clip]


def noise(height: int = 24, width: int = 31, frames: int = 4) -> Clip:
    return np.random.default_rng(7).integers(0, 256, (frames, height, width), dtype=np.uint8)


@pytest.mark.parametrize("size", [(24, 24), (25, 25), (24, 31)])
def test_no_range_gives_the_same_clip(size: tuple[int, int]) -> None:
    clip = noise(*size)
    same = random_affine(clip, rotation_degrees=0, scale_range=(1, 1), translation=0, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(same, clip)
    assert not np.shares_memory(same, clip)


# The centre of 41 x 61 is (20, 30).
@pytest.mark.parametrize(
    ("start", "change", "end"),
    [
        ((20, 40), {"degrees": 90}, (30, 30)),
        ((20, 40), {"degrees": -90}, (10, 30)),
        ((10, 30), {"degrees": 90}, (20, 40)),
        ((12, 25), {"degrees": 180}, (28, 35)),
        ((20, 40), {"scale": 1.5}, (20, 45)),
        ((10, 20), {"scale": 0.5}, (15, 25)),
        ((20, 40), {"shift": (5, -7)}, (25, 33)),
        ((20, 40), {"degrees": 90, "scale": 0.5, "shift": (2, 3)}, (27, 33)),
    ],
)
def test_a_dot_goes_where_it_should_in_every_frame(
    start: tuple[int, int], change: dict[str, float | tuple[float, float]], end: tuple[int, int]
) -> None:
    settings: dict[str, float | tuple[float, float]] = {"degrees": 0.0, "scale": 1.0, "shift": (0.0, 0.0)}
    moved = transform(dot(*start), **(settings | change))
    assert brightest(moved) == [end] * 3


@pytest.mark.parametrize("seed", range(8))
def test_equals_scipys_linear_interpolation_with_black_around(seed: int) -> None:
    clip, rng = noise(), np.random.default_rng(seed)
    degrees, scale = rng.uniform(-180, 180), rng.uniform(0.5, 2)
    shift = (float(rng.uniform(-6, 6)), float(rng.uniform(-6, 6)))
    forward = scale * np.array(
        [[cos(radians(degrees)), sin(radians(degrees))], [-sin(radians(degrees)), cos(radians(degrees))]]
    )
    centre = (np.array(clip.shape[1:]) - 1) / 2
    inverse = np.linalg.inv(forward)
    offset = centre - inverse @ (centre + shift)
    expected = [
        ndimage.affine_transform(frame.astype(float), inverse, offset, order=1, mode="grid-constant") for frame in clip
    ]
    found = transform(clip, degrees=degrees, scale=scale, shift=shift)
    assert np.abs(found - np.stack(expected)).max() <= 0.5 + 1e-3


def test_half_a_pixel_is_half_of_each_neighbour() -> None:
    clip = np.array([[[100, 201, 0, 50]]], np.uint8)
    moved = transform(clip, degrees=0, scale=1, shift=(0, 0.5))
    # Black comes in from the left; half a grey level is rounded up.
    assert moved.tolist() == [[[50, 151, 101, 25]]]


def test_what_comes_from_outside_is_black() -> None:
    white = np.full((2, 40, 40), 255, np.uint8)
    smaller = transform(white, degrees=0, scale=0.5, shift=(0, 0))
    assert (smaller[:, 10:30, 10:30] == 255).all()
    assert smaller.sum(dtype=int) == pytest.approx(2 * 255 * 400, rel=0.06)
    assert not transform(white, degrees=0, scale=1, shift=(41, 0)).any()


def measure(after: Clip) -> tuple[float, float, float, float]:
    """Angle, factor and shifts of a change, from where the two discs of `test_draws_cover...` went."""
    rows, columns = np.mgrid[:101, :101]
    middle = np.array(ndimage.center_of_mass(after[0] > 128))
    far = np.hypot(rows - middle[0], columns - middle[1]) > 12
    down, right = np.array(ndimage.center_of_mass(after[0] * far)) - middle
    return np.degrees(np.arctan2(down, right)), np.hypot(down, right) / 30, *(middle - 50)


def test_draws_cover_their_ranges_and_all_frames_move_alike() -> None:
    rows, columns = np.mgrid[:101, :101]
    frame = np.zeros((101, 101), np.uint8)
    frame[np.hypot(rows - 50, columns - 50) < 4] = 255
    frame[np.hypot(rows - 50, columns - 80) < 4] = 100
    clip, rng = np.stack([frame] * 3), np.random.default_rng(1)
    drawn = []
    for _ in range(400):
        moved = random_affine(clip, rotation_degrees=20, scale_range=(0.8, 1.1), translation=0.1, rng=rng)
        assert (moved == moved[0]).all()
        drawn.append(measure(moved))
    low, high = np.min(drawn, axis=0), np.max(drawn, axis=0)
    tolerance = np.array([1, 0.02, 0.5, 0.5])
    assert (np.abs(low - [-20, 0.8, -10.1, -10.1]) < tolerance).all()
    assert (np.abs(high - [20, 1.1, 10.1, 10.1]) < tolerance).all()
    # Four independent draws.
    assert np.abs(np.corrcoef(np.transpose(drawn)) - np.eye(4)).max() < 0.2


def test_a_pure_function_of_the_generator() -> None:
    clip = noise()

    def draw(seed: int) -> Clip:
        rng = np.random.default_rng(seed)
        return random_affine(clip, rotation_degrees=20, scale_range=(0.8, 1.1), translation=0.1, rng=rng)

    np.testing.assert_array_equal(draw(3), draw(3))
    assert (draw(3) != draw(4)).any()


def test_a_range_of_nothing_draws_all_the_same() -> None:
    """Whether rotation is on or off, the other draws of a run stay as they are."""
    states = []
    for rotation in (0, 20):
        rng = np.random.default_rng(0)
        random_affine(noise(), rotation_degrees=rotation, scale_range=(1, 1), translation=0, rng=rng)
        states.append(rng.integers(2**62))
    assert states[0] == states[1]


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        ({"rotation_degrees": -1}, "must be 0 to 180 degrees; got -1"),
        ({"rotation_degrees": float("nan")}, "must be 0 to 180 degrees; got nan"),
        ({"scale_range": (1.1, 0.8)}, r"the smaller one first; got \(1.1, 0.8\)"),
        ({"scale_range": (0, 1)}, r"must lie in 0\.1 to 10.*got \(0, 1\)"),
        ({"scale_range": (1, float("inf"))}, r"got \(1, inf\)"),
        ({"translation": 1.0}, r"at least 0 and below 1; got 1\.0"),
        ({"translation": -0.1}, r"at least 0 and below 1; got -0\.1"),
    ],
)
def test_impossible_ranges_are_refused(ranges: dict[str, float | tuple[float, float]], message: str) -> None:
    settings = {"rotation_degrees": 20, "scale_range": (0.8, 1.1), "translation": 0.1} | ranges
    with pytest.raises(RecipeError, match=message):
        random_affine(noise(), **settings, rng=np.random.default_rng(0))
