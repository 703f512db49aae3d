"""Evaluates a model and leaves a folder that says all about it: predictions, and metrics with intervals.

predictions.csv   one row a recording: recording, label, prediction, and how many clips it is the mean of
metrics.json      metrics with their intervals, and everything that they depend on; no date, so equal runs are equal
metrics.csv       the metrics as a table
worth.csv         of a calibrated model: interval, probabilities, trust and reasons of each recording
and pictures, where whoever asks brings what draws them.

What the model says is read from its results (see `inference/results.py`): clips that were predicted before, by whatever
command, are not predicted again, and what has changed since is.
"""

import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import numpy as np
import pandas as pd
import torch

import coreecho
from coreecho.datasets import Recording
from coreecho.datasets.recording import Asked, words_of_data
from coreecho.errors import CoReEchoError
from coreecho.evaluation.coverage import coverage_note, covered, predict_traced
from coreecho.evaluation.measured_clips import Computing
from coreecho.evaluation.metric_family import M, family_of
from coreecho.evaluation.notes import frame_rate_note, label_sources, notes_of
from coreecho.evaluation.patients import patients_of
from coreecho.evaluation.predictions import check_labels, predictions_table
from coreecho.evaluation.protocol import TRACED, Protocol
from coreecho.evaluation.worth import Worth, calibration_of, worth_of
from coreecho.files import alone_in, sha256_of, write_whole
from coreecho.inference.frame_rate import TimedFrames
from coreecho.inference.overlap import Overlap
from coreecho.inference.subject import Subject
from coreecho.notices import NOTICE
from coreecho.tasks import Task
from coreecho.trust.appraisal import NOT_OF_PATIENTS
from coreecho.video.store import FrameStore

# What draws each picture, by the name of its file.
Pictures = Mapping[str, Callable[[Path], None]]
# Of a table of predictions, only where the model was trained on some of its recordings.
TRAINED_COLUMN = "in_training"
_STAGING = ".part-"
# Not that of the whole folder, which a command that evaluates may hold.
_LOCK = ".evaluation.lock"


@dataclass(frozen=True, kw_only=True)
class Evaluation(Generic[M]):
    """What an evaluation found, and where it is written.

    Attributes:
        folder: with the files named above.
        task: what was read.
        model_name: which read it, in one line.
        predictions: one row a recording, in the columns of the task.
        metrics: with their intervals.
        protocol: how they were made.
        tested: on what and how, in words.
        is_phantom: whether the hearts are simulated.
        notes: what a reader of the metrics should know.
        overlap_label: for every figure and table, where the model was trained on some of the recordings.
        worth: whether intervals and trust hold; None where the model was never calibrated, or on these recordings.
        provenance: what all of it depends on, JSON-able.
    """

    folder: Path
    task: Task
    model_name: str
    predictions: pd.DataFrame
    metrics: M
    protocol: Protocol
    tested: str
    is_phantom: bool
    notes: tuple[str, ...]
    overlap_label: str | None
    worth: Worth | None
    provenance: Mapping[str, Any]


