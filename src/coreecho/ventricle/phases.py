"""End-diastole and end-systole in a signal that is +1 at the one and -1 at the other.

The rule of Reynaud et al. 2021 (UVT). The signal is averaged over 5 frames three times over; where it crosses zero, a
phase ends; crossings that lie nearer to each other than 0.3 of their mean distance become one. Between two crossings,
end-diastole is the frame of the largest value where the signal is positive, and end-systole that of the smallest where
it is negative.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_TAPS = 5
_REPEATS = 3
_NEAR = 0.3
# With fewer, not even one end-diastole and one end-systole lie between crossings.
LEAST_CROSSINGS = 3


@dataclass(frozen=True)
class PhaseFrames:
    """What a signal says.

    Attributes:
        ed_frames: frames of end-diastole, counted from 0, in the order of time.
        es_frames: frames of end-systole.
        num_crossings: of zero, as found before near ones were merged. With fewer than LEAST_CROSSINGS the published
            evaluation rejects the video, and there are no frames here.
    """

    ed_frames: tuple[int, ...]
    es_frames: tuple[int, ...]
    num_crossings: int

    @property
    def is_rejected(self) -> bool:
        """Whether the published evaluation leaves the video out, of its EF figures too."""
        return self.num_crossings < LEAST_CROSSINGS


def find_phases(signal: Floats) -> PhaseFrames:
    """Read the frames of end-diastole and end-systole from a signal.

    Args:
        signal: (T,), near +1 at end-diastole and near -1 at end-systole.

    Raises:
        ValueError: the signal is not one row of finite numbers.
    """
    signal = np.asarray(signal, dtype=np.float64)
    if signal.ndim != 1 or not np.isfinite(signal).all():
        raise ValueError(f"expected a signal (T,), all finite, got shape {signal.shape}")
    crossings = _crossings(_smoothed(signal))
    if len(crossings) < LEAST_CROSSINGS:
        return PhaseFrames((), (), len(crossings))
    ed_frames, es_frames = [], []
    merged = _merged(crossings)
    for start, end in pairwise(merged):
        phase = signal[start:end]
        if phase.mean() > 0:
            ed_frames.append(start + int(phase.argmax()))
        else:
            es_frames.append(start + int(phase.argmin()))
    return PhaseFrames(tuple(ed_frames), tuple(es_frames), len(crossings))


def _smoothed(signal: Floats) -> Floats:
    """Average over _TAPS frames, _REPEATS times; beyond the ends the signal counts as 0, as published."""
    for _ in range(_REPEATS if len(signal) >= _TAPS else 0):
        signal = np.convolve(signal, np.full(_TAPS, 1 / _TAPS), mode="same")
    return signal


def _crossings(signal: Floats) -> list[int]:
    """The first frame of each stretch of another sign than the one before it."""
    signs = np.sign(signal)
    return [int(frame) for frame in np.flatnonzero(signs[1:] != signs[:-1]) + 1]


def _merged(crossings: list[int]) -> list[int]:
    """Crossings of which none lie nearer than _NEAR of the mean distance; two that do become one in their middle."""
    near = _NEAR * float(np.mean(np.diff(crossings)))
    merged = list(crossings)
    place = 0
    while place < len(merged) - 1:
        if merged[place + 1] - merged[place] < near:
            merged[place : place + 2] = [(merged[place] + merged[place + 1]) // 2]
            # The one before may be near to the new one.
            place = max(0, place - 1)
        else:
            place += 1
    return merged
