"""How the frames of each data set come into a frame store: whole videos, or the one beat of a study."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.camus import camus_beat
from coreecho.datasets.hmc_qu import hmc_qu_beat
from coreecho.datasets.study import Study
from coreecho.video.frame_source import FrameSource, PreparedFrames

_READERS: dict[str, Callable[[Study, int], NDArray[np.uint8]]] = {"camus": camus_beat, "hmc-qu": hmc_qu_beat}
# Data sets of which every clip is one beat, or a part of one that is the same in all: CAMUS's go from ED to ES.
SINGLE_BEAT_DATASETS = tuple(_READERS)


@dataclass(frozen=True)
class _Beat:
    """Reads one study; a class and not a closure, so that it can go to another process."""

    read: Callable[[Study, int], NDArray[np.uint8]]
    study: Study

    def __call__(self, path: Path, frame_size: int) -> PreparedFrames:
        return PreparedFrames(self.read(self.study, frame_size), self.study.fps)


def frame_sources(dataset: str, studies: Iterable[Study]) -> dict[str, FrameSource]:
    """Say how a frame store decodes each study.

    Args:
        dataset: its layout. The clips of "camus" and "hmc-qu" are cut to their beat and squashed to squares, as their
            published pre-processing does; those of the others are read as they lie.
        studies: of the data set.

    Returns:
        A source for each study's id.
    """
    reader = _READERS.get(dataset)
    if reader is None:
        return {study.id: FrameSource(study.path) for study in studies}
    # The beat comes from a table, which can change while the clip's file does not.
    return {
        study.id: FrameSource(study.path, f"{dataset} {study.view}, beat {study.beat}", _Beat(reader, study))
        for study in studies
    }
