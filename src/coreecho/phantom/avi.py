"""Phantoms as EchoNet-Dynamic stores its videos, each marked as simulated."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.video import writing
from coreecho.video.containers import PHANTOM_COMMENT

__all__ = ["PHANTOM_COMMENT", "write_mjpeg_avi"]


def write_mjpeg_avi(path: Path, frames: Iterable[NDArray[np.uint8]], fps: float) -> int:
    """Write a phantom's frames, (H, W) uint8 each, and return how many there were. See `writing.write_mjpeg_avi`.

    Raises:
        OSError: the file cannot be written.
    """
    return writing.write_mjpeg_avi(path, frames, fps, is_phantom=True)
