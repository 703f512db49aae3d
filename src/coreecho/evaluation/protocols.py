"""How a model is tested: which clips of each recording it sees, and the table of what it says.

The paper averages the EF of three clips of each video; a video that is one beat is seen whole, once. Here a recording's
clips are placed evenly, one or more; or they start where a file says, such as the authors' published starts; or they
cover the whole video.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.special import expit

from coreecho.datasets import Recording
from coreecho.errors import CheckpointError, DatasetError, RecipeError
from coreecho.models.echo_model import EchoModel
from coreecho.models.video_prediction import predict_video
from coreecho.tasks import Task
from coreecho.video.clips import ClipSampling, all_starts, even_starts, num_starts
from coreecho.video.store import FrameStore

Clips = int | Literal["all"]
PREDICTION_COLUMNS = ("recording", "ef_true", "ef_predicted", "clip_sd", "num_clips")
MI_PREDICTION_COLUMNS = ("recording", "has_mi", "mi_logit", "probability", "num_clips")
# Only where a data set's releases differ in it.
EF_SOURCE_COLUMN = "ef_source"
_NAMED_AT_MOST = 10


def choose_starts(
    num_source_frames: int, sampling: ClipSampling, clips: Clips, *, step: int | None = None
) -> list[int]:
    """Choose which clips of a video are predicted.

    Args:
        num_source_frames: length of the video.
        sampling: of the model.
        clips: how many, evenly placed, or "all" for the whole video.
        step: source frames from one clip's start to the next with "all"; the sampling's stride when not given, so that
            neighbouring clips differ in every frame.

    Raises:
        RecipeError: `clips` is neither a number of at least 1 nor "all", or `step` is below 1 or goes without "all".
    """
    if clips == "all":
        return all_starts(num_source_frames, sampling, sampling.stride if step is None else step)
    if isinstance(clips, bool) or not isinstance(clips, int) or clips < 1:
        raise RecipeError(f"clips: expected a number of at least 1, or 'all', got {clips!r}")
    if step is not None:
        raise RecipeError(f"step: only the whole video has one, and clips is {clips}; give clips='all'")
    return even_starts(num_source_frames, sampling, clips)


def evaluate_recordings(
    model: EchoModel,
    store: FrameStore,
    recordings: Sequence[Recording],
    *,
    clips: Clips = 3,
    step: int | None = None,
    start_index: Mapping[str, NDArray[np.int64]] | None = None,
    batch_size: int = 8,
    show_progress: bool = False,
) -> pd.DataFrame:
    """Predict recordings whose label is known; a recording's EF, or logit of an infarction, is the mean over its clips.

    Memory holds one batch of clips at a time, however long the video.

    Args:
        model: in evaluation mode, on the device that shall compute.
        store: decoded frames of all the recordings.
        recordings: each with what the model reads: EF, or whether it has an infarction.
        clips: how many evenly placed clips of each recording, or "all" for the whole video.
        step: source frames between the clips of "all"; the model's stride when not given.
        start_index: the starts of each recording, by its id with or without `.avi`; goes before `clips`.
        batch_size: clips at once.
        show_progress: show a bar with the time left, on stderr.

    Returns:
        One row a recording, in order. Of EF: recording, ef_true and ef_predicted (percent), clip_sd (standard
        deviation over the clips, NaN for one clip), num_clips; and ef_source, which release of the data set says
        ef_true, where any recording knows. Of infarctions: recording, has_mi, mi_logit, probability (the logistic
        function of it), num_clips.

    Raises:
        DatasetError: no recording, recordings without a label, or `start_index` lacks recordings or has starts outside
            the video.
        RecipeError: `clips`, `step` or `batch_size` make no sense.
        CheckpointError: the model gives something that is not a number.
    """
    if batch_size < 1:
        raise RecipeError(f"batch_size: expected at least 1, got {batch_size}")
    labels = _known_labels(recordings, model.task)
    starts = _starts_of_recordings(store, recordings, model.model_input, clips, step, start_index)
    rows: list[tuple[object, ...]] = []
    for recording, label, of_recording in _tracked(list(zip(recordings, labels, starts, strict=True)), show_progress):
        predicted = predict_video(model, store.frames(recording.id), of_recording, batch_size=batch_size)
        values = np.asarray(predicted.clip_values, dtype=np.float64)
        if model.target == "mi":
            rows.append((recording.id, bool(label), predicted.value, float(expit(predicted.value)), len(values)))
        else:
            clip_sd = float(values.std(ddof=1)) if len(values) > 1 else math.nan
            rows.append((recording.id, label, predicted.value, clip_sd, len(values)))
    columns, value = {"ef": (PREDICTION_COLUMNS, "ef_predicted"), "mi": (MI_PREDICTION_COLUMNS, "mi_logit")}[
        model.target
    ]
    table = pd.DataFrame(rows, columns=list(columns))
    lost = table.loc[~np.isfinite(table[value]), "recording"].tolist()
    if lost:
        read = "EF" if model.target == "ef" else "logit"
        raise CheckpointError(f"The model's {read} is not a finite number for {len(lost)} recordings: {_named(lost)}.")
    if model.target == "ef" and any(recording.ef_source is not None for recording in recordings):
        table[EF_SOURCE_COLUMN] = [recording.ef_source for recording in recordings]
    return table


def _known_labels(recordings: Sequence[Recording], task: Task) -> list[float]:
    if len(recordings) == 0:
        raise DatasetError("There is no recording to evaluate: the split is empty.")
    unlabelled = [recording.id for recording in recordings if task.label_of(recording) is None]
    if unlabelled:
        raise DatasetError(
            f"{len(unlabelled)} of {len(recordings)} recordings have no {task.noun} to compare with: "
            f"{_named(unlabelled)}. Use `coreecho predict` for videos without a label."
        )
    return [label for recording in recordings if (label := task.label_of(recording)) is not None]


def _starts_of_recordings(
    store: FrameStore,
    recordings: Sequence[Recording],
    sampling: ClipSampling,
    clips: Clips,
    step: int | None,
    start_index: Mapping[str, NDArray[np.int64]] | None,
) -> list[list[int]]:
    """Starts of every recording, all checked before the first prediction."""
    if start_index is None:
        return [choose_starts(store.num_frames(recording.id), sampling, clips, step=step) for recording in recordings]
    given = {name.removesuffix(".avi"): [int(start) for start in starts] for name, starts in start_index.items()}
    missing = [recording.id for recording in recordings if recording.id.removesuffix(".avi") not in given]
    if missing:
        raise DatasetError(f"The start index lacks {len(missing)} of {len(recordings)} recordings: {_named(missing)}.")
    starts = [given[recording.id.removesuffix(".avi")] for recording in recordings]
    outside = []
    for recording, of_recording in zip(recordings, starts, strict=True):
        count = num_starts(store.num_frames(recording.id), sampling)
        if not of_recording or min(of_recording) < 0 or max(of_recording) >= count:
            outside.append(f"{recording.id} (starts {of_recording}, expected 0 to {count - 1})")
    if outside:
        raise DatasetError(
            f"The start index does not fit {len(outside)} of {len(recordings)} recordings, for clips of "
            f"{sampling.num_frames} frames at stride {sampling.stride}: {_named(outside)}."
        )
    return starts


def _named(names: list[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _tracked(
    recordings: list[tuple[Recording, float, list[int]]], show_progress: bool
) -> Iterable[tuple[Recording, float, list[int]]]:
    return track(
        recordings, description="Recordings", console=Console(stderr=True), disable=not show_progress, transient=True
    )
