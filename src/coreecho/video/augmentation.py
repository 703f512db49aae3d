"""Random changes of a clip for training: one draw for all frames of a clip."""

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import RecipeError


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


def _target(shift: int) -> slice:
    """Where the pixels of an axis land when they move by `shift`; the pixels that stay are at `_target(-shift)`."""
    return slice(shift, None) if shift >= 0 else slice(None, shift)
