"""Nuisances that any video shows: what an embedding should not be made of, where nothing else is known."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coreecho.video.store import FrameStore

# Spread over a video, enough for its mean.
_FRAMES_FOR_GREY = 16


def picture_nuisances(store: FrameStore, ids: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Measure mean grey and contrast of some frames, frame rate, and number of frames.

    Args:
        store: decoded frames of all the recordings.
        ids: N recordings.

    Returns:
        (N,) each, by name. Without the frame rate where some file does not say.
    """
    grey = []
    for recording in ids:
        frames = store.frames(recording)
        some = frames[np.linspace(0, len(frames) - 1, min(len(frames), _FRAMES_FOR_GREY)).astype(int)]
        grey.append((float(some.mean()), float(some.std())))
    measured = dict(zip(("mean grey", "contrast"), np.array(grey).T, strict=True))
    measured["number of frames"] = np.array([store.num_frames(recording) for recording in ids], dtype=np.float64)
    rates = [store.fps(recording) for recording in ids]
    if None not in rates:
        measured["frame rate"] = np.array(rates, dtype=np.float64)
    return measured
