"""Tracings as the targets of networks: masks, and points of the outline.

A tracing is the contour that `read_tracings` gives: down one end of the chords from apex to base and back up the other,
in pixels of the traced frame, without the long axis.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import DatasetError
from coreecho.video.polygons import fill_polygon

# EchoNet-Dynamic's videos are all of this size once decoded.
TRACED_SIZE = 112
# A long axis and 20 chords; EchoGraphs takes no other frame (7,394, 1,273 and 1,264 videos have two such).
NUM_POINTS = 40


def traced_mask(tracing: NDArray[np.floating[Any]], height: int, width: int) -> NDArray[np.bool_]:
    """Fill a tracing as the published codes of EchoNet-Dynamic do: its points are rounded to whole pixels first.

    Args:
        tracing: (n, 2), x and y in pixels.
        height: of the frame.
        width: of the frame.

    Returns:
        (height, width).
    """
    return fill_polygon(np.rint(tracing), height, width)


def traced_points(tracing: NDArray[np.floating[Any]], *, size: int = TRACED_SIZE) -> NDArray[np.float32]:
    """Points of the outline as fractions of the frame, as EchoGraphs learns them.

    Args:
        tracing: (40, 2), x and y in pixels.
        size: of the frame, in pixels a side.

    Returns:
        (40, 2).

    Raises:
        DatasetError: the tracing has another number of points.
    """
    if tracing.shape != (NUM_POINTS, 2):
        raise DatasetError(
            f"a tracing of {len(tracing) // 2} chords: EchoGraphs needs frames traced with {NUM_POINTS // 2}, as most "
            "of EchoNet-Dynamic's are. Leave the video out."
        )
    return np.asarray(tracing / size, dtype=np.float32)
