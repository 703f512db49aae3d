"""How the frames of each data set come into a frame store: whole videos, or the one beat of a recording."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.camus import camus_beat
from coreecho.datasets.hmc_qu import hmc_qu_beat
from coreecho.datasets.recording import Recording
from coreecho.video.frame_source import FrameSource, PreparedFrames

_READERS: dict[str, Callable[[Recording, int], NDArray[np.uint8]]] = {"camus": camus_beat, "hmc-qu": hmc_qu_beat}
# Data sets of which every clip is one beat, or a part of one that is the same in all: CAMUS's go from ED to ES.
SINGLE_BEAT_DATASETS = tuple(_READERS)


@dataclass(frozen=True)
class _Beat:
    """Reads one recording; a class and not a closure, so that it can go to another process."""

    read: Callable[[Recording, int], NDArray[np.uint8]]
    recording: Recording

    def __call__(self, path: Path, frame_size: int) -> PreparedFrames:
        return PreparedFrames(self.read(self.recording, frame_size), self.recording.fps)


def frame_sources(dataset: str, recordings: Iterable[Recording]) -> dict[str, FrameSource]:
    """Say how a frame store decodes each recording.

    Args:
        dataset: its layout. The clips of "camus" and "hmc-qu" are cut to their beat and squashed to squares, as their
            published pre-processing does; those of the others are read as they lie.
        recordings: of the data set.

    Returns:
        A source for each recording's id.
    """
    reader = _READERS.get(dataset)
    if reader is None:
        return {recording.id: FrameSource(recording.path) for recording in recordings}
    # The beat comes from a table, which can change while the clip's file does not.
    return {
        recording.id: FrameSource(
            recording.path, f"{dataset} {recording.view}, beat {recording.beat}", _Beat(reader, recording)
        )
        for recording in recordings
    }
