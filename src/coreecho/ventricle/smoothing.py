"""Masks, smoothed over time: a network that sees single frames knows nothing of the ones beside them."""

import numpy as np
from numpy.typing import NDArray


def smooth_masks(masks: NDArray[np.bool_], num_frames: int) -> NDArray[np.bool_]:
    """Let the frames about each frame vote on each of its pixels.

    A pixel is in the mask where it is in more than half of the frames of a window that is centred on it; the window is
    cut at the clip's ends, evenly on both sides. It takes flicker away, and with a window that is not far shorter than
    systole, some of the ejection too: whoever smooths, says so with the result.

    Args:
        masks: (T, H, W).
        num_frames: of the window, odd; 1 leaves all as it is.

    Raises:
        ValueError: the number of frames is even or not positive.
    """
    if num_frames < 1 or num_frames % 2 == 0:
        raise ValueError(f"the window must be an odd number of frames, at least 1, got {num_frames}")
    if num_frames == 1 or len(masks) == 0:
        return masks
    sums = np.concatenate([np.zeros((1, *masks.shape[1:]), dtype=np.int32), np.cumsum(masks, axis=0, dtype=np.int32)])
    frames = np.arange(len(masks))
    reach = np.minimum(num_frames // 2, np.minimum(frames, frames[::-1]))
    votes = sums[frames + reach + 1] - sums[frames - reach]
    return np.asarray(2 * votes > (2 * reach + 1)[:, None, None])
