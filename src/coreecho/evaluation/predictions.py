"""The table of what a model says of recordings whose label is known: one row a recording, the mean over its clips."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from coreecho.datasets import Recording
from coreecho.errors import CheckpointError, DatasetError
from coreecho.evaluation.prediction_tables import named
from coreecho.evaluation.protocol import Clips, StoredLengths, starts_of_recordings
from coreecho.inference.engine import Frames, Precision, VideoPrediction, predict_videos, requests_from_store
from coreecho.models.echo_model import EchoModel
from coreecho.names import counted
from coreecho.progress import track
from coreecho.tasks import Task

# Only where a data set's releases differ in it.
EF_SOURCE_COLUMN = "ef_source"


def evaluate_recordings(
    model: EchoModel,
    store: Frames,
    recordings: Sequence[Recording],
    *,
    clips: Clips = 3,
    step: int | None = None,
    start_index: Mapping[str, NDArray[np.int64]] | None = None,
    batch_size: int = 8,
    precision: Precision = "fp32",
    show_progress: bool = False,
) -> pd.DataFrame:
    """Predict recordings whose label is known, and keep nothing; a recording's output is the mean over its clips.

    Args:
        model: on the device that shall compute.
        store: decoded frames of all the recordings.
        recordings: each with what the model reads.
        clips: how many evenly placed clips of each recording, or "all" for the whole video.
        step: frames of the file between the clips of "all"; the model's stride when not given.
        start_index: the starts of each recording, by its id with or without `.avi`; goes before `clips`.
        batch_size: clips at once.
        precision: of the encoder.
        show_progress: show a bar with the time left, on stderr.

    Returns:
        As `predictions_table`.

    Raises:
        DatasetError: no recording, recordings without a label, or `start_index` lacks recordings or has starts outside
            the video.
        RecipeError: `clips`, `step` or `batch_size` make no sense.
        CheckpointError: the model gives something that is not a number.
    """
    check_labels(recordings, model.task)
    starts = starts_of(store, recordings, model, clips=clips, step=step, start_index=start_index)
    wanted = [(recording.id, of_recording) for recording, of_recording in zip(recordings, starts, strict=True)]
    videos = predict_videos(model, requests_from_store(store, wanted), batch_size=batch_size, precision=precision)
    bar = track(
        videos,
        total=len(wanted),
        description="Recordings",
        disable=not show_progress,
        transient=True,
    )
    return predictions_table(model.task, recordings, [prediction for _, prediction in bar])


def starts_of(
    store: StoredLengths,
    recordings: Sequence[Recording],
    model: EchoModel,
    *,
    clips: Clips,
    step: int | None,
    start_index: Mapping[str, NDArray[np.int64]] | None,
) -> list[list[int]]:
    """Starts of the clips of every recording, all checked; as `starts_of_recordings`."""
    names = [recording.id for recording in recordings]
    return starts_of_recordings(store, names, model.model_input, clips=clips, step=step, start_index=start_index)


def predictions_table(
    task: Task, recordings: Sequence[Recording], predictions: Sequence[VideoPrediction]
) -> pd.DataFrame:
    """Put predictions beside the labels.

    Args:
        task: of the model.
        recordings: each with its label.
        predictions: one for each.

    Returns:
        One row a recording, in order, in the columns of the task. Of EF: recording, ef_true and ef_predicted
        (percent), clip_sd (standard deviation over the clips, NaN for one clip), num_clips; and ef_source, which
        release of the data set says ef_true, where any recording knows. Of infarctions: recording, has_mi, mi_logit,
        probability (the logistic function of it), num_clips.

    Raises:
        DatasetError: a recording has no label.
        CheckpointError: the network's output is not a number.
    """
    labels = check_labels(recordings, task)
    outputs = np.array([prediction.value for prediction in predictions], dtype=np.float64)
    check_outputs(task, [recording.id for recording in recordings], outputs)
    columns: dict[str, object] = {"recording": [recording.id for recording in recordings]}
    is_truth = all(isinstance(getattr(recording, task.label, None), bool) for recording in recordings)
    columns[task.true_column] = [bool(label) for label in labels] if is_truth else labels
    columns[task.output_column] = outputs
    columns[task.predicted_column] = task.value_of(outputs)
    if not task.has_output_of_its_own:
        # Of an output on another scale than what is read, the spread would be in no unit that anybody knows.
        columns["clip_sd"] = [_deviation(prediction.clip_values) for prediction in predictions]
    columns["num_clips"] = [len(prediction.clip_values) for prediction in predictions]
    table = pd.DataFrame(columns)
    sources = [recording.source_of(task.label) for recording in recordings]
    if any(source is not None for source in sources):
        table[EF_SOURCE_COLUMN] = sources
    return table


def check_labels(recordings: Sequence[Recording], task: Task) -> list[float]:
    """Give the label of each recording.

    Raises:
        DatasetError: there is no recording, or one without a label, or with one that no heart has.
    """
    if len(recordings) == 0:
        raise DatasetError("There is no recording to evaluate: the split is empty.")
    labels = [task.label_of(recording) for recording in recordings]
    unlabelled = [recording.id for recording, label in zip(recordings, labels, strict=True) if label is None]
    if unlabelled:
        raise DatasetError(
            f"{len(unlabelled)} of {len(recordings)} recordings have no {task.noun} to compare with: "
            f"{named(unlabelled)}. Use `coreecho predict` for videos without a label."
        )
    known = [label for label in labels if label is not None]
    doubtful = [recording.id for recording, label in zip(recordings, known, strict=True) if task.is_doubtful(label)]
    if doubtful:
        raise DatasetError(
            f"{len(doubtful)} of {len(recordings)} labels of {task.label} cannot be right, such as "
            f"{min(known):g} {task.unit}: {named(doubtful)}. Are these fractions? Give all of them in percent."
        )
    return known


def check_outputs(task: Task, recordings: Sequence[str], outputs: NDArray[np.float64]) -> None:
    """See that a model gives numbers. Raises CheckpointError."""
    lost = [recording for recording, output in zip(recordings, outputs, strict=True) if not math.isfinite(output)]
    if lost:
        of = counted(len(lost), "recordings")
        read = task.output_column if task.has_output_of_its_own else task.noun
        raise CheckpointError(f"The model's {read} is not a finite number for {of}: {named(lost)}.")


def _deviation(clip_values: NDArray[np.float32]) -> float:
    values = clip_values.astype(np.float64)
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan
