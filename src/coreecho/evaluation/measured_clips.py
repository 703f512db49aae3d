"""What a model says of recordings, and what a gate may ask of them: from the table of results, in one place."""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coreecho.datasets import Recording, video_files
from coreecho.errors import CalibrationError
from coreecho.evaluation.predictions import predictions_table
from coreecho.evaluation.protocol import starts_of_recordings
from coreecho.inference.appraising import COPIES, gate_values, middle_start
from coreecho.inference.engine import Precision, VideoPrediction
from coreecho.inference.results import HashedFrames
from coreecho.inference.shifted_frames import Shift, ShiftedFrames, shift_frames
from coreecho.inference.subject import Subject
from coreecho.progress import track
from coreecho.tasks import EF, Task
from coreecho.trust import CHECKS, KnownClips, Method, ModelCalibration, OutlineValues, Verdict
from coreecho.trust.calibration import is_by_copies, is_normalised
from coreecho.trust.checks import COPY_CHECK
from coreecho.video.store import FrameStore

# Recordings whose ventricles are outlined for a gate: a second or two each. Of fewer than 200, one of twenty
# checks that together doubt a tenth could doubt nothing; and some have no complete beat.
OUTLINED_AT_MOST = 240


class Outliner(Protocol):
    """What outlines left ventricles for a gate."""

    @property
    def frame_size(self) -> int:
        """S of the frames that it outlines."""

    weights_sha256: str

    def __call__(self, frames: NDArray[np.uint8], fps: float | None, /) -> OutlineValues:
        """Measure a clip, (T, S, S) uint8, of so many frames a second."""

    def save(self) -> None:
        """Keep what was measured."""


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
        is_outlined: (N,), whose ventricles were outlined.
        outlined_by: SHA-256 of the weights that did; None where none did.
        task: whose columns the predictions have.
    """

    predictions: pd.DataFrame
    embeddings: NDArray[np.float32]
    values: dict[str, NDArray[np.float64]]
    is_outlined: NDArray[np.bool_]
    outlined_by: str | None = None
    task: Task = field(default_factory=EF)

    @property
    def true(self) -> NDArray[np.float64]:
        """(N,) EF in percent."""
        return self.predictions[self.task.true_column].to_numpy(dtype=np.float64)

    @property
    def predicted(self) -> NDArray[np.float64]:
        """(N,) EF in percent, as a person reads it."""
        return self.predictions[self.task.predicted_column].to_numpy(dtype=np.float64)

    @property
    def absolute_errors(self) -> NDArray[np.float64]:
        """(N,) EF points."""
        return np.abs(self.true - self.predicted)

    @property
    def spread(self) -> NDArray[np.float64] | None:
        """(N,) EF points over the clips; None where a recording has one clip only."""
        spread = self.predictions["clip_sd"].to_numpy(dtype=np.float64)
        return spread if np.isfinite(spread).all() else None

    def spread_for(self, method: Method) -> NDArray[np.float64] | None:
        """(N,) EF points, of what a method of intervals takes for a recording's spread; None where it takes none.

        Raises:
            CalibrationError: it takes one, and that of some recording is not known.
        """
        if not is_normalised(method):
            return None
        spread = self.values.get(COPY_CHECK) if is_by_copies(method) else self.spread
        if spread is None or not np.isfinite(spread).all():
            needed = "mirrored and zoomed copies" if is_by_copies(method) else "several clips"
            raise CalibrationError(f"The method {method} needs the spread over {needed} of each recording.")
        return spread

    def of_recording(self, number: int) -> dict[str, float]:
        """The values of one recording, as a gate takes them."""
        return {name: float(values[number]) for name, values in self.values.items()}

    def asked(self, name: str) -> NDArray[np.bool_]:
        """(N,), of which recordings a check was to be measured."""
        return self.is_outlined if CHECKS[name].is_of_outline else np.ones(len(self.predictions), dtype=np.bool_)

    def verdict(self, number: int, calibrated: ModelCalibration) -> Verdict | None:
        """What a gate says of one recording; None where there is no gate."""
        gate = calibrated.gate_for(self.outlined_by if self.is_outlined[number] else None)
        if gate is None:
            return None
        values = self.of_recording(number)
        return gate.judge({check.name: values.get(check.name) for check in gate.checks})


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
    outliner: Outliner | None = None,
    outlined_at_most: int = OUTLINED_AT_MOST,
) -> MeasuredClips:
    """Measure recordings whose EF is known.

    Args:
        subject: the model and the data.
        recordings: of the data.
        clips: evenly placed, of each.
        known: the clips that the model was trained on; None where they are not known.
        computing: how.
        shift: a change of the pictures, and its name; None as they are.
        outliner: of left ventricles; None does not look at them.
        outlined_at_most: so many of the recordings, drawn by their ids, have their ventricles outlined.

    Raises:
        DatasetError: a recording has no EF.
        CheckpointError: there are no readable weights, or what they say is not a number.
    """
    lying = subject.store(show_progress=computing.show_progress)
    plain = subject.seen()
    store: HashedFrames = plain if shift is None else ShiftedFrames(plain, *shift)
    videos = predicted_clips(subject, store, recordings, clips=clips, computing=computing)
    copies = _copies(subject, store, recordings, videos, computing)
    rows = []
    pairs = zip(recordings, videos, copies, strict=True)
    for recording, video, of_copies in track(
        pairs,
        "Measuring pictures",
        total=len(recordings),
        disable=not computing.show_progress,
        transient=True,
    ):
        rate = plain.fps(recording.id)
        coloured = _coloured(subject, lying, recording)
        if shift is not None:
            rate = shift[1].fps(rate)
            coloured = coloured if shift[1].coloured is None else shift[1].coloured
        frames = np.asarray(store.frames(recording.id))
        rows.append(gate_values(frames, fps=rate, video=video, copies=of_copies, known=known, coloured=coloured))
    is_outlined = _drawn(recordings, 0 if outliner is None else outlined_at_most)
    if outliner is not None:
        outlined = [
            (row, each, video)
            for row, each, video, is_one in zip(rows, recordings, videos, is_outlined, strict=True)
            if is_one
        ]
        _outline(subject, outlined, outliner, shift, computing)
    return MeasuredClips(
        predictions=predictions_table(subject.task, recordings, videos),
        embeddings=np.stack([video.embedding for video in videos]),
        values={
            name: np.array([row.get(name, math.nan) for row in rows])
            for name in CHECKS
            if any(name in row for row in rows)
        },
        is_outlined=is_outlined,
        outlined_by=None if outliner is None else outliner.weights_sha256,
        task=subject.task,
    )


def _coloured(subject: Subject, store: FrameStore, recording: Recording) -> float | None:
    """Share of a recording's sector that is coloured in some frame; None where its layout does not say."""
    share = store.coloured(recording.id)
    if share is None:
        # Stores of before colour was looked at do not say it.
        file = video_files(subject.data.dataset, [recording])[recording.id]
        share = file.prepare(file.path, store.frame_size).coloured
    return share


