"""Connected parts of masks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Masks = NDArray[np.bool_]


def largest_part(mask: Masks) -> Masks:
    """Keep the largest connected part of a mask (H, W); what touches at corners only is not connected."""
    parts, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(parts == sizes.argmax())


def in_one_part(shares: NDArray[np.floating[Any]], *, threshold: float = 0.5) -> NDArray[np.float32]:
    """Keep the largest connected part of what is in the mask in each frame, without holes; of the others nothing is.

    Args:
        shares: (T, S, S), above the threshold in the mask.
        threshold: between 0 and 1.

    Returns:
        (T, S, S), in which what lies below the threshold is as it was, but for holes.
    """
    masks = shares > threshold
    kept = np.stack([ndimage.binary_fill_holes(largest_part(mask)) for mask in masks]) if len(masks) else masks
    # What lies in a hole, such as a papillary muscle or a valve, is as surely inside as it was thought to be outside.
    return np.asarray(np.where(masks & ~kept, 0, np.where(kept & ~masks, 1 - shares, shares)), dtype=np.float32)
