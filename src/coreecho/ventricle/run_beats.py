"""EF beat by beat: clips placed about each end-systole that a segmenter finds, and what more beats bring.

beats.json          where the clips of each recording start, as any start index; recordings without a beat are not in it
error_by_beats.csv  the mean absolute error against the number of beats that are averaged
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from coreecho.datasets import Recording
from coreecho.errors import DatasetError, NoBeatError
from coreecho.evaluation.protocol import Protocol
from coreecho.files import write_whole, writing_into
from coreecho.inference.subject import Subject
from coreecho.models.segmenter import Segmenter
from coreecho.names import counted
from coreecho.progress import track
from coreecho.ventricle.beat_by_beat import beat_clips, error_by_number_of_beats
from coreecho.ventricle.beats import RangeRule, find_end_systoles
from coreecho.video.clips import num_starts
from coreecho.video.resizing import resize_frames
from coreecho.video.start_index import read_start_index

INDEX, ERRORS = "beats.json", "error_by_beats.csv"


@dataclass(frozen=True)
class BeatIndex:
    """Where the clips of recordings start.

    Attributes:
        path: of the start index.
        starts: of each recording that has a beat, by its id.
        num_recordings: that were looked at.
        num_late: beats that were dropped, since their clip would reach past the video's last start.
        rule: by which end-systoles were found.
    """

    path: Path
    starts: Mapping[str, tuple[int, ...]]
    num_recordings: int
    num_late: int
    rule: RangeRule

    @property
    def note(self) -> str:
        """What a reader of the figures should know."""
        return (
            f"clips are placed about {sum(map(len, self.starts.values()))} end-systoles ({self.rule} rule) of "
            f"{len(self.starts)} of {counted(self.num_recordings, 'recordings')}; "
            f"{counted(self.num_late, 'beats')} too late for a clip"
        )


def place_at_beats(
    subject: Subject,
    segmenter: Segmenter,
    recordings: Sequence[Recording],
    folder: Path,
    *,
    rule: RangeRule = "product",
    show_progress: bool = False,
) -> BeatIndex:
    """Find the end-systoles of recordings, and write where the clips about them start.

    A clip has its end-systole in its middle; see `beat_clips`.

    Args:
        subject: the model whose clips are placed, and the data.
        segmenter: outlines the ventricle, on the device that shall compute.
        recordings: to look at.
        folder: made where it is missing.
        rule: see `find_end_systoles`.
        show_progress: show a bar on stderr.

    Raises:
        NoBeatError: no recording has a beat.
        DatasetError: the model's clips are whole beats already.
        CoReEchoError: the folder cannot be written.
    """
    sampling = subject.model_input
    if sampling.is_whole_beat:
        raise DatasetError("The model sees whole beats already: there is nothing to be placed about an end-systole.")
    store, starts, num_late = subject.store(show_progress=show_progress), {}, 0
    lead_frames = sampling.num_frames * sampling.stride // 2
    for recording in track(recordings, "Beats", disable=not show_progress, transient=True):
        frames = resize_frames(np.asarray(store.frames(recording.id)), segmenter.frame_size)
        areas = segmenter.masks(frames).sum(axis=(1, 2)).astype(np.float64)
        found = find_end_systoles(areas, rule=rule, fps=store.fps(recording.id))
        clips = beat_clips(found, num_starts(len(frames), sampling), lead_frames=lead_frames)
        num_late += clips.num_late
        if clips.starts:
            starts[recording.id] = clips.starts
    if not starts:
        raise NoBeatError(f"The segmenter finds no beat in any of {len(recordings)} recordings.")
    with writing_into(folder):
        write_whole(folder / INDEX, json.dumps({name: list(of) for name, of in starts.items()}, indent=1) + "\n")
    return BeatIndex(folder / INDEX, starts, len(recordings), num_late, rule)


def read_beat_index(path: Path, *, num_recordings: int) -> BeatIndex:
    """Read what `place_at_beats` wrote; the beats that came too late are not in it.

    Args:
        path: of the start index.
        num_recordings: that were looked at.

    Raises:
        DatasetError: it is no start index.
    """
    starts = {name: tuple(map(int, of)) for name, of in read_start_index(path).items()}
    return BeatIndex(path, starts, num_recordings, 0, "product")


def error_by_beats(
    subject: Subject, index: BeatIndex, protocol: Protocol, recordings: Sequence[Recording], *, max_beats: int = 5
) -> pd.DataFrame:
    """The mean absolute error against the number of beats averaged; from what was predicted already.

    Args:
        subject: as evaluated.
        index: as evaluated.
        protocol: as evaluated.
        recordings: with their labels.
        max_beats: the largest number; videos with fewer beats are in no row.

    Returns:
        num_beats, mae, num_recordings. No row where no recording has so many beats.
    """
    wanted = [(name, list(starts)) for name, starts in index.starts.items()]
    said = subject.results(protocol.precision).predict(lambda: subject.model(), subject.store(), wanted)
    values = {name: prediction.clip_values.tolist() for (name, _), prediction in zip(wanted, said, strict=True)}
    known = {recording.id: subject.task.label_of(recording) for recording in recordings}
    labels = {name: label for name, label in known.items() if label is not None}
    values = {name: of for name, of in values.items() if name in labels}
    errors = error_by_number_of_beats(values, labels, max_beats=max_beats, seed=protocol.seed)
    count = sum(len(of) >= max_beats for of in values.values())
    rows = {"num_beats": np.arange(1, max_beats + 1), "mae": errors, "num_recordings": count}
    return pd.DataFrame(rows).dropna()


def write_errors(folder: Path, errors: pd.DataFrame) -> None:
    """Write the table beside an evaluation. Raises CoReEchoError."""
    with writing_into(folder):
        write_whole(folder / ERRORS, errors.to_csv(index=False))
