"""Random changes of a clip's grey levels for training: what other machines, operators and chests do to a picture.

What is black in a whole clip, the surroundings of the sector, stays black.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

from coreecho.errors import RecipeError

Singles = NDArray[np.float32]

# Shading comes from a grid of so many points each way.
_SHADING_POINTS = 3
# Half of the blurring kernel's width in pixels: enough for a standard deviation of 1.5.
_BLUR_REACH = 3
_LARGEST_BLUR = 1.5


def random_photometric(
    clip: NDArray[np.uint8],
    *,
    gain_flicker: float,
    gamma_spread: float,
    shading_spread: float,
    blur_pixels: float,
    noise: float,
    cutouts: int,
    rng: np.random.Generator,
    strength: float = 1.0,
) -> NDArray[np.uint8]:
    """Change gain, gamma, shading, sharpness and noise of a clip, and black out some rectangles.

    Args:
        clip: (T, H, W) uint8.
        gain_flicker: the gain of each frame is normal about 1 with this standard deviation, 0 to 0.5; half of it is
            one draw for the clip, the other half differs from frame to frame.
        gamma_spread: the power of the grey level is exp of a normal number with this standard deviation, 0 to 1.
        shading_spread: the picture is multiplied by exp of a smooth field, normal at 3 x 3 points with this standard
            deviation, 0 to 1; the same for all frames.
        blur_pixels: the standard deviation of a Gaussian blur is uniform up to this, 0 to 1.5.
        noise: the standard deviation of the noise, as a share of full scale, is uniform up to this, 0 to 0.5.
        cutouts: number of rectangles, each up to a third of the frame high and wide, at most; the number is uniform.
        rng: gives all draws, in an order that depends on none of the sizes.
        strength: 0 to 1, multiplies all sizes; it may grow during training.

    Returns:
        (T, H, W) uint8, a new array.

    Raises:
        RecipeError: a size is out of its range.
    """
    _check(
        {
            "gain flicker": (gain_flicker, 0.5),
            "spread of gamma": (gamma_spread, 1.0),
            "spread of the shading": (shading_spread, 1.0),
            "blur in pixels": (blur_pixels, _LARGEST_BLUR),
            "noise": (noise, 0.5),
            "strength": (strength, 1.0),
        }
    )
    if cutouts < 0:
        raise RecipeError(f"The number of cut-outs of an augmentation must be at least 0; got {cutouts}.")
    num_frames = len(clip)
    common, gamma, blur, noisy = rng.standard_normal(), rng.standard_normal(), rng.random(), rng.random()
    flicker = rng.standard_normal(num_frames)
    field = rng.standard_normal((_SHADING_POINTS, _SHADING_POINTS))
    boxes = rng.random((cutouts + 1, 4))
    gains = 1.0 + strength * gain_flicker * np.sqrt(0.5) * (common + flicker)
    changed = _apply_greys(clip, gains, float(np.exp(strength * gamma_spread * gamma)))
    if strength * shading_spread:
        changed *= _shading(strength * shading_spread * field, clip.shape[1:])
    if strength * blur_pixels:
        changed = blur_frames(changed, strength * blur_pixels * blur)
    if strength * noise:
        grain = rng.standard_normal(clip.shape, dtype=np.float32)
        grain *= np.float32(255.0 * strength * noise * noisy)
        changed += grain
    changed *= clip.any(axis=0)
    _cut_out(changed, boxes, strength * cutouts)
    changed += np.float32(0.5)
    return np.clip(changed, 0.0, 255.0, out=changed).astype(np.uint8)


def blur_frames(frames: Singles, sigma: float) -> Singles:
    """Blur frames (T, H, W) by a Gaussian of a standard deviation of up to 1.5 pixels; outside is black."""
    taps = np.exp(-0.5 * np.square(np.arange(_BLUR_REACH + 1) / max(sigma, 1e-3))).astype(np.float32)
    taps = taps[: 1 + int(np.count_nonzero(taps[1:] > 1e-3))]
    taps /= taps[0] + 2.0 * taps[1:].sum()
    for axis in (1, 2):
        moved = np.moveaxis(frames, axis, -1)
        blurred = taps[0] * moved
        for shift, tap in enumerate(taps[1:], start=1):
            blurred[..., shift:] += tap * moved[..., :-shift]
            blurred[..., :-shift] += tap * moved[..., shift:]
        frames = np.moveaxis(blurred, -1, axis)
    return frames


def _apply_greys(clip: NDArray[np.uint8], gains: NDArray[np.float64], gamma: float) -> Singles:
    """Grey levels (T, H, W) after a power for the clip and a gain (T,) for each frame: a table of 256 for each."""
    table = 255.0 * (np.arange(256) / 255.0) ** gamma
    tables = np.clip(np.maximum(gains, 0.0)[:, None] * table[None, :], 0.0, 255.0).astype(np.float32)
    return np.stack([greys.take(frame) for greys, frame in zip(tables, clip, strict=True)])


def _shading(log_field: NDArray[np.float64], size: tuple[int, ...]) -> Singles:
    """A smooth field (H, W) through exp of a coarse one."""
    factors = [length / _SHADING_POINTS for length in size]
    fine = zoom(log_field, factors, order=1, mode="nearest", grid_mode=True)
    return np.exp(fine).astype(np.float32)


def _cut_out(frames: Singles, boxes: NDArray[np.float64], most: float) -> None:
    """Black out rectangles in all frames; the first row of `boxes` (n, 4) says how many of the others, at most `most`.

    Each row holds centre and size, as shares of the frame and of a third of it.
    """
    size = np.array(frames.shape[1:])
    for box in boxes[1 : 1 + round(float(boxes[0, 0]) * most)]:
        half = box[2:] * size / 6.0
        first = np.maximum(box[:2] * size - half, 0.0).astype(int)
        last = (box[:2] * size + half).astype(int)
        frames[:, first[0] : last[0], first[1] : last[1]] = 0.0


def _check(sizes: dict[str, tuple[float, float]]) -> None:
    for name, (value, most) in sizes.items():
        if not 0.0 <= value <= most:
            raise RecipeError(f"The {name} of an augmentation must be 0 to {most:g}; got {value}.")