def _drawn(recordings: Sequence[Recording], count: int) -> NDArray[np.bool_]:
    """(N,), which recordings are drawn: by their ids, so that the same data always give the same."""
    digests = [hashlib.sha256(each.id.encode("utf-8", "surrogateescape")).digest() for each in recordings]
    is_drawn = np.zeros(len(recordings), dtype=np.bool_)
    is_drawn[sorted(range(len(recordings)), key=digests.__getitem__)[:count]] = True
    return is_drawn


def _outline(
    subject: Subject,
    outlined: Sequence[tuple[dict[str, float], Recording, VideoPrediction]],
    outliner: Outliner,
    shift: tuple[str, Shift] | None,
    computing: Computing,
) -> None:
    """Add what the outlines of ventricles say to the values of recordings."""
    files = video_files(subject.data.dataset, [recording for _, recording, _ in outlined])
    for row, recording, video in track(
        outlined,
        "Outlining ventricles",
        disable=not computing.show_progress,
        transient=True,
    ):
        file = files[recording.id]
        # Decoded at the outliner's size, which takes a hundredth of the time of outlining: not worth a store.
        frames, fps, _ = file.prepare(file.path, outliner.frame_size)
        rate = fps or recording.fps
        if shift is not None:
            frames, rate = shift_frames(frames, *shift, recording.id), shift[1].fps(rate)
        row.update(outliner(frames, rate).beside(video.value))
    outliner.save()


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
        start = middle_start(video.starts, subject.model_input)
        if start is not None:
            wanted.append((recording.id, [start]))
    found: dict[str, list[float]] = {}
    for name, copy in COPIES.items():
        said = subject.results(computing.precision).predict(
            lambda: subject.model(computing.device),
            ShiftedFrames(store, name, Shift(change=partial(_without_chance, copy))),
            wanted,
            batch_size=computing.batch_size,
            description=f"Copies, {name}",
            show_progress=computing.show_progress,
        )
        for (recording_id, _), prediction in zip(wanted, said, strict=True):
            found.setdefault(recording_id, []).append(prediction.value)
    return [np.array(found.get(recording.id, []), dtype=np.float64) for recording in recordings]
