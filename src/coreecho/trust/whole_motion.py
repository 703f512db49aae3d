"""Whether a clip shows a heart that beats, or one picture that is moved: a still in an unsteady hand, a slow zoom.

A picture that moves as a whole is explained by an affine motion and a change of gain. Walls that thicken, valves that
open and speckle that comes and goes are not. So pairs of frames are laid upon each other as well as an affine motion
can (Lucas and Kanade 1981, with Gauss-Newton steps), and what is left is compared with what there was.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]

# From one frame of a pair to the other: a heart moves much in this time, a hand little.
_GAP_S = 0.16
# Of clips whose frame rate is not known: 0.16 s at 50 a second, as nearly all of EchoNet-Dynamic has.
_USUAL_GAP = 8
_PAIRS = 8
_STEPS = 8
# Pixels: laying speckle upon itself between pixels blurs it, and the blur would count as change.
_BLUR = 1.5
# Pixels of the sector's end that are left out: what comes in there is no motion of the picture.
_MARGIN = 3
# Shares of the picture's half side: a step of Gauss-Newton beyond it leaves where its slopes hold.
_LONGEST_STEP = 0.1
# And a step below it, a hundredth of a pixel of 56, changes nothing more.
_SHORTEST_STEP = 0.0004
# Of the mean square of the slopes: directions in which a picture has no slope stay where they are.
_RIDGE = 1e-6
# Grey levels on average: less change than this is rounding and the noise of compression.
_LEAST_CHANGE = 0.2


def unexplained_change(frames: NDArray[np.uint8], sector: NDArray[np.bool_], fps: float | None) -> float:
    """Measure what no affine motion explains of the change between frames.

    Args:
        frames: (T, H, W).
        sector: (H, W).
        fps: frames per second; None where they are not known.

    Returns:
        Of eight pairs of frames 0.16 s apart, the largest share of the mean absolute change within the sector that is
        left once one is laid upon the other; 0 where nothing changes. NaN of a clip that is shorter, and where the
        sector is too narrow to look inside.
    """
    gap = _USUAL_GAP if fps is None else max(1, round(_GAP_S * fps))
    inner = ndimage.binary_erosion(np.pad(sector, 1), iterations=_MARGIN)[1:-1, 1:-1]
    if len(frames) <= gap or inner.sum() < 4 * _MARGIN**2:
        return float("nan")
    firsts = np.unique(np.linspace(0, len(frames) - 1 - gap, _PAIRS).round().astype(int))
    left = [0.0]
    for first in firsts:
        fixed, moving = (
            ndimage.gaussian_filter(frames[number].astype(np.float64), _BLUR) for number in (first, first + gap)
        )
        before = float(np.abs(fixed - moving)[inner].mean())
        if before > _LEAST_CHANGE:
            left.append(_left_after_affine(fixed, moving, inner) / before)
    return max(left)


def _left_after_affine(fixed: Floats, moving: Floats, inner: NDArray[np.bool_]) -> float:
    """Mean absolute difference after the best affine motion, gain and offset that the steps find."""
    height, width = fixed.shape
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    half = (max(height, width) - 1) / 2
    # From the centre, in half sides: the basis of an affine motion, (3, H, W).
    basis = np.stack([(columns - (width - 1) / 2) / half, (rows - (height - 1) / 2) / half, np.ones_like(rows)])
    down, right = np.zeros(3), np.zeros(3)
    best = float(np.abs(fixed - moving)[inner].mean())
    for _ in range(_STEPS):
        at_rows = rows + half * np.tensordot(down, basis, 1)
        at_columns = columns + half * np.tensordot(right, basis, 1)
        is_inside = inner & (at_rows >= 0) & (at_rows <= height - 1) & (at_columns >= 0) & (at_columns <= width - 1)
        if is_inside.sum() < inner.sum() / 2:
            break
        moved = ndimage.map_coordinates(moving, [at_rows, at_columns], order=1, mode="nearest")
        slopes = half * np.stack([np.gradient(moved, axis=axis) for axis in (0, 1)])[:, is_inside]
        of_motion = (slopes[:, None] * basis[:, is_inside]).reshape(6, -1)
        grey = moved[is_inside]
        design = np.concatenate([of_motion, grey[None], np.ones_like(grey)[None]])
        squares = design @ design.T
        solution = np.linalg.solve(squares + _RIDGE * np.trace(squares) / 8 * np.eye(8), design @ fixed[is_inside])
        gain, offset = solution[6:]
        best = min(best, float(np.abs(fixed[is_inside] - gain * grey - offset).mean()))
        step = np.clip(solution[:6] / (gain if abs(gain) > 0.2 else 1.0), -_LONGEST_STEP, _LONGEST_STEP)
        down, right = down + step[:3], right + step[3:]
        if np.abs(step).max() < _SHORTEST_STEP:
            break
    return best
