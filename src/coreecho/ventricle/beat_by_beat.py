"""EF beat by beat: clips that a network reads about each end-systole, and what averaging over more beats brings.

The rule of Ouyang et al. 2020 (EchoNet-Dynamic): a clip of 32 frames at a period of 2 starts 32 frames before an
end-systole, so that the end-systole is in its middle; EF is the mean over the clips of a video.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Frames from the start of the published clip to its middle.
LEAD_FRAMES = 32
_DRAWS = 100


@dataclass(frozen=True)
class BeatClips:
    """Where to look for the beats of a video.

    Attributes:
        starts: of the clips, one a beat, in the order of time.
        num_late: beats that are dropped: their clip would start after the last start there is.
    """

    starts: tuple[int, ...]
    num_late: int


def beat_clips(es_frames: Sequence[int], num_starts: int, *, lead_frames: int = LEAD_FRAMES) -> BeatClips:
    """Place a clip about each end-systole.

    A start before the video becomes 0; one past the last is dropped. Both as published.

    Args:
        es_frames: counted from 0.
        num_starts: of clips in the video, from 0; the published clips have F - 62 for F of at least 63 frames.
        lead_frames: from the start of a clip to the end-systole.
    """
    starts = [max(0, frame - lead_frames) for frame in es_frames]
    kept = tuple(start for start in starts if start < num_starts)
    return BeatClips(starts=kept, num_late=len(starts) - len(kept))


@dataclass(frozen=True)
class BeatAveraged:
    """EF of videos, averaged over their beats.

    Attributes:
        ef_percent: of each video that has a beat, by its id.
        num_beats: that were averaged, by the same ids.
        without_beats: ids of the videos that have none, and drop out of every figure.
    """

    ef_percent: Mapping[str, float]
    num_beats: Mapping[str, int]
    without_beats: tuple[str, ...]

    @property
    def coverage(self) -> float:
        """Share of the videos that have a beat; NaN where there is no video."""
        total = len(self.ef_percent) + len(self.without_beats)
        return len(self.ef_percent) / total if total else float("nan")


def average_beats(predictions: Mapping[str, Sequence[float]]) -> BeatAveraged:
    """Average what was predicted for the beats of each video.

    Args:
        predictions: EF in percent of each beat, by the video's id; none of a video without a beat.
    """
    return BeatAveraged(
        ef_percent={name: float(np.mean(values)) for name, values in predictions.items() if len(values) > 0},
        num_beats={name: len(values) for name, values in predictions.items() if len(values) > 0},
        without_beats=tuple(name for name, values in predictions.items() if len(values) == 0),
    )


def error_by_number_of_beats(
    predictions: Mapping[str, Sequence[float]], ef_percent: Mapping[str, float], max_beats: int = 5, seed: int = 0
) -> NDArray[np.float64]:
    """Mean absolute error against the number of beats that are averaged.

    Of each video with at least `max_beats` beats, 1 to `max_beats` of them are drawn without replacement, 100 times; so
    every number is of the same videos.

    Args:
        predictions: EF in percent of each beat, by the video's id.
        ef_percent: the labels, by id.
        max_beats: the largest number.
        seed: of the draws.

    Returns:
        (max_beats,), in percent points; NaN where no video has so many beats.
    """
    rng = np.random.default_rng(seed)
    videos = [
        (np.array(values, dtype=np.float64), ef_percent[name])
        for name, values in sorted(predictions.items())
        if len(values) >= max_beats
    ]
    if not videos:
        return np.full(max_beats, np.nan)
    errors = np.zeros((len(videos), max_beats))
    counts = np.arange(1, max_beats + 1)
    for row, (values, label) in enumerate(videos):
        drawn = rng.permuted(np.tile(values, (_DRAWS, 1)), axis=1)[:, :max_beats]
        means = np.cumsum(drawn, axis=1) / counts
        errors[row] = np.abs(means - label).mean(axis=0)
    return np.asarray(errors.mean(axis=0))
