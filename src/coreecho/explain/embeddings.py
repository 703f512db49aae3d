"""The embeddings of a run's studies, with their labels: made once, kept in a file, read anywhere.

A study's embedding is the mean over its clips, as its EF is.
"""

import hashlib
import importlib
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from coreecho.datasets import Split, Study
from coreecho.errors import CoReEchoError, DatasetError, RecipeError
from coreecho.explain.labels import PHANTOM_LABEL
from coreecho.files import write_whole
from coreecho.models.ef_model import EFModel
from coreecho.models.video_prediction import predict_video
from coreecho.training.run_folder import RunFolder
from coreecho.video.clips import even_starts
from coreecho.video.store import FrameStore

DEFAULT_CLIPS = 3
_METADATA = "coreecho"


@dataclass(frozen=True, eq=False, kw_only=True)
class EmbeddingSet:
    """Embeddings of N studies, and what is known of them.

    Attributes:
        ids: (N,) text.
        embeddings: (N, D) float32.
        ef_percent: (N,) float64, the label; NaN where there is none.
        ef_predicted: (N,) float64, what the model says.
        source: what they are: model, data, split, clips.
        is_phantom: the hearts are simulated.
        fingerprint: changes when the weights, the data or the clips do.
    """

    ids: tuple[str, ...]
    embeddings: NDArray[np.float32]
    ef_percent: NDArray[np.float64]
    ef_predicted: NDArray[np.float64]
    source: str
    is_phantom: bool
    fingerprint: str = ""

    def __post_init__(self) -> None:
        count = len(self.ids)
        is_fitting = self.embeddings.ndim == 2 and len(self.embeddings) == count
        if not is_fitting or self.ef_percent.shape != (count,) or self.ef_predicted.shape != (count,):
            raise ValueError(
                f"{count} ids, embeddings {self.embeddings.shape}, labels {self.ef_percent.shape} and predictions "
                f"{self.ef_predicted.shape} do not fit together"
            )

    def __len__(self) -> int:
        return len(self.ids)


def embed_studies(
    model: EFModel,
    store: FrameStore,
    studies: Sequence[Study],
    *,
    source: str,
    is_phantom: bool,
    clips: int = DEFAULT_CLIPS,
    batch_size: int = 8,
    fingerprint: str = "",
    show_progress: bool = False,
) -> EmbeddingSet:
    """Embed studies.

    Args:
        model: on the device that shall compute.
        store: decoded frames of all the studies.
        studies: at least one.
        source: what the result is, in words.
        is_phantom: the hearts are simulated.
        clips: evenly placed clips of each study.
        batch_size: clips at once.
        fingerprint: kept with the result.
        show_progress: show a bar with the time left, on stderr.

    Raises:
        DatasetError: there is no study.
        RecipeError: fewer than one clip.
    """
    if not studies:
        raise DatasetError(f"There is no study to embed: {source} is empty.")
    if clips < 1:
        raise RecipeError(f"clips: expected at least 1, got {clips}")
    embeddings, predicted = [], []
    for study in _tracked(studies, show_progress):
        starts = even_starts(store.num_frames(study.id), model.model_input, clips)
        prediction = predict_video(model, store.frames(study.id), starts, batch_size=batch_size)
        embeddings.append(prediction.embeddings.mean(axis=0))
        predicted.append(prediction.ef_percent)
    labels = [np.nan if study.ef_percent is None else study.ef_percent for study in studies]
    return EmbeddingSet(
        ids=tuple(study.id for study in studies),
        embeddings=np.stack(embeddings).astype(np.float32),
        ef_percent=np.array(labels, dtype=np.float64),
        ef_predicted=np.array(predicted, dtype=np.float64),
        source=source,
        is_phantom=is_phantom,
        fingerprint=fingerprint,
    )


def _tracked(studies: Sequence[Study], show_progress: bool) -> Iterable[Study]:
    return track(studies, "Embedding", console=Console(stderr=True), disable=not show_progress, transient=True)


def embed_run(
    run: RunFolder,
    model: EFModel,
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
        clips: evenly placed clips of each study.
        batch_size: clips at once.
        show_progress: show a bar with the time left, on stderr.

    Raises:
        DatasetError: the split is empty.
    """
    studies = run.studies(split)
    fingerprint = _fingerprint(run, studies, clips)
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
    embedded = embed_studies(
        model,
        run.store(show_progress=show_progress),
        studies,
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


def _fingerprint(run: RunFolder, studies: Sequence[Study], clips: int) -> str:
    digest = hashlib.sha256(run.best_weights.read_bytes())
    digest.update("\n".join(f"{study.id},{study.ef_percent}" for study in studies).encode())
    digest.update(f"{clips}".encode())
    return digest.hexdigest()


def save_embeddings(path: Path, embedded: EmbeddingSet) -> None:
    """Write embeddings as `.npz` (NumPy) or `.parquet` (a table for R, Julia, DuckDB and others), by the suffix.

    An NPZ holds `ids`, `embeddings`, `ef_percent`, `ef_predicted` and `metadata` (JSON). A Parquet has the columns
    `study`, `ef_percent`, `ef_predicted` and `embedding` (lists of D), and the metadata under the key `coreecho`.

    Raises:
        CoReEchoError: another suffix, pyarrow is not installed, or the file cannot be written.
    """
    if path.suffix not in (".npz", ".parquet"):
        raise CoReEchoError(f"{path}: embeddings are written as .npz or .parquet; give one of these suffixes.")
    content = _npz(embedded) if path.suffix == ".npz" else _parquet(embedded)
    try:
        write_whole(path, content)
    except OSError as error:
        raise CoReEchoError(f"{path} cannot be written: {error.strerror or error}.") from error


def _metadata(embedded: EmbeddingSet) -> str:
    return json.dumps(
        {"source": embedded.source, "is_phantom": embedded.is_phantom, "fingerprint": embedded.fingerprint}
    )


def _npz(embedded: EmbeddingSet) -> bytes:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        ids=np.array(embedded.ids),
        embeddings=embedded.embeddings,
        ef_percent=embedded.ef_percent,
        ef_predicted=embedded.ef_predicted,
        metadata=np.array(_metadata(embedded)),
    )
    return buffer.getvalue()


def _parquet(embedded: EmbeddingSet) -> bytes:
    try:
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise CoReEchoError("Parquet files need pyarrow: `pip install pyarrow`; or write an .npz file.") from error
    width = embedded.embeddings.shape[1]
    columns = {
        "study": arrow.array(embedded.ids),
        "ef_percent": arrow.array(embedded.ef_percent),
        "ef_predicted": arrow.array(embedded.ef_predicted),
        "embedding": arrow.FixedSizeListArray.from_arrays(arrow.array(embedded.embeddings.ravel()), width),
    }
    table = arrow.table(columns).replace_schema_metadata({_METADATA: _metadata(embedded)})
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def load_embeddings(path: Path) -> EmbeddingSet:
    """Read an `.npz` file that `save_embeddings` wrote.

    Raises:
        DatasetError: no such file, damaged, or something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            metadata: dict[str, Any] = json.loads(str(archive["metadata"]))
            return EmbeddingSet(
                ids=tuple(archive["ids"].tolist()),
                embeddings=archive["embeddings"],
                ef_percent=archive["ef_percent"],
                ef_predicted=archive["ef_predicted"],
                source=metadata["source"],
                is_phantom=metadata["is_phantom"],
                fingerprint=metadata["fingerprint"],
            )
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise DatasetError(f"{path} holds no embeddings that `coreecho embed` wrote ({error}).") from error
