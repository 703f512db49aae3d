"""Polygons as pixels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def fill_polygon(polygon: NDArray[np.floating[Any] | np.integer[Any]], height: int, width: int) -> NDArray[np.bool_]:
    """Pixels whose centre lies inside a polygon or on its edge.

    Polygons that do not cross themselves come out as from scikit-image's `draw.polygon`, pixel by pixel, with which
    published codes fill tracings. Where one crosses itself, what an odd number of its loops encloses is inside.

    Args:
        polygon: (n, 2), x and y in pixels; whole numbers are centres of pixels. It may reach beyond the picture.
        height: rows of the picture.
        width: columns of the picture.

    Returns:
        (height, width).

    Raises:
        ValueError: the polygon has another shape, fewer than 3 points, or points that are not finite.
    """
    points = np.asarray(polygon, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3 or not np.isfinite(points).all():
        raise ValueError(f"a polygon is (n, 2) finite numbers with n of at least 3, got shape {points.shape}")
    rows, columns = np.arange(height, dtype=np.float64), np.arange(width, dtype=np.float64)
    is_odd = np.zeros((height, width), dtype=np.bool_)
    is_on_edge = np.zeros((height, width), dtype=np.bool_)
    for (x1, y1), (x2, y2) in zip(points, np.roll(points, -1, axis=0), strict=True):
        # A ray to the right of a centre crosses the edge; half open, so that a vertex counts once.
        across = np.flatnonzero((y1 <= rows) != (y2 <= rows))
        at = x1 + (rows[across] - y1) * (x2 - x1) / (y2 - y1 if y2 != y1 else 1.0)
        is_odd[across] ^= columns < at[:, None]
        beside = _between(rows, y1, y2)[:, None] & _between(columns, x1, x2)
        is_on_edge |= beside & ((columns - x1) * (y2 - y1) == ((rows - y1) * (x2 - x1))[:, None])
    return is_odd | is_on_edge


def _between(values: NDArray[np.float64], one: float, other: float) -> NDArray[np.bool_]:
    return np.asarray((values >= min(one, other)) & (values <= max(one, other)))
