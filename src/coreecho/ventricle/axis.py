"""The long axis of the left ventricle, found in its mask.

Clinicians draw the long axis from the apex to the middle of the mitral annulus. A mask has no annulus marked in it; its
long axis is the direction in which it is longest, by its second moments, through its centre of area.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]

# Samples along and across the axis of what the mask's bilinear interpolation is; ventricles in frames of 112 pixels
# are 30 to 80 pixels long.
_SAMPLES = 128
# The middle of a pixel's edge: between a pixel of the mask and one beside it, the interpolation passes one half.
_HALF = 0.5


@dataclass(frozen=True)
class LongAxis:
    """The long axis in one frame.

    Attributes:
        apex: (2,), x and y in pixels.
        base: (2,), the middle of the base, in pixels.
    """

    apex: Floats
    base: Floats

    @property
    def length(self) -> float:
        """From apex to base, in pixels."""
        return float(np.hypot(*(self.base - self.apex)))


@dataclass(frozen=True)
class Profile:
    """A mask, measured along its long axis.

    Attributes:
        axis: of the mask.
        along: (n,), places on the axis, from the apex (0) to the base (its length), in pixels.
        widths: (n,), how wide the mask is there, across the axis, in pixels.
    """

    axis: LongAxis
    along: Floats
    widths: Floats


def shared_direction(masks: Masks) -> Floats | None:
    """The direction in which the masks of a clip are longest, all of them taken together.

    The heart turns by few degrees during a beat, but the principal axis of a ventricle that is nearly round, as failing
    ones are, turns by far more from frame to frame, and the volume with it. So one direction serves all frames.

    Args:
        masks: (T, H, W); empty frames have no say.

    Returns:
        (2,), x and y of length 1, pointing down the picture (to the right where level); None where all masks are empty.
    """
    moments = np.zeros((2, 2))
    for mask in masks:
        rows, columns = np.nonzero(mask)
        if len(rows) > 0:
            offsets = np.stack([columns - columns.mean(), rows - rows.mean()])
            moments += offsets @ offsets.T
    if not moments.any():
        return None
    direction = np.linalg.eigh(moments)[1][:, 1]
    return np.asarray(direction if tuple(direction[::-1]) > (0.0, 0.0) else -direction)


def measure(mask: Masks, direction: Floats, *, is_apex_up: bool = True) -> Profile | None:
    """Measure a mask along an axis through its centre of area.

    The axis ends where the mask does on the line through its centre. The mask is interpolated linearly between the
    centres of its pixels, so that ends and widths are not whole numbers of pixels.

    Args:
        mask: (H, W), of one part.
        direction: (2,), x and y of length 1, as `shared_direction` gives it.
        is_apex_up: the apex is the upper end of the axis, as the probe is at the top; else the lower.

    Returns:
        None for an empty mask.
    """
    rows, columns = np.nonzero(mask)
    if len(rows) == 0:
        return None
    centre = np.array([columns.mean(), rows.mean()])
    toward_base = direction if is_apex_up else -direction
    across = np.array([-toward_base[1], toward_base[0]])
    reach = float(np.hypot(columns - centre[0], rows - centre[1]).max()) + 1.5
    places = np.linspace(-reach, reach, _SAMPLES)
    grid = centre + places[:, None, None] * toward_base + places[None, :, None] * across
    samples = ndimage.map_coordinates(mask.astype(np.float32), [grid[..., 1], grid[..., 0]], order=1, cval=0.0)
    widths = samples.sum(axis=1, dtype=np.float64) * (places[1] - places[0])
    line = centre + places[:, None] * toward_base
    on_axis = ndimage.map_coordinates(mask.astype(np.float64), [line[:, 1], line[:, 0]], order=1, cval=0.0)
    start, end = _ends(places, on_axis)
    along = np.linspace(start, end, _SAMPLES)
    axis = LongAxis(apex=centre + start * toward_base, base=centre + end * toward_base)
    return Profile(axis=axis, along=along - start, widths=np.interp(along, places, widths))


def _ends(places: Floats, values: Floats) -> tuple[float, float]:
    """Where values pass one half for the first and for the last time; a mask too thin for that has no length."""
    inside = np.flatnonzero(values >= _HALF)
    if len(inside) == 0:
        return 0.0, 0.0
    first, last = inside[0], inside[-1]
    start = np.interp(_HALF, values[first - 1 : first + 1], places[first - 1 : first + 1])
    end = np.interp(_HALF, values[last : last + 2][::-1], places[last : last + 2][::-1])
    return float(start), float(end)
