"""How a model is tested: which clips of each study it sees, and the table of what it says.

The paper averages the EF of three clips of each video; a video that is one beat is seen whole, once. Here a study's
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

from coreecho.datasets import Study
from coreecho.errors import CheckpointError, DatasetError, RecipeError
from coreecho.models.echo_model import EchoModel
from coreecho.models.video_prediction import predict_video
from coreecho.target import Target
from coreecho.video.clips import ClipSampling, all_starts, even_starts, num_starts
from coreecho.video.store import FrameStore

Clips = int | Literal["all"]
PREDICTION_COLUMNS = ("study", "ef_true", "ef_predicted", "clip_sd", "num_clips")
MI_PREDICTION_COLUMNS = ("study", "has_mi", "mi_logit", "probability", "num_clips")
# Only where a data set's releases differ in it.
EF_SOURCE_COLUMN = "ef_source"
_LABELS: dict[Target, str] = {"ef": "EF", "mi": "finding of infarction"}
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


def evaluate_studies(
    model: EchoModel,
    store: FrameStore,
    studies: Sequence[Study],
    *,
    clips: Clips = 3,
    step: int | None = None,
    start_index: Mapping[str, NDArray[np.int64]] | None = None,
    batch_size: int = 8,
    show_progress: bool = False,
) -> pd.DataFrame:
    """Predict studies whose label is known; a study's EF, or logit of an infarction, is the mean over its clips.

    Memory holds one batch of clips at a time, however long the video.

    Args:
        model: in evaluation mode, on the device that shall compute.
        store: decoded frames of all the studies.
        studies: each with what the model reads: EF, or whether it has an infarction.
        clips: how many evenly placed clips of each study, or "all" for the whole video.
        step: source frames between the clips of "all"; the model's stride when not given.
        start_index: the starts of each study, by its id with or without `.avi`; goes before `clips`.
        batch_size: clips at once.
        show_progress: show a bar with the time left, on stderr.

    Returns:
        One row a study, in order. Of EF: study, ef_true and ef_predicted (percent), clip_sd (standard deviation over
        the clips, NaN for one clip), num_clips; and ef_source, which release of the data set says ef_true, where any
        study knows. Of infarctions: study, has_mi, mi_logit, probability (the logistic function of it), num_clips.

    Raises:
        DatasetError: no study, studies without a label, or `start_index` lacks studies or has starts outside the video.
        RecipeError: `clips`, `step` or `batch_size` make no sense.
        CheckpointError: the model gives something that is not a number.
    """
    if batch_size < 1:
        raise RecipeError(f"batch_size: expected at least 1, got {batch_size}")
    labels = _known_labels(studies, model.target)
    starts = _starts_of_studies(store, studies, model.model_input, clips, step, start_index)
    rows: list[tuple[object, ...]] = []
    for study, label, of_study in _tracked(list(zip(studies, labels, starts, strict=True)), show_progress):
        predicted = predict_video(model, store.frames(study.id), of_study, batch_size=batch_size)
        values = np.asarray(predicted.clip_values, dtype=np.float64)
        if model.target == "mi":
            rows.append((study.id, bool(label), predicted.value, float(expit(predicted.value)), len(values)))
        else:
            clip_sd = float(values.std(ddof=1)) if len(values) > 1 else math.nan
            rows.append((study.id, label, predicted.value, clip_sd, len(values)))
    columns, value = {"ef": (PREDICTION_COLUMNS, "ef_predicted"), "mi": (MI_PREDICTION_COLUMNS, "mi_logit")}[
        model.target
    ]
    table = pd.DataFrame(rows, columns=list(columns))
    lost = table.loc[~np.isfinite(table[value]), "study"].tolist()
    if lost:
        read = "EF" if model.target == "ef" else "logit"
        raise CheckpointError(f"The model's {read} is not a finite number for {len(lost)} studies: {_named(lost)}.")
    if model.target == "ef" and any(study.ef_source is not None for study in studies):
        table[EF_SOURCE_COLUMN] = [study.ef_source for study in studies]
    return table


def _known_labels(studies: Sequence[Study], target: Target) -> list[float]:
    if len(studies) == 0:
        raise DatasetError("There is no study to evaluate: the split is empty.")
    unlabelled = [study.id for study in studies if study.label(target) is None]
    if unlabelled:
        raise DatasetError(
            f"{len(unlabelled)} of {len(studies)} studies have no {_LABELS[target]} to compare with: "
            f"{_named(unlabelled)}. Use `coreecho predict` for videos without a label."
        )
    return [label for study in studies if (label := study.label(target)) is not None]


def _starts_of_studies(
    store: FrameStore,
    studies: Sequence[Study],
    sampling: ClipSampling,
    clips: Clips,
    step: int | None,
    start_index: Mapping[str, NDArray[np.int64]] | None,
) -> list[list[int]]:
    """Starts of every study, all checked before the first prediction."""
    if start_index is None:
        return [choose_starts(store.num_frames(study.id), sampling, clips, step=step) for study in studies]
    given = {name.removesuffix(".avi"): [int(start) for start in starts] for name, starts in start_index.items()}
    missing = [study.id for study in studies if study.id.removesuffix(".avi") not in given]
    if missing:
        raise DatasetError(f"The start index lacks {len(missing)} of {len(studies)} studies: {_named(missing)}.")
    starts = [given[study.id.removesuffix(".avi")] for study in studies]
    outside = []
    for study, of_study in zip(studies, starts, strict=True):
        count = num_starts(store.num_frames(study.id), sampling)
        if not of_study or min(of_study) < 0 or max(of_study) >= count:
            outside.append(f"{study.id} (starts {of_study}, expected 0 to {count - 1})")
    if outside:
        raise DatasetError(
            f"The start index does not fit {len(outside)} of {len(studies)} studies, for clips of "
            f"{sampling.num_frames} frames at stride {sampling.stride}: {_named(outside)}."
        )
    return starts


def _named(names: list[str]) -> str:
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def _tracked(
    studies: list[tuple[Study, float, list[int]]], show_progress: bool
) -> Iterable[tuple[Study, float, list[int]]]:
    return track(
        studies, description="Studies", console=Console(stderr=True), disable=not show_progress, transient=True
    )
