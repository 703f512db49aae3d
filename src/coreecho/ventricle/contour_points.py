"""The ventricle's outline as points: down one end of the chords from apex to base, and back up the other.

So EchoNet-Dynamic's tracings have it, and so EchoGraphs (Thomas et al. 2022) predicts it: 20 chords, 40 points. Point i
and point n - 1 - i are the two ends of chord i.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.ventricle.volume import disc_volume
from coreecho.video.polygons import fill_polygon

Floats = NDArray[np.floating[Any]]


def points_mask(points: Floats, height: int, width: int) -> NDArray[np.bool_]:
    """Fill the outline.

    Args:
        points: (n, 2), x and y as fractions of the picture's width and height, 1 being one beyond the last pixel, as
            EchoGraphs' are.
        height: of the picture.
        width: of the picture.

    Returns:
        (height, width); points are rounded to whole pixels first, as published codes do.
    """
    return fill_polygon(np.rint(np.asarray(points, dtype=np.float64) * (width, height)), height, width)


def points_volume(points: Floats) -> float:
    """Volume by the method of discs, the chords being the discs' widths.

    Chords lie in the middle of discs of equal height, so that the axis is n / (n - 1) times as long as it is from the
    middle of the first chord to that of the last. Differs from EchoNet-Dynamic's own volumes by the long axis, which
    its tracings give and points do not; ejection fractions hold as long as that factor is the same in ED and ES.

    Args:
        points: (2 n, 2), in any unit that is the same for x and y.

    Returns:
        In the cube of that unit.

    Raises:
        ValueError: the points are not an even number of at least 4.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 4 or len(points) % 2:
        raise ValueError(f"expected points (2 n, 2) of at least two chords, got {points.shape}")
    one, other = points[: len(points) // 2], points[len(points) // 2 :][::-1]
    widths = np.hypot(*(other - one).T)
    middles = (one + other) / 2
    between = float(np.hypot(*(middles[-1] - middles[0])))
    return disc_volume(widths, between * len(widths) / (len(widths) - 1))


def mirrored_points(points: Floats) -> NDArray[np.float64]:
    """Points of the picture's mirror image.

    The order turns round with the picture, so that the outline still goes down the same side of it.

    Args:
        points: (n, 2), x and y as fractions of the picture.
    """
    return np.asarray(points, dtype=np.float64)[::-1] * (-1.0, 1.0) + (1.0, 0.0)
