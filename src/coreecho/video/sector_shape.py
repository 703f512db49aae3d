"""The sector that a region is most like: two straight sides from one point, and an arc about it."""

import numpy as np
from numpy.typing import NDArray

# Rows between which the sides are straight, as shares of the height: below the probe, and above the arc.
_SIDES = (0.2, 0.65)
# Radii that are tried, as shares of the farthest point's distance: something may hang on the arc.
_RADII = np.linspace(0.8, 1.0, 41)
# Share that the region and its sector have in common, of all that either covers.
_MIN_LIKENESS = 0.95
_MIN_ROWS = 10


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
    if opening <= 0:
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