def evaluate(
    subject: Subject,
    protocol: Protocol | None = None,
    *,
    out: Path | None = None,
    batch_size: int = 8,
    device: str = "auto",
    allow_overlap: bool = False,
    draw: Callable[[Evaluation[Any]], Pictures] | None = None,
    show_progress: bool = False,
) -> Evaluation[Any]:
    """Measure a model on recordings whose label is known, and write the result.

    Args:
        subject: the model and the data.
        protocol: how; the paper's three clips on the TEST split when not given.
        out: folder for the result; where `Subject.result_folder` says when not given.
        batch_size: clips at once.
        device: where to compute: "cpu", "gpu", "auto" (a GPU if there is one), "cuda:1".
        allow_overlap: go on where the model was trained on some of the recordings; all that is written says so.
        draw: what pictures to write beside the tables.
        show_progress: show bars on stderr.

    Returns:
        The metrics are those of the model's task.

    Raises:
        DatasetError: the split is empty, has recordings without a label or such that the model was trained on, or the
            data set or start index is not as expected.
        CheckpointError: there are no readable weights.
        RecipeError: a setting makes no sense, or there is no such device.
        CoReEchoError: the result cannot be written.
    """
    protocol = protocol or Protocol()
    of_split = subject.some_recordings(protocol.split)
    recordings = covered(subject, protocol, of_split)
    folder = out or subject.result_folder("evaluation", protocol.name)
    check_labels(recordings, subject.task)
    # A folder that cannot be written to should be known before the hours of prediction.
    make_folder(folder)
    overlap = subject.check_overlap(recordings, protocol.split, allow=allow_overlap, show_progress=show_progress)
    predictions = predict(
        subject, protocol, recordings, batch_size=batch_size, device=device, show_progress=show_progress
    )
    metrics = family_of(subject.task).measure(
        predictions[subject.task.true_column],
        predictions[subject.task.output_column],
        patients=patients_of(recordings),
        resamples=protocol.resamples,
        level=protocol.level,
        seed=protocol.seed,
    )
    worth, of_worth = _worth(subject, protocol, recordings, batch_size, device, show_progress)
    if overlap.trained:
        predictions[TRAINED_COLUMN] = predictions["recording"].isin(overlap.trained)
    evaluation: Evaluation[Any] = Evaluation(
        folder=folder,
        task=subject.task,
        model_name=subject.name,
        predictions=predictions,
        metrics=metrics,
        protocol=protocol,
        tested=protocol.describe(is_undivided=subject.is_whole(protocol.split)),
        is_phantom=subject.is_phantom,
        notes=(
            *_notes(subject, protocol, recordings, overlap),
            *coverage_note(len(recordings), len(of_split)),
            *of_worth,
        ),
        overlap_label=overlap.label,
        worth=worth,
        provenance=_provenance(subject, protocol, recordings),
    )
    write_evaluation(evaluation, {} if draw is None else draw(evaluation))
    return evaluation


def predict(
    subject: Subject,
    protocol: Protocol,
    recordings: Sequence[Recording],
    *,
    batch_size: int = 8,
    device: str = "auto",
    show_progress: bool = False,
) -> pd.DataFrame:
    """The table of predictions (see `predictions_table`) of recordings, read from the model's results or predicted.

    Raises:
        DatasetError: recordings have no label, or the start index is not as expected.
        CheckpointError: there are no readable weights, or what they say is not a number.
    """
    if protocol.clips == TRACED and protocol.start_index is None:
        said = predict_traced(subject, recordings, batch_size=batch_size, device=device)
        return predictions_table(subject.task, recordings, said)
    # Starts from a file count the frames of the files.
    store: TimedFrames | FrameStore = subject.store(show_progress=show_progress)
    if not protocol.counts_file_frames:
        store = subject.seen(show_progress=show_progress)
    names = [recording.id for recording in recordings]
    starts = protocol.starts(store, names, subject.model_input)
    said = subject.results(protocol.precision).predict(
        lambda: subject.model(device),
        store,
        list(zip(names, starts, strict=True)),
        batch_size=batch_size,
        show_progress=show_progress,
    )
    return predictions_table(subject.task, recordings, said)


