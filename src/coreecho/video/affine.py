"""Random rotation, scaling and shift of a clip for training: one draw for all frames of a clip."""

from itertools import product
from math import cos, radians, sin
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import RecipeError

if TYPE_CHECKING:
    from scipy import sparse

# Smaller or larger, nothing of a heart is left to see.
SCALE_LIMITS = (0.1, 10.0)


def random_affine(
    clip: NDArray[np.uint8],
    *,
    rotation_degrees: float,
    scale_range: tuple[float, float],
    translation: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Rotate and scale every frame about its centre, then shift it: the same way for all frames of the clip.

    Maani et al. 2024, appendix, Table 1, for CAMUS and HMC-QU: `rotation_degrees=20, scale_range=(0.8, 1.1),
    translation=0.1`. Between pixels is interpolated linearly; what comes from outside the frame is black.

    Args:
        clip: (T, H, W) uint8.
        rotation_degrees: the angle is uniform over minus to plus this, 0 to 180; positive turns clockwise as seen.
        scale_range: the factor is uniform over it, within 0.1 to 10; above 1 enlarges.
        translation: the shifts down and right are each uniform over minus to plus this share of H and of W, 0 to 1.
        rng: gives the angle, the factor and the two shifts, in this order, whatever their ranges.

    Returns:
        (T, H, W) uint8, a new array.

    Raises:
        RecipeError: a range is impossible.
    """
    _check_ranges(rotation_degrees, scale_range, translation)
    angle, factor, down, right = rng.uniform(
        (-rotation_degrees, scale_range[0], -translation, -translation),
        (rotation_degrees, scale_range[1], translation, translation),
    )
    height, width = clip.shape[1:]
    return transform(clip, degrees=angle, scale=factor, shift=(down * height, right * width))


def transform(
    clip: NDArray[np.uint8], *, degrees: float, scale: float, shift: tuple[float, float]
) -> NDArray[np.uint8]:
    """Rotate and scale every frame about its centre, then shift it.

    Args:
        clip: (T, H, W) uint8.
        degrees: positive turns clockwise as seen.
        scale: above 1 enlarges.
        shift: down and right, pixels.

    Returns:
        (T, H, W) uint8, a new array, half a grey level rounded up.
    """
    num_frames, height, width = clip.shape
    # One black pixel on each side stands for all that lies outside.
    padded = np.zeros((height + 2, width + 2, num_frames), dtype=np.float32)
    padded[1:-1, 1:-1] = clip.transpose(1, 2, 0)
    moved = _interpolation(height, width, degrees, scale, shift) @ padded.reshape(-1, num_frames)
    return np.ascontiguousarray((moved + 0.5).astype(np.uint8).T).reshape(clip.shape)


def _interpolation(
    height: int, width: int, degrees: float, scale: float, shift: tuple[float, float]
) -> "sparse.csr_array":
    """Give the shares of the padded pixels in those of the result, (H*W, (H+2)*(W+2)): four in each.

    As a sparse matrix they are found once for all frames, and applied faster than by indexing.
    """
    # Here, since it takes a second to import, and the limits of this module are asked for without it.
    from scipy import sparse

    rows, columns = _origins(height, width, degrees, scale, shift)
    top, left = np.floor(rows), np.floor(columns)
    down, right = rows - top, columns - left
    pixels = np.empty((height, width, 4), dtype=np.int32)
    shares = np.empty((height, width, 4), dtype=np.float32)
    neighbours = ((top, 1 - down), (top + 1, down)), ((left, 1 - right), (left + 1, right))
    for corner, ((row, row_share), (column, column_share)) in enumerate(product(*neighbours)):
        pixels[..., corner] = (row.clip(-1, height) + 1) * (width + 2) + column.clip(-1, width) + 1
        shares[..., corner] = row_share * column_share
    firsts = np.arange(0, pixels.size + 1, 4, dtype=np.int32)
    shape = (height * width, (height + 2) * (width + 2))
    # Takes long to import.

    return sparse.csr_array((shares.ravel(), pixels.ravel(), firsts), shape=shape)


def _origins(
    height: int, width: int, degrees: float, scale: float, shift: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the row and the column, (H, W) each, that every pixel of the result comes from."""
    centre_row, centre_column = (height - 1) / 2, (width - 1) / 2
    row = np.arange(height)[:, None] - (centre_row + shift[0])
    column = np.arange(width)[None, :] - (centre_column + shift[1])
    # The inverse of turning by the angle and enlarging by the factor. Rows count downwards.
    along, across = cos(radians(degrees)) / scale, sin(radians(degrees)) / scale
    return along * row - across * column + centre_row, across * row + along * column + centre_column


def _check_ranges(rotation_degrees: float, scale_range: tuple[float, float], translation: float) -> None:
    if not 0 <= rotation_degrees <= 180:
        raise RecipeError(f"The rotation of an augmentation must be 0 to 180 degrees; got {rotation_degrees}.")
    low, high = SCALE_LIMITS
    if not low <= scale_range[0] <= scale_range[1] <= high:
        raise RecipeError(
            f"The scales of an augmentation must lie in {low:g} to {high:g}, the smaller one first; got "
            f"{tuple(scale_range)}."
        )
    if not 0 <= translation < 1:
        raise RecipeError(
            f"The shift of an augmentation is a share of the frame's side, at least 0 and below 1; got {translation}."
        )


def move_points(
    points: NDArray[np.floating[Any]], size: int, *, degrees: float, scale: float, shift: tuple[float, float]
) -> NDArray[np.float64]:
    """Move points as `transform` moves the pixels of square frames.

    Args:
        points: (..., 2), x and y in pixels; whole numbers are centres of pixels.
        size: S, pixels a side.
        degrees: as of `transform`.
        scale: as of `transform`.
        shift: as of `transform`, down and right.

    Returns:
        (..., 2), which may lie outside the frame.
    """
    centre = (size - 1) / 2
    column, row = points[..., 0] - centre, points[..., 1] - centre
    along, across = cos(radians(degrees)) * scale, sin(radians(degrees)) * scale
    moved = along * column - across * row + centre + shift[1], across * column + along * row + centre + shift[0]
    return np.stack(moved, axis=-1)
