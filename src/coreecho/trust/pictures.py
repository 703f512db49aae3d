"""What can be measured of a clip's pictures without knowing a heart: the values of the gate's checks of this kind."""

import numpy as np
from numpy.typing import NDArray

# Of clips of hundreds of frames, so many in a row say what all say.
_MOST_FRAMES = 128


def picture_values(frames: NDArray[np.uint8], sector: NDArray[np.bool_] | None) -> dict[str, float]:
    """Measure the pictures of a clip, by the names of the gate's checks.

    - `contrast`: standard deviation of the mean picture within the sector, 1 being white against black by halves;
    - `motion`: mean over the sector of each pixel's standard deviation over time, by the mean grey level;
    - `flicker`: mean absolute step from frame to frame, by the mean standard deviation over time: 1.13 for white
      noise, in which no frame knows the one before, and little for slow waves;
    - `sector_area`: share of the picture;
    - `sector_cut`: share of the picture's edge that lies in the sector.

    Args:
        frames: (T, H, W), as the model sees them.
        sector: (H, W); None where none was found.

    Returns:
        The values; NaN for what could not be measured.
    """
    names = ("contrast", "motion", "flicker", "sector_area", "sector_cut")
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
        "sector_area": float(sector.mean()),
        "sector_cut": float(edge.mean()),
    }
