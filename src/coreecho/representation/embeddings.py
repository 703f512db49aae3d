"""The embeddings of a run's recordings, with their labels: made once, kept in a file, read anywhere.

A recording's embedding is the mean over its clips, as its EF is.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from rich.console import Console
from rich.progress import track

from coreecho.datasets import Recording, Split
from coreecho.errors import DatasetError, RecipeError
from coreecho.inference.clip_file import DEFAULT_CLIPS
from coreecho.models.echo_model import EchoModel
from coreecho.models.video_prediction import predict_video
from coreecho.notices import PHANTOM_LABEL
from coreecho.representation.embedding_files import load_embeddings, save_embeddings
from coreecho.representation.embedding_set import EmbeddingSet
from coreecho.training.run_folder import RunFolder
from coreecho.video.clips import even_starts
from coreecho.video.store import FrameStore

__all__ = ["EmbeddingSet", "embed_recordings", "embed_run"]


def embed_recordings(
    model: EchoModel,
    store: FrameStore,
    recordings: Sequence[Recording],
    *,
    source: str,
    is_phantom: bool,
    clips: int = DEFAULT_CLIPS,
    batch_size: int = 8,
    fingerprint: str = "",
    show_progress: bool = False,
) -> EmbeddingSet:
    """Embed recordings.

    Args:
        model: on the device that shall compute.
        store: decoded frames of all the recordings.
        recordings: at least one.
        source: what the result is, in words.
        is_phantom: the hearts are simulated.
        clips: evenly placed clips of each recording.
        batch_size: clips at once.
        fingerprint: kept with the result.
        show_progress: show a bar with the time left, on stderr.

    Raises:
        DatasetError: there is no recording.
        RecipeError: fewer than one clip.
    """
    if not recordings:
        raise DatasetError(f"There is no recording to embed: {source} is empty.")
    if clips < 1:
        raise RecipeError(f"clips: expected at least 1, got {clips}")
    embeddings, predicted = [], []
    for recording in _tracked(recordings, show_progress):
        starts = even_starts(store.num_frames(recording.id), model.model_input, clips)
        prediction = predict_video(model, store.frames(recording.id), starts, batch_size=batch_size)
        embeddings.append(prediction.embeddings.mean(axis=0))
        predicted.append(prediction.value if model.target == "ef" else np.nan)
    labels = [np.nan if recording.ef_percent is None else recording.ef_percent for recording in recordings]
    return EmbeddingSet(
        ids=tuple(recording.id for recording in recordings),
        embeddings=np.stack(embeddings).astype(np.float32),
        ef_percent=np.array(labels, dtype=np.float64),
        ef_predicted=np.array(predicted, dtype=np.float64),
        source=source,
        is_phantom=is_phantom,
        fingerprint=fingerprint,
    )


def _tracked(recordings: Sequence[Recording], show_progress: bool) -> Iterable[Recording]:
    return track(recordings, "Embedding", console=Console(stderr=True), disable=not show_progress, transient=True)


def embed_run(
    run: RunFolder,
    model: EchoModel,
    split: Split,
    *,
    clips: int = DEFAULT_CLIPS,
    batch_size: int = 8,
    show_progress: bool = False,
) -> EmbeddingSet:
    """Embed a split of a run's data with its best weights, or read what an earlier call left in the run's folder.

    Args:
        run: the run.
        model: its best weights, on the device that shall compute.
        split: of its data set.
        clips: evenly placed clips of each recording.
        batch_size: clips at once.
        show_progress: show a bar with the time left, on stderr.

    Raises:
        DatasetError: the split is empty.
    """
    recordings = run.recordings(split)
    fingerprint = _fingerprint(run, recordings, clips)
    cache = run.path / "explain" / f"embeddings-{split}-{clips}.npz"
    if cache.is_file():
        try:
            kept = load_embeddings(cache)
            if kept.fingerprint == fingerprint:
                return kept
        except DatasetError:
            # Half a file, or one of another version: it is only a copy, and is made anew.
            cache.unlink()
    source = f"{run.recipe.name} ({run.recipe.objective}), {split.upper()} split of {run.data.dataset}"
    if run.data.is_phantom:
        source += f", {PHANTOM_LABEL}"
    embedded = embed_recordings(
        model,
        run.store(show_progress=show_progress),
        recordings,
        source=source,
        is_phantom=run.data.is_phantom,
        clips=clips,
        batch_size=batch_size,
        fingerprint=fingerprint,
        show_progress=show_progress,
    )
    cache.parent.mkdir(exist_ok=True)
    save_embeddings(cache, embedded)
    return embedded


def _fingerprint(run: RunFolder, recordings: Sequence[Recording], clips: int) -> str:
    """Changes when the weights, a label, a video's size or the number of clips does; not when the data are copied."""
    digest = hashlib.sha256(run.best_weights.read_bytes())
    lines = [f"{recording.id},{recording.ef_percent},{recording.path.stat().st_size}" for recording in recordings]
    digest.update("\n".join([f"{clips} clips", *lines]).encode())
    return digest.hexdigest()
