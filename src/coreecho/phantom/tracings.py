"""Contours as EchoNet-Dynamic's VolumeTracings.csv has them: a long axis, then chords across it from apex to base."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from coreecho.phantom.simulation import RecordingPlan

Floats = NDArray[np.float64]

# EchoNet-Dynamic: the long axis and 20 chords per traced frame.
NUM_CHORDS = 20


class TracingRow(NamedTuple):
    """One row of VolumeTracings.csv: a line from (x1, y1) to (x2, y2) in pixels, and the frame it lies on."""

    x1: float
    y1: float
    x2: float
    y2: float
    frame: int


def trace_frame(plan: RecordingPlan, frame: int) -> list[TracingRow]:
    """The long axis and the chords of the visible cavity at a frame, the septal end of each chord first.

    The chords lie in the middle of discs of equal height, so that the method of discs needs nothing but them.
    """
    outline = plan.endocardium(frame)
    depth = outline.depth
    middles = (np.arange(NUM_CHORDS) + 0.5) / NUM_CHORDS
    levels = depth[0] + middles * (depth[-1] - depth[0])
    septal = np.interp(levels, depth, outline.septal_x)
    lateral = np.interp(levels, depth, outline.lateral_x)
    centre = 0.5 * (outline.septal_x + outline.lateral_x)
    x1, y1 = plan.to_pixels(np.append(centre[0], septal), np.append(depth[0], levels), frame)
    x2, y2 = plan.to_pixels(np.append(centre[-1], lateral), np.append(depth[-1], levels), frame)
    ends = np.stack([x1, y1, x2, y2], axis=1).tolist()
    return [TracingRow(x1=line[0], y1=line[1], x2=line[2], y2=line[3], frame=frame) for line in ends]


def disc_volume(rows: list[TracingRow]) -> float:
    """Volume in cubic pixels by the method of discs (single plane): the sum of pi/4 d^2 L/n over the chords."""
    lines = np.array([row[:4] for row in rows])
    lengths = np.hypot(lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1])
    return float(np.pi / 4.0 * np.sum(lengths[1:] ** 2) * lengths[0] / (len(rows) - 1))
