"""What a model says of recordings, and what a gate may ask of them: from the table of results, in one place."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from coreecho.datasets import Recording
from coreecho.evaluation.predictions import predictions_table
from coreecho.evaluation.protocol import starts_of_recordings
from coreecho.inference.appraising import COPIES, gate_values, middle_start
from coreecho.inference.engine import Precision, VideoPrediction
from coreecho.inference.results import HashedFrames
from coreecho.inference.shifted_frames import Shift, ShiftedFrames
from coreecho.inference.subject import Subject
from coreecho.trust import CHECKS, KnownClips


@dataclass(frozen=True, kw_only=True)
class Computing:
    """How a model computes, and whether bars are shown."""

    batch_size: int = 8
    device: str = "auto"
    precision: Precision = "fp32"
    show_progress: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredClips:
    """Recordings whose EF is known, as a model and a gate see them.

    Attributes:
        predictions: one row a recording, as `predictions_table`.
        embeddings: (N, D), the mean over the clips of each.
        values: (N,) by the names of the gate's checks; NaN for what could not be measured.
    """

    predictions: pd.DataFrame
    embeddings: NDArray[np.float32]
    values: dict[str, NDArray[np.float64]]

    @property
    def absolute_errors(self) -> NDArray[np.float64]:
        """(N,) EF points."""
        errors = self.predictions["ef_true"] - self.predictions["ef_predicted"]
        return np.asarray(np.abs(errors), dtype=np.float64)

    @property
    def spread(self) -> NDArray[np.float64] | None:
        """(N,) EF points over the clips; None where a recording has one clip only."""
        spread = self.predictions["clip_sd"].to_numpy(dtype=np.float64)
        return spread if np.isfinite(spread).all() else None

    def of_recording(self, number: int) -> dict[str, float]:
        """The values of one recording, as a gate takes them."""
        return {name: float(values[number]) for name, values in self.values.items()}


def predicted_clips(
    subject: Subject,
    store: HashedFrames,
    recordings: Sequence[Recording],
    *,
    clips: int,
    computing: Computing,
    description: str = "Recordings",
) -> list[VideoPrediction]:
    """Read evenly placed clips of recordings from a model's results; those that are not there are predicted."""
    names = [recording.id for recording in recordings]
    starts = starts_of_recordings(store, names, subject.model_input, clips=clips)
    return subject.results(computing.precision).predict(
        lambda: subject.model(computing.device),
        store,
        list(zip(names, starts, strict=True)),
        batch_size=computing.batch_size,
        description=description,
        show_progress=computing.show_progress,
    )


def measure_clips(
    subject: Subject,
    recordings: Sequence[Recording],
    *,
    clips: int,
    known: KnownClips | None,
    computing: Computing,
    shift: tuple[str, Shift] | None = None,
) -> MeasuredClips:
    """Measure recordings whose EF is known.

    Args:
        subject: the model and the data.
        recordings: of the data.
        clips: evenly placed, of each.
        known: the clips that the model was trained on; None where they are not known.
        computing: how.
        shift: a change of the pictures, and its name; None as they are.

    Raises:
        DatasetError: a recording has no EF.
        CheckpointError: there are no readable weights, or what they say is not a number.
    """
    plain = subject.seen(show_progress=computing.show_progress)
    store: HashedFrames = plain if shift is None else ShiftedFrames(plain, *shift)
    videos = predicted_clips(subject, store, recordings, clips=clips, computing=computing)
    copies = _copies(subject, store, recordings, videos, computing)
    rows = []
    pairs = zip(recordings, videos, copies, strict=True)
    for recording, video, of_copies in track(
        pairs,
        "Measuring pictures",
        total=len(recordings),
        console=Console(stderr=True),
        disable=not computing.show_progress,
        transient=True,
    ):
        rate = plain.fps(recording.id)
        frames = np.asarray(store.frames(recording.id))
        rows.append(gate_values(frames, fps=rate, video=video, copies=of_copies, known=known))
    return MeasuredClips(
        predictions=predictions_table(subject.task, recordings, videos),
        embeddings=np.stack([video.embedding for video in videos]),
        values={name: np.array([row.get(name, math.nan) for row in rows]) for name in CHECKS if name in rows[0]},
    )


def _without_chance(
    copy: Callable[[NDArray[np.uint8]], NDArray[np.uint8]], frames: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    return copy(frames)


def _copies(
    subject: Subject,
    store: HashedFrames,
    recordings: Sequence[Recording],
    videos: Sequence[VideoPrediction],
    computing: Computing,
) -> list[NDArray[np.float64]]:
    """The outputs for the copies of each recording's middle clip; none where it has none."""
    wanted = []
    for recording, video in zip(recordings, videos, strict=True):
        start = middle_start(store.num_frames(recording.id), video.starts, subject.model_input)
        if start is not None:
            wanted.append((recording.id, [start]))
    found: dict[str, list[float]] = {}
    for name, copy in COPIES.items():
        said = subject.results(computing.precision).predict(
            lambda: subject.model(computing.device),
            ShiftedFrames(store, name, partial(_without_chance, copy)),
            wanted,
            batch_size=computing.batch_size,
            description=f"Copies, {name}",
            show_progress=computing.show_progress,
        )
        for (recording_id, _), prediction in zip(wanted, said, strict=True):
            found.setdefault(recording_id, []).append(prediction.value)
    return [np.array(found.get(recording.id, []), dtype=np.float64) for recording in recordings]
