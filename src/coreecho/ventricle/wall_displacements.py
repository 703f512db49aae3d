"""How far each part of the left ventricle's wall moves in a cycle, from masks of the wall: what infarcts are told by.

The rules of Degerli et al. 2021 and of Nguyen et al. 2023, as far as they are published. The inner contour of the wall
is parted into its two sides, each a polynomial x(y) of degree 4. From the base upwards, each side has a basal segment
of 2/7 of the height, one of 2/7 in the middle, and an apical one of 1/7; the cap above is left out. Five points stand
for a segment, and its displacement is their mean distance from where they were in the first frame.

    segments 1, 2, 3   left side in the picture, base to apex
    segments 7, 6, 5   right side

What is ours: how the sides are found in a mask, row by row; and that Degerli's displacements, whose norm is not
published, are told as shares of the cavity's height in the first frame.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]

# In this order everywhere: the left side from base to apex, then the right one.
SEGMENTS = (1, 2, 3, 7, 6, 5)
_DEGREE = 4
_POINTS = 5
# Ends of the segments of a side, as shares of the height from the base.
_ENDS = (0.0, 2 / 7, 4 / 7, 5 / 7)
# Rows that a side needs, to say anything of a polynomial of degree 4.
_LEAST_ROWS = 2 * (_DEGREE + 1)
# A part of the mask belongs to the wall from this share of its largest part's pixels on; a speck is far smaller.
_LEAST_PART = 0.25


@dataclass(frozen=True, eq=False)
class WallMotion:
    """The inner contour of the wall over a cycle.

    Attributes:
        points: (T, 2, 3, 5, 2): of each frame, side and segment from the base, five points, x and y in pixels.
        heights: (T,), of the cavity, in pixels.
    """

    points: Floats
    heights: Floats

    @property
    def displacements(self) -> Floats:
        """(T, 6), of each segment from its place in the first frame, in pixels; in the order of `SEGMENTS`."""
        distances = np.linalg.norm(self.points - self.points[:1], axis=-1).mean(axis=-1)
        return np.asarray(distances.reshape(len(self.points), len(SEGMENTS)))

    @property
    def widths(self) -> Floats:
        """(T, 3), between opposite segments, basal, in the middle and apical, in pixels."""
        return np.asarray(np.linalg.norm(self.points[:, 0] - self.points[:, 1], axis=-1).mean(axis=-1))

    def degerli_features(self) -> Floats:
        """(6,), the largest displacement of each segment, as a share of the cavity's height in the first frame."""
        return np.asarray(self.displacements.max(axis=0) / self.heights[0])

    def nguyen_features(self) -> Floats:
        """(6,), the largest displacement of each segment over the smallest width at its level."""
        return np.asarray(self.displacements.max(axis=0) / np.tile(self.widths.min(axis=0), 2))


def wall_motion(walls: Masks) -> WallMotion:
    """Follow the inner contour of the wall.

    Args:
        walls: (T, H, W), the wall of a four- or two-chamber view in each frame of a cycle, apex up. Specks of a
            mask do not count.

    Raises:
        ValueError: the masks have another shape, or in a frame the wall does not enclose a cavity on both sides.
    """
    if walls.ndim != 3 or walls.dtype != np.bool_ or len(walls) == 0:
        raise ValueError(f"wall_motion expects Boolean masks (T, H, W), got {walls.dtype} {walls.shape}")
    traced = [_inner_points(wall, frame) for frame, wall in enumerate(walls)]
    return WallMotion(
        points=np.stack([points for points, _ in traced]), heights=np.array([height for _, height in traced])
    )


def _inner_points(wall: Masks, frame: int) -> tuple[Floats, float]:
    """Points (2, 3, 5, 2) of the inner contour of a frame, and the cavity's height."""
    rows, left, right = _sides(_without_specks(wall))
    if len(rows) < _LEAST_ROWS:
        raise ValueError(
            f"frame {frame}: the wall encloses a cavity in {len(rows)} rows, expected at least {_LEAST_ROWS}; its mask "
            "is not that of a ventricle with two sides"
        )
    apex, base = float(rows[0]), float(rows[-1])
    height = base - apex
    points = np.empty((2, len(_ENDS) - 1, _POINTS, 2))
    for side, edge in enumerate((left, right)):
        contour = np.polynomial.Polynomial.fit(rows, edge, _DEGREE)
        for segment, (low, high) in enumerate(pairwise(_ENDS)):
            # In the middles of five even parts, so that neighbouring segments share no point.
            shares = low + (high - low) * (np.arange(_POINTS) + 0.5) / _POINTS
            y = base - shares * height
            points[side, segment] = np.stack([contour(y), y], axis=-1)
    return points, height


def _sides(wall: Masks) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Rows in which the wall has two sides, from the apex down, and where its inner edges are in them."""
    found = []
    for row in np.flatnonzero(wall.any(axis=1)):
        columns = np.flatnonzero(wall[row])
        gaps = np.flatnonzero(np.diff(columns) > 1)
        if len(gaps):
            # The widest gap is the cavity; a hole in the mask is narrower.
            widest = gaps[np.argmax(columns[gaps + 1] - columns[gaps])]
            found.append((int(row), columns[widest] + 0.5, columns[widest + 1] - 0.5))
    rows = np.array([row for row, _, _ in found], dtype=np.int64)
    # Of several stretches of rows, the longest.
    stretches = np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) > 1) + 1)
    longest = max(stretches, key=len)
    edges = np.array([found[place][1:] for place in longest], dtype=np.float64).reshape(-1, 2)
    return rows[longest], edges[:, 0], edges[:, 1]


def _without_specks(mask: Masks) -> Masks:
    """A wall whose apex is thin, or beyond the sector, lies in two parts of about one size: both are the wall."""
    parts, count = ndimage.label(mask, structure=np.ones((3, 3)))
    if count <= 1:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= _LEAST_PART * sizes.max())[parts] & (parts > 0))
