"""Random changes of a clip for training: where the frames are cut out, how the camera moves."""

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import RecipeError

Floats = NDArray[np.float64]


def pad_and_crop(
    clip: NDArray[np.uint8], pad: int, rng: np.random.Generator, *, fill: int = 0, last_offset: bool = True
) -> NDArray[np.uint8]:
    """Pad each side of every frame with one grey and cut out a random window of the original size.

    Maani et al. 2024 pad 112 x 112 to 124 x 124, which is `pad=6`. The window is drawn once, so that the heart does
    not jump from frame to frame.

    Args:
        clip: (T, H, W) uint8.
        pad: pixels added on each side; 0 leaves the clip as it is.
        rng: gives the two offsets of the window, each uniform over 0 to 2 * pad.
        fill: the grey that is added, 0 to 255.
        last_offset: whether 2 * pad is among the offsets; in the code of EchoNet-Dynamic it is not.

    Returns:
        (T, H, W) uint8, a new array.

    Raises:
        RecipeError: `pad` is negative.
    """
    if pad < 0:
        raise RecipeError(f"The padding of an augmentation must be at least 0 pixels; got {pad}.")
    # A window at (top, left) of the padded frame is the frame moved by (pad - top, pad - left), the grey behind it.
    offsets = rng.integers(0, max(2 * pad + last_offset, 1), size=2)
    down, right = (int(pad - offset) for offset in offsets)
    cropped = np.full_like(clip, fill, subok=False)
    cropped[:, _target(down), _target(right)] = clip[:, _target(-down), _target(-right)]
    return cropped


def random_camera_motion(
    clip: NDArray[np.uint8],
    *,
    rotation_degrees: float,
    zoom: float,
    shift: float,
    rng: np.random.Generator,
    strength: float = 1.0,
    cycles_per_frame: tuple[float, float] = (0.02, 0.25),
) -> NDArray[np.uint8]:
    """Move the camera during the clip: smooth waves of turn, zoom and shift, as of hand, breath and a swinging heart.

    A network cannot take such movements for the ventricle's own, once they are free of EF. The amplitude is drawn anew
    for each clip, with many near zero: the square of a uniform number times the largest.

    Args:
        clip: (T, H, W) uint8.
        rotation_degrees: largest amplitude of the turn about the middle, 0 to 45.
        zoom: largest amplitude of the zoom, as a share, 0 to 0.5.
        shift: largest amplitude of the shifts down and right, as a share of H and of W, 0 to 0.5.
        rng: gives all draws, in an order that depends on none of the sizes.
        strength: 0 to 1, multiplies all sizes; it may grow during training.
        cycles_per_frame: the waves' frequencies are log-uniform over this.

    Returns:
        (T, H, W) uint8, a new array; interpolated linearly, black where it comes from outside the frame.

    Raises:
        RecipeError: a size is out of its range.
    """
    limits = {"turn": (rotation_degrees, 45.0), "zoom": (zoom, 0.5), "shift": (shift, 0.5), "strength": (strength, 1.0)}
    for name, (value, most) in limits.items():
        if not 0.0 <= value <= most:
            raise RecipeError(f"The {name} of a camera motion must be 0 to {most:g}; got {value}.")
    if not 0.0 < cycles_per_frame[0] <= cycles_per_frame[1] <= 0.5:
        raise RecipeError(
            "The frequencies of a camera motion must lie above 0 and up to 0.5 cycles a frame, the smaller one first; "
            f"got {tuple(cycles_per_frame)}."
        )
    waves = _smooth_waves(len(clip), cycles_per_frame, rng)
    amplitude = strength * float(rng.random()) ** 2
    turn, larger, down, right = amplitude * waves * np.array([[np.deg2rad(rotation_degrees)], [zoom], [shift], [shift]])
    if amplitude == 0.0:
        return clip.copy()
    return _warp(clip, turn, 1.0 + larger, down * clip.shape[1], right * clip.shape[2])


def _smooth_waves(num_frames: int, cycles_per_frame: tuple[float, float], rng: np.random.Generator) -> Floats:
    """Four movements (4, T) between -1 and 1, each the sum of two waves."""
    low, high = np.log(cycles_per_frame)
    rates = np.exp(rng.uniform(low, high, size=(4, 2, 1)))
    phases = rng.random((4, 2, 1))
    first = rng.random((4, 1, 1))
    shares = np.concatenate([first, 1.0 - first], axis=1) * rng.choice([-1.0, 1.0], size=(4, 2, 1))
    return np.asarray((shares * np.sin(2.0 * np.pi * (rates * np.arange(num_frames) + phases))).sum(axis=1))


def _warp(clip: NDArray[np.uint8], turn_rad: Floats, scale: Floats, down: Floats, right: Floats) -> NDArray[np.uint8]:
    """Turn and enlarge each frame of (T, H, W) about its middle, then shift it; each movement (T,), shifts in pixels.

    `affine.transform` builds one matrix for all frames of a clip; here each frame has its own, for which looking up
    the four neighbours is faster.
    """
    num_frames, height, width = clip.shape
    # One black pixel on each side stands for all that lies outside.
    padded = np.zeros((num_frames, height + 2, width + 2), dtype=np.float32)
    padded[:, 1:-1, 1:-1] = clip
    row = np.arange(height, dtype=np.float32)[None, :, None] - _per_frame(0.5 * (height - 1) + down)
    column = np.arange(width, dtype=np.float32)[None, None, :] - _per_frame(0.5 * (width - 1) + right)
    along, across = _per_frame(np.cos(turn_rad) / scale), _per_frame(np.sin(turn_rad) / scale)
    # The inverse of turning by the angle and enlarging by the factor, and one for the black border.
    rows = along * row - across * column + np.float32(0.5 * (height - 1) + 1.0)
    columns = across * row + along * column + np.float32(0.5 * (width - 1) + 1.0)
    # Just below the last, so that its neighbour exists.
    np.clip(rows, 0.0, np.float32(height + 0.999), out=rows)
    np.clip(columns, 0.0, np.float32(width + 0.999), out=columns)
    top, left = rows.astype(np.int32), columns.astype(np.int32)
    rows -= top
    columns -= left
    stride = width + 2
    corner = top * stride + left
    corner += (np.arange(num_frames, dtype=np.int32) * (height + 2) * stride)[:, None, None]
    flat = padded.ravel()
    upper, lower = flat.take(corner), flat.take(corner + stride)
    upper += columns * (flat.take(corner + 1) - upper)
    lower += columns * (flat.take(corner + stride + 1) - lower)
    upper += rows * (lower - upper)
    upper += np.float32(0.5)
    return np.asarray(upper.astype(np.uint8))


def _per_frame(values: Floats) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)[:, None, None]


def _target(shift: int) -> slice:
    """Where the pixels of an axis land when they move by `shift`; the pixels that stay are at `_target(-shift)`."""
    return slice(shift, None) if shift >= 0 else slice(None, shift)
