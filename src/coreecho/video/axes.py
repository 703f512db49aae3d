"""Which axis of an array is time: NumPy and NIfTI files do not say, and people store clips in every order."""

import math

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import VideoError

# A wider or taller picture is none of a sector; frames of 112 x 40 are 40 frames of 112 x 112.
_MAX_ASPECT = 2.2
# How much more alike the pixels along the axis of time are than along the others: what is at a place stays there. Of
# clips of hearts, real and simulated, cut to tissue alone and with noise of 40 grey levels, it is twice as much at
# least. And how alike they must be at all, for noise tells nothing.
_MIN_LEAD = 1.5
_MIN_LIKENESS = 0.05
# Fewer pixels than these may be alike by chance; no clip of a heart has so few.
_MIN_PIXELS = 16**3
_MAX_LINES = 64


def arrange(array: NDArray[np.uint8], axes: str, source: str) -> NDArray[np.uint8]:
    """Turn an array into (T, H, W), or (T, H, W, C) where it has channels.

    Args:
        array: 3 or 4 axes.
        axes: a letter for each axis of `array`: T time, H rows, W columns, C channels.
        source: the file, for messages.

    Raises:
        VideoError: the letters are others, or not as many as the array has axes.
    """
    letters = axes.upper()
    if sorted(letters) not in (sorted("THW"), sorted("THWC")):
        raise VideoError(
            f"{source}: its axes were given as {axes!r}; expected the letters T (time), H (rows), W (columns) and, for "
            "colours, C, each once, in the order in which the file has them, such as HWT."
        )
    if len(letters) != array.ndim:
        raise VideoError(
            f"{source}: has {array.ndim} axes, {' x '.join(map(str, array.shape))}, and {len(letters)} were named "
            f"({axes}). Name each axis once."
        )
    wanted = "THWC" if "C" in letters else "THW"
    return np.ascontiguousarray(array.transpose([letters.index(letter) for letter in wanted]))


def refuse_other_axes(frames: NDArray[np.uint8], source: str, usual: str) -> None:
    """Refuse frames (T, H, W) of which another axis looks like time, or of which that cannot be told.

    Args:
        frames: as read in the usual order.
        source: the file, for the message.
        usual: the axes in the usual order, in words of the file: THW, or WHT where the first one changes fastest.

    Raises:
        VideoError: one looks so, or none does and the sizes do not tell either.
    """
    if min(frames.shape) < 2:
        return
    likeness = [_likeness(frames, axis) for axis in range(3)]
    *_, second, best = sorted(likeness)
    is_clear = best > max(_MIN_LIKENESS, _MIN_LEAD * second) and frames.size >= _MIN_PIXELS
    axis = likeness.index(best) if is_clear else _odd_axis(frames.shape)
    if axis == 0:
        return
    likely = {2: "HWT", 1: "HTW"}[axis] if usual[0] == "T" else {2: "THW", 1: "WTH"}[axis]
    place = "middle" if axis == 1 else "last"
    found = f"its {place} axis in that order looks like time" if is_clear else "it cannot be told which axis is time"
    first, other, third = frames.shape
    raise VideoError(
        f"{source}: would be {first} frames of {other} x {third} pixels, and {found}. Expected the axes {usual}. If "
        f"they are {likely}, say axes={likely!r}; if they are as expected, axes={usual!r}. On the command line: "
        f"`--axes {likely}` or `--axes {usual}`."
    )


def _odd_axis(shape: tuple[int, ...]) -> int:
    """The axis that is time by the sizes alone; 0 where nothing speaks against the usual order."""
    if shape[0] == shape[1] == shape[2]:
        return 2 if math.prod(shape) >= _MIN_PIXELS else 0
    for axis in (2, 1):
        first, other, length = shape[0], shape[3 - axis], shape[axis]
        is_squashed = max(other / length, length / other) > _MAX_ASPECT >= max(first / other, other / first)
        if is_squashed or first == other != length:
            return axis
    return 0


def _likeness(frames: NDArray[np.uint8], axis: int) -> float:
    """Share of the variance that lies between the lines along an axis: the correlation of pixels on one line."""
    sampled = frames[tuple(slice(None, None, max(1, length // _MAX_LINES)) for length in frames.shape)]
    pixels = sampled.astype(np.float32)
    variance, number = float(pixels.var()), pixels.shape[axis]
    if variance == 0:
        return 0.0
    # Of independent pixels, the means of n still differ by a share of 1/n.
    between = float(pixels.mean(axis=axis).var()) / variance
    return float(max(0.0, (between - 1 / number) / (1 - 1 / number)))