def write_evaluation(evaluation: Evaluation[Any], pictures: Pictures) -> None:
    """Write the folder of an evaluation. Files appear whole, metrics.json last; an older result is replaced.

    Args:
        evaluation: what was found.
        pictures: to write beside.

    Raises:
        CoReEchoError: the disk is full, or the folder cannot be written to.
    """
    folder, metrics = evaluation.folder, evaluation.metrics
    table = metrics.to_frame()
    head: dict[str, Any] = {
        "result": "phantom result: simulated hearts" if evaluation.is_phantom else "result on real hearts",
        "is_phantom": evaluation.is_phantom,
        "notice": NOTICE,
        "notes": list(evaluation.notes),
    }
    if evaluation.overlap_label is not None:
        head["overlap"] = evaluation.overlap_label
        table["overlap"] = evaluation.overlap_label
    document = {**head, **evaluation.provenance, **metrics.to_dict()}
    worth = evaluation.worth
    if worth is not None:
        document["worth"] = worth.to_dict()
    writers: dict[str, Callable[[Path], None]] = {
        "predictions.csv": lambda path: write_whole(path, evaluation.predictions.to_csv(index=False)),
        "metrics.csv": lambda path: write_whole(path, table.to_csv(index=False)),
        **({} if worth is None else {"worth.csv": lambda path: write_whole(path, worth.table.to_csv(index=False))}),
        **pictures,
        "metrics.json": lambda path: write_whole(
            path, json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        ),
    }
    make_folder(folder)
    try:
        # All is written in a hidden folder first: a full disk leaves the older result whole, not half of each.
        with (
            alone_in(folder, doing="writing an evaluation", name=_LOCK, waits=True),
            tempfile.TemporaryDirectory(prefix=_STAGING, dir=folder) as staging,
        ):
            # Whoever else has one here was killed: its lock would keep this process out. By name, since Python 3.12
            # makes the path of its own absolute.
            for left in folder.glob(f"{_STAGING}*"):
                if left.name != Path(staging).name:
                    shutil.rmtree(left)
            for name, write in writers.items():
                write(Path(staging, name))
            for name in writers:
                Path(staging, name).replace(folder / name)
    except OSError as error:
        raise CoReEchoError(
            f"The evaluation cannot be written to {folder}: {error.strerror or error}. "
            "Make room there, or give another folder with `--out`."
        ) from error


def make_folder(folder: Path) -> None:
    """Make the folder of a result. Raises CoReEchoError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CoReEchoError(
            f"The folder {folder} for the evaluation cannot be made: {error.strerror or error}. "
            "Give another with `--out`."
        ) from error


def _worth(
    subject: Subject,
    protocol: Protocol,
    recordings: Sequence[Recording],
    batch_size: int,
    device: str,
    show_progress: bool,
) -> tuple[Worth | None, tuple[str, ...]]:
    """Whether the calibration holds on these recordings, and what is to be said where that cannot be told."""
    calibrated = calibration_of(subject)
    if calibrated is None:
        return None, ()
    learned_from = ("train", "all") if subject.is_own_data else ()
    asked: Asked = "all" if subject.is_whole(protocol.split) else protocol.split
    same = words_of_data(asked, subject.data.dataset)
    if protocol.split in learned_from or calibrated.intervals.calibrated_on.startswith(same):
        return None, (f"intervals are not tried on recordings that they may have been made of: {same}",)
    computing = Computing(
        batch_size=batch_size, device=device, precision=protocol.precision, show_progress=show_progress
    )
    worth = worth_of(
        subject,
        recordings,
        computing=computing,
        resamples=protocol.resamples,
        seed=protocol.seed,
        calibrated=calibrated,
    )
    return worth, () if worth is not None else (NOT_OF_PATIENTS,)


def _notes(subject: Subject, protocol: Protocol, recordings: Sequence[Recording], overlap: Overlap) -> tuple[str, ...]:
    notes = notes_of(subject, recordings, overlap)
    if not subject.is_own_data and not subject.model_input.is_whole_beat:
        store = subject.store() if protocol.counts_file_frames else subject.seen()
        notes += frame_rate_note(store, recordings, subject.trained_on)
    return notes


def _provenance(subject: Subject, protocol: Protocol, recordings: Sequence[Recording]) -> dict[str, Any]:
    """All that the metrics depend on, without dates."""
    start_index, model_input = protocol.start_index, subject.model_input
    of_subject = subject.provenance()
    return of_subject | {
        "data": of_subject["data"] | {"ef_source": label_sources(recordings, subject.task)},
        "task": subject.task.to_mapping(),
        "protocol": {
            "split": protocol.split,
            "clips": None if start_index else protocol.clips,
            "step": protocol.step_of(model_input),
            "start_index": start_index and {"file": start_index.name, "sha256": sha256_of(start_index)},
            "precision": protocol.precision,
            "num_frames": model_input.num_frames,
            "stride": model_input.stride,
            "time": model_input.time,
            "padding": model_input.padding,
            "frame_size": model_input.frame_size,
        },
        "versions": {
            "coreecho": coreecho.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": str(torch.__version__),
        },
    }
