"""EchoNet-Dynamic as single beats: of each video the beat whose end-diastole and end-systole readers traced.

So Saeed & Yaqub 2022 train the first stage of their network for HMC-QU, whose clips are one cycle each. The tracings
name ED and ES and not where the beat ends; that is ours. Systole is taken for two fifths of a beat (at rest it is 35 to
40 % of one at 60 to 70 beats a minute), so that a beat reaches from ED two and a half times as far as ES; where readers
traced an ES before its ED, it reaches back from that ED, of which the way to ES is three fifths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets.beat_files import BeatReader
from coreecho.datasets.echonet_dynamic import EchoNetDynamic
from coreecho.datasets.layout import Layout
from coreecho.datasets.options import Option
from coreecho.datasets.outlines import KnownOutlines
from coreecho.datasets.recording import Recording
from coreecho.datasets.survey import Survey
from coreecho.datasets.tracings import TABLE, ed_es, read_tracings
from coreecho.errors import DatasetError
from coreecho.video.temporal import take_beat
from coreecho.video.video_file import VideoFile, prepare_video

_SYSTOLE, _DIASTOLE = 0.4, 0.6


class EchoNetBeats(EchoNetDynamic):
    """The traced beat of each video of EchoNet-Dynamic. Videos without two traced frames are left out."""

    name = "echonet-beats"
    title = "EchoNet-Dynamic, single beats"
    description = f"{EchoNetDynamic.description}, and {TABLE} with ED and ES"
    # The rate of a video says nothing here: a beat is brought to a number of frames.
    options: ClassVar[tuple[Option, ...]] = ()
    is_single_cycle = True
    learned_from = "It was trained on single beats of EchoNet-Dynamic: from end-diastole (ED) over one cardiac cycle."
    recipes: ClassVar[Mapping[str, str]] = {"train": "echonet-beats"}

    def read(self, root: Path, **settings: Any) -> Survey:
        """Read FileList.csv and the tracings, look for the videos, and place the beats."""
        if not (root / TABLE).is_file():
            raise DatasetError(
                f"{root / TABLE}: not found, and {self.title} takes the beat of each video from its tracings. "
                "`--dataset echonet` takes whole videos."
            )
        survey, traced = super().read(root, **settings), read_tracings(root)
        for place, recording in enumerate(survey.recordings):
            contours = traced.get(recording.id, {})
            if len(contours) >= 2:
                num_frames = survey.declared[recording.id].num_frames
                survey.recordings[place] = replace(recording, beat=beat_about(*ed_es(contours), num_frames))
        return survey

    def arrange(self, recordings: Sequence[Recording], root: Path, **settings: Any) -> Sequence[Recording]:
        """Those with a beat."""
        return [recording for recording in recordings if recording.beat is not None]

    def has_tracings(self, root: str | Path) -> bool:
        """They are of the whole videos, and none are of the beats."""
        return False

    def outlines(self, root: str | Path, *, traced_alone: bool = False) -> KnownOutlines:
        """None: they are of the whole videos."""
        return Layout.outlines(self, root, traced_alone=traced_alone)

    def video_file(self, recording: Recording) -> VideoFile:
        """The frames of its beat."""
        # The beat comes from a table, which can change while the video does not.
        return VideoFile(recording.path, f"{self.name}, beat {recording.beat}", BeatReader(read_beat, recording))


def beat_about(ed: int, es: int, num_frames: int | None = None) -> tuple[int, int]:
    """First and last frame of the beat that a traced ED and ES are of.

    Args:
        ed: end-diastole, counted from 0.
        es: end-systole; before `ed` where it is that of the beat before.
        num_frames: of the video, past which no beat goes; None where that is not known.

    Raises:
        DatasetError: both are one frame.
    """
    if ed == es:
        raise DatasetError(f"Frame {ed} is traced as end-diastole and as end-systole.")
    if ed > es:
        return max(0, ed - round((ed - es) / _DIASTOLE)), ed
    last = ed + round((es - ed) / _SYSTOLE)
    # A traced ES always belongs to it: a length that is declared too small is the table's fault.
    return ed, last if num_frames is None else max(es, min(last, num_frames - 1))


def read_beat(recording: Recording, frame_size: int) -> NDArray[np.uint8]:
    """Read the beat of a recording, as far as its video goes: (T, frame_size, frame_size). Raises VideoError."""
    frames = prepare_video(recording.path, frame_size).frames
    first, last = recording.beat or (0, len(frames) - 1)
    return take_beat(frames, first, min(last, len(frames) - 1))


ECHONET_BEATS = EchoNetBeats()
