"""Which axis of an array is time: NumPy and NIfTI files do not say, and people store clips in every order."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import VideoError

# A wider or taller picture is none of a sector; frames of 112 x 40 are 40 frames of 112 x 112.
_MAX_ASPECT = 2.2
# Lines along an axis that hardly change (grey levels), and the lead in their share that tells the axis of time: the
# black around a sector stays black over time, and few rows or columns are black throughout.
_MAX_CHANGE = 2
_MIN_LEAD = 0.1
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
    """Refuse frames (T, H, W) of which another axis looks like time.

    Args:
        frames: as read in the usual order.
        source: the file, for the message.
        usual: the axes in the usual order, in words of the file: THW, or WHT where the first one changes fastest.

    Raises:
        VideoError: one looks so.
    """
    if min(frames.shape) < 2:
        return
    shares = [_still_share(frames, axis) for axis in range(3)]
    axes = [axis for axis in (2, 1) if _looks_like_time(frames.shape, shares, axis)]
    if not axes:
        return
    axis = max(axes, key=shares.__getitem__)
    likely = {2: "HWT", 1: "HTW"}[axis] if usual[0] == "T" else {2: "THW", 1: "WTH"}[axis]
    place = "middle" if axis == 1 else "last"
    first, second, third = frames.shape
    raise VideoError(
        f"{source}: would be {first} frames of {second} x {third} pixels, and its {place} axis in that order looks "
        f"like time. Expected the axes {usual}. If they are {likely}, say axes={likely!r}; if they are as "
        f"expected, axes={usual!r}. On the command line: `--axes {likely}` or `--axes {usual}`."
    )


def _looks_like_time(shape: tuple[int, ...], shares: Sequence[float], axis: int) -> bool:
    """Tell by the shape, and by the share of still lines along each axis, whether rows or columns are rather time."""
    first, other, length = shape[0], shape[3 - axis], shape[axis]
    lead = shares[axis] - max(share for number, share in enumerate(shares) if number != axis)
    is_squashed = max(other / length, length / other) > _MAX_ASPECT >= max(first / other, other / first)
    has_odd_shape = is_squashed or first == other != length
    return lead > _MIN_LEAD or (has_odd_shape and lead > -_MIN_LEAD)


def _still_share(frames: NDArray[np.uint8], axis: int) -> float:
    """Share of the lines along an axis that hardly change."""
    steps = [1 if number == axis else max(1, length // _MAX_LINES) for number, length in enumerate(frames.shape)]
    lines = frames[tuple(slice(None, None, step) for step in steps)]
    return float(np.mean(lines.max(axis=axis) - lines.min(axis=axis) <= _MAX_CHANGE))
