"""What can be measured of a clip's pictures without knowing a heart: the values of the gate's checks of this kind."""

import numpy as np
from numpy.typing import NDArray

from coreecho.trust.whole_motion import unexplained_change

# Of clips of hundreds of frames, so many in a row say what all say.
_MOST_FRAMES = 128
# The sector is cut into so many wedges of equal area; a shadow takes so many in a row.
_WEDGES, _DULLEST = 24, 10


def picture_values(
    frames: NDArray[np.uint8], sector: NDArray[np.bool_] | None, fps: float | None = None
) -> dict[str, float]:
    """Measure the pictures of a clip, by the names of the gate's checks.

    - `contrast`: standard deviation of the mean picture within the sector, 1 being white against black by halves;
    - `motion`: mean over the sector of each pixel's standard deviation over time, by the mean grey level;
    - `flicker`: mean absolute step from frame to frame, by the mean standard deviation over time: 1.13 for white
      noise, in which no frame knows the one before, and little for slow waves;
    - `deformation`: share of the change between frames that is left once one is moved as a whole upon the other; see
      `unexplained_change`;
    - `shaded`: change over time in the dullest ten of the sector's twenty-four wedges that lie side by side, by that in
      the others: behind a rib or the lung nothing moves;
    - `sector_area`: share of the picture;
    - `sector_cut`: share of the picture's edge that lies in the sector.

    Args:
        frames: (T, H, W), as the model sees them.
        sector: (H, W); None where none was found.
        fps: frames per second; None where they are not known.

    Returns:
        The values; NaN for what could not be measured.
    """
    names = ("contrast", "motion", "flicker", "deformation", "shaded", "sector_area", "sector_cut")
    if sector is None or not sector.any() or len(frames) < 2:
        return dict.fromkeys(names, float("nan"))
    inside = frames[:_MOST_FRAMES, sector].astype(np.float32)
    mean, deviation = inside.mean(axis=0), inside.std(axis=0)
    grey, change = float(mean.mean()), float(deviation.mean())
    step = float(np.abs(np.diff(inside, axis=0)).mean())
    edge = np.concatenate([sector[0], sector[-1], sector[1:-1, 0], sector[1:-1, -1]])
    return {
        "contrast": float(mean.std()) / 127.5,
        "motion": change / grey if grey > 0 else float("nan"),
        # What never changes has no step either.
        "flicker": step / change if change > 0 else 0.0,
        "deformation": unexplained_change(frames, sector, fps),
        "shaded": _dullest_wedge(deviation, sector),
        "sector_area": float(sector.mean()),
        "sector_cut": float(edge.mean()),
    }


def _dullest_wedge(deviation: NDArray[np.float32], sector: NDArray[np.bool_]) -> float:
    """Mean of (n,) values of the sector's pixels in the wedge where it is least, by that of all others."""
    rows, columns = np.nonzero(sector)
    top = rows.min()
    # Above the first row, so that its pixels have a direction, too.
    directions = np.arctan2(columns - columns[rows == top].mean(), rows - top + 2)
    wedges = np.array_split(deviation[np.argsort(directions, kind="stable")], _WEDGES)
    sums = np.concatenate([[0.0], np.cumsum([float(wedge.sum()) for wedge in wedges])])
    sizes = np.concatenate([[0], np.cumsum([wedge.size for wedge in wedges])])
    within, size = sums[_DULLEST:] - sums[:-_DULLEST], sizes[_DULLEST:] - sizes[:-_DULLEST]
    others, size_of_others = sums[-1] - within, sizes[-1] - size
    if not (others > 0).all() or not (size > 0).all():
        # Nothing moves anywhere, which other checks say.
        return 1.0
    return float((within / size / (others / size_of_others)).min())
