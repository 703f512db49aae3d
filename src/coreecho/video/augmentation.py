"""Random changes of a clip for training: one draw for all frames of a clip."""

import numpy as np
from numpy.typing import NDArray

from coreecho.errors import RecipeError


def pad_and_crop(clip: NDArray[np.uint8], pad: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Pad each side of every frame with zeros and cut out a random window of the original size.

    Maani et al. 2024 pad 112 x 112 to 124 x 124, which is `pad=6`. The window is drawn once, so that the heart does
    not jump from frame to frame.

    Args:
        clip: (T, H, W) uint8.
        pad: pixels added on each side; 0 leaves the clip as it is.
        rng: gives the two offsets of the window, each uniform over 0 to 2 * pad.

    Returns:
        (T, H, W) uint8, a new array.

    Raises:
        RecipeError: `pad` is negative.
    """
    if pad < 0:
        raise RecipeError(f"The padding of an augmentation must be at least 0 pixels; got {pad}.")
    # A window at (top, left) of the padded frame is the frame moved by (pad - top, pad - left), zeros behind it.
    down, right = (int(pad - offset) for offset in rng.integers(0, 2 * pad + 1, size=2))
    cropped = np.zeros_like(clip, subok=False)
    cropped[:, _target(down), _target(right)] = clip[:, _target(-down), _target(-right)]
    return cropped


def _target(shift: int) -> slice:
    """Where the pixels of an axis land when they move by `shift`; the pixels that stay are at `_target(-shift)`."""
    return slice(shift, None) if shift >= 0 else slice(None, shift)
