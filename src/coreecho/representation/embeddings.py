"""The embeddings of recordings, with their labels: a view of what a model says, clip by clip.

A recording's embedding is the mean over its clips, as its EF is.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coreecho.datasets import Recording
from coreecho.datasets.recording import Asked, words_of
from coreecho.errors import DatasetError, RecipeError
from coreecho.evaluation.protocol import starts_of_recordings
from coreecho.files import sha256_of
from coreecho.inference.engine import Frames, Precision, VideoPrediction, predict_videos, requests_from_store
from coreecho.inference.opening import as_subject
from coreecho.inference.preparing import DEFAULT_CLIPS
from coreecho.inference.results import HashedFrames
from coreecho.inference.subject import Subject
from coreecho.models.echo_model import EchoModel
from coreecho.notices import PHANTOM_LABEL
from coreecho.progress import track
from coreecho.representation.embedding_set import EmbeddingSet
from coreecho.tasks import Task
from coreecho.training.run_folder import RunFolder
from coreecho.video.clips import even_starts
from coreecho.video.start_index import read_start_index

__all__ = ["EmbeddingSet", "embed_recordings", "embed_run"]


def embed_recordings(
    model: EchoModel,
    store: Frames,
    recordings: Sequence[Recording],
    *,
    source: str,
    is_phantom: bool,
    clips: int = DEFAULT_CLIPS,
    batch_size: int = 8,
    precision: Precision = "fp32",
    fingerprint: str = "",
    show_progress: bool = False,
) -> EmbeddingSet:
    """Embed recordings, and keep nothing.

    Args:
        model: on the device that shall compute.
        store: decoded frames of all the recordings.
        recordings: at least one.
        source: what the result is, in words.
        is_phantom: the hearts are simulated.
        clips: evenly placed clips of each recording.
        batch_size: clips at once.
        precision: of the encoder.
        fingerprint: kept with the result.
        show_progress: show a bar with the time left, on stderr.

    Raises:
        DatasetError: there is no recording.
        RecipeError: fewer than one clip.
    """
    _check(recordings, clips, source)
    starts = [
        (recording.id, even_starts(store.num_frames(recording.id), model.model_input, clips))
        for recording in recordings
    ]
    videos = predict_videos(model, requests_from_store(store, starts), batch_size=batch_size, precision=precision)
    bar = track(
        videos,
        total=len(starts),
        description="Embedding",
        disable=not show_progress,
        transient=True,
    )
    predictions = [prediction for _, prediction in bar]
    return _view(model.task, recordings, predictions, source, is_phantom, fingerprint)


def embed_run(
    run: RunFolder | Subject,
    model: EchoModel | None,
    split: Asked,
    *,
    clips: int = DEFAULT_CLIPS,
    start_index: Path | None = None,
    batch_size: int = 8,
    device: str = "auto",
    allow_overlap: bool = False,
    show_progress: bool = False,
) -> EmbeddingSet:
    """Embed a split by the weights of a run or of a subject; clips that any command predicted before are read.

    Args:
        run: the run, or model and data.
        model: on the device that shall compute; None where `device` says which. What is kept under the fingerprint of
            the weights is computed by these weights alone, so they are loaded from their file where a clip is missing.
        split: of the data.
        clips: evenly placed clips of each recording.
        start_index: file of each recording's starts, in frames of the files; goes before `clips`.
        batch_size: clips at once.
        device: where to compute when no model is given.
        allow_overlap: see `Subject.check_overlap`; the embeddings' `source` then says so.
        show_progress: show a bar with the time left, on stderr.

    Raises:
        DatasetError: the split is empty, the model was trained on some of it, or the start index lacks recordings or
            has starts outside of them.
        RecipeError: fewer than one clip.
    """
    subject = as_subject(run)
    recordings = subject.recordings(split)
    source = _source_of(subject, split)
    _check(recordings, clips, source)
    overlap = subject.check_overlap(recordings, split, allow=allow_overlap, show_progress=show_progress)
    if overlap.label is not None and not overlap.is_of_training:
        source += f", {overlap.label}"
    placed, index = f"{clips} clips", None
    store: HashedFrames
    if start_index is None:
        store = subject.seen(show_progress=show_progress)
    else:
        store, index = subject.store(show_progress=show_progress), read_start_index(start_index)
        placed = f"starts {sha256_of(start_index)}"
        source += f", starts from {start_index.name}"
    ids = [recording.id for recording in recordings]
    starts = starts_of_recordings(store, ids, subject.model_input, clips=clips, start_index=index)
    results = subject.results()
    said = results.predict(
        lambda: subject.model(device if model is None else str(model.scale.device)),
        store,
        list(zip(ids, starts, strict=True)),
        batch_size=batch_size,
        description="Embedding",
        show_progress=show_progress,
    )
    lines = [
        f"{recording.id},{subject.task.label_of(recording)},{store.digest(recording.id)}" for recording in recordings
    ]
    text = "\n".join([results.key, placed, *lines])
    fingerprint = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return _view(subject.task, recordings, said, source, subject.is_phantom, fingerprint)


def _check(recordings: Sequence[Recording], clips: int, source: str) -> None:
    if not recordings:
        raise DatasetError(f"There is no recording to embed: {source} is empty.")
    if clips < 1:
        raise RecipeError(f"clips: expected at least 1, got {clips}")


def _source_of(subject: Subject, split: Asked) -> str:
    """What the embeddings are, in words."""
    recipe = None if subject.run is None else subject.run.recipe
    model = subject.recipe_name if recipe is None else f"{recipe.name} ({recipe.objective})"
    of = f"{PHANTOM_LABEL}, laid out as {subject.data.dataset}" if subject.is_phantom else subject.data.dataset
    return f"{model}, {words_of(split)} of {of}"


def _view(
    task: Task,
    recordings: Sequence[Recording],
    predictions: Sequence[VideoPrediction],
    source: str,
    is_phantom: bool,
    fingerprint: str,
) -> EmbeddingSet:
    outputs = np.array([prediction.value for prediction in predictions], dtype=np.float64)
    predicted = task.value_of(outputs)
    return EmbeddingSet(
        ids=tuple(recording.id for recording in recordings),
        embeddings=np.stack([prediction.embedding for prediction in predictions]),
        ef_percent=_known([recording.ef_percent for recording in recordings]),
        ef_predicted=task.ef_percent_of(predicted),
        source=source,
        is_phantom=is_phantom,
        fingerprint=fingerprint,
        task=task,
        true=_known([task.label_of(recording) for recording in recordings]),
        predicted=predicted,
    )


def _known(labels: Sequence[float | None]) -> NDArray[np.float64]:
    """(N,), with NaN for what is not known."""
    return np.array([np.nan if label is None else label for label in labels], dtype=np.float64)
