"""The shape of a region: the sector that it is most like, and whether it is two of them side by side.

A sector has two straight sides from one point, and an arc about it.
"""

import numpy as np
from numpy.typing import NDArray

# Rows between which the sides are straight, as shares of the height: below the probe, and above the arc.
_SIDES = (0.2, 0.65)
# Radii that are tried, as shares of the farthest point's distance: something may hang on the arc.
_RADII = np.linspace(0.8, 1.0, 41)
# Share that the region and its sector have in common, of all that either covers.
_MIN_LIKENESS = 0.95
# Columns by which the sides part in a row; no scanner's sector opens by as little as six degrees.
_MIN_OPENING = 0.1
_MIN_ROWS = 10
# Of two sectors side by side: how deep the notch between their tips is, and how unlike their heights are, as shares of
# the region's height; how far they are apart, as a share of its width; and how straight the sides of the notch are.
# The notch that the face of a curved probe leaves is shallow and round.
_NOTCH, _UNEVEN, _APART, _STRAIGHT = 0.2, 0.15, 0.2, 0.98


def nearest_sector(region: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Find the sector, apex up, that a region, all but convex, is most like; None where it is like none.

    Args:
        region: (H, W).
    """
    rows = np.flatnonzero(region.any(axis=1))
    if len(rows) < _MIN_ROWS:
        return None
    top, height = rows[0], len(rows)
    between = rows[round(_SIDES[0] * height) : round(_SIDES[1] * height)]
    left = np.polyfit(between, region[between].argmax(axis=1), 1)
    right = np.polyfit(between, region.shape[1] - 1 - region[between][:, ::-1].argmax(axis=1), 1)
    opening = right[0] - left[0]
    if opening < _MIN_OPENING:
        return None
    apex_row = (left[1] - right[1]) / opening
    apex_column = left[0] * apex_row + left[1]
    row, column = np.indices(region.shape)
    distance = np.hypot(row - apex_row, column - apex_column)
    wedge = (row >= top) & (column >= left[0] * row + left[1] - 1) & (column <= right[0] * row + right[1] + 1)
    sectors = [wedge & (distance <= share * distance[region].max()) for share in _RADII]
    likenesses = [float((region & sector).sum() / (region | sector).sum()) for sector in sectors]
    best = int(np.argmax(likenesses))
    return np.asarray(sectors[best]) if likenesses[best] >= _MIN_LIKENESS else None


def has_two_tips(region: NDArray[np.bool_]) -> bool:
    """Whether the upper edge of a region, (H, W), has two tips and a notch between them, as two views that meet."""
    columns = np.flatnonzero(region.any(axis=0))
    edge = region[:, columns].argmax(axis=0).astype(np.float64)
    height = len(np.flatnonzero(region.any(axis=1)))
    middle = _notch_of(edge)
    if middle is None:
        return False
    left, right = int(edge[:middle].argmin()), middle + int(edge[middle:].argmin())
    depth = edge[middle] - max(edge[left], edge[right])
    if (
        depth < _NOTCH * height
        or abs(edge[left] - edge[right]) > _UNEVEN * height
        or right - left < _APART * len(columns)
    ):
        return False
    return _is_straight(edge[left : middle + 1]) and _is_straight(edge[middle : right + 1])


def _notch_of(edge: NDArray[np.float64]) -> int | None:
    """The column that lies deepest below the higher tips on both of its sides; None where there is none."""
    depths = edge - np.maximum(np.minimum.accumulate(edge), np.minimum.accumulate(edge[::-1])[::-1])
    deepest = int(depths.argmax())
    return deepest if depths[deepest] > 0 else None


def _is_straight(heights: NDArray[np.float64]) -> bool:
    columns = np.arange(len(heights))
    return len(heights) > 2 and float(abs(np.corrcoef(columns, heights)[0, 1])) >= _STRAIGHT
