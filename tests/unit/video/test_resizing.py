from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from coreecho.errors import VideoError
from coreecho.video import resize_frames
from coreecho.video.resizing import pad_to_square


def slow_area_mean(frame: np.ndarray, size: int) -> np.ndarray:
    """Each new pixel by exact fractions of the old ones that it covers."""
    side = len(frame)
    result = np.zeros((size, size))
    for row in range(size):
        for column in range(size):
            total = Fraction(0)
            for y in range(side):
                for x in range(side):
                    height = min(Fraction((row + 1) * side, size), y + 1) - max(Fraction(row * side, size), y)
                    width = min(Fraction((column + 1) * side, size), x + 1) - max(Fraction(column * side, size), x)
                    if height > 0 and width > 0:
                        total += height * width * int(frame[y, x])
            result[row, column] = float(total * size * size / (side * side))
    return result


def test_whole_blocks_are_averaged_exactly() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (40, 112, 112), dtype=np.uint8)
    expected = frames.reshape(40, 56, 2, 56, 2).mean(axis=(2, 4))
    np.testing.assert_array_equal(resize_frames(frames, 56), np.floor(expected + 0.5))


@pytest.mark.parametrize(("side", "size"), [(12, 9), (11, 4), (9, 8)])
def test_fractional_areas_are_averaged(side: int, size: int) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (side, side), dtype=np.uint8)
    resized = resize_frames(frame[None], size)[0]
    assert np.abs(resized - slow_area_mean(frame, size)).max() <= 0.5 + 1e-3


def test_growing_is_bilinear() -> None:
    frames = np.random.default_rng(2).integers(0, 256, (3, 10, 10), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(frames[1]).resize((25, 25), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(resize_frames(frames, 25)[1], expected)


def test_the_aspect_is_kept_by_black_borders() -> None:
    frames = np.full((2, 60, 100), 200, np.uint8)
    square = pad_to_square(frames)
    assert square.shape == (2, 100, 100)
    assert (square[:, 20:80] == 200).all()
    assert not square[:, :20].any()
    assert not square[:, 80:].any()
    resized = resize_frames(frames, 50)
    assert (resized[:, 10:40] == 200).all()
    assert not resized[:, :10].any()


@pytest.mark.parametrize("level", [0, 1, 127, 254, 255])
@pytest.mark.parametrize("size", [7, 16, 32, 45])
def test_flat_frames_stay_flat(level: int, size: int) -> None:
    assert (resize_frames(np.full((1, 32, 32), level, np.uint8), size) == level).all()


def test_what_fits_is_returned_as_it_is() -> None:
    frames = np.zeros((1, 8, 8), np.uint8)
    assert resize_frames(frames, 8) is frames


def test_wrong_input_is_refused() -> None:
    with pytest.raises(VideoError, match=r"Expected frames \(T, H, W\) of uint8; got shape \(8, 8\)"):
        resize_frames(np.zeros((8, 8), np.uint8), 4)
    with pytest.raises(VideoError, match="at least 1 pixel; got 0"):
        resize_frames(np.zeros((1, 8, 8), np.uint8), 0)
