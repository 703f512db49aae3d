"""What a run says of a split of its data, or of others, and everything that this depends on."""

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import torch

import coreecho
from coreecho.datasets import Recording
from coreecho.errors import CoReEchoError, DatasetError
from coreecho.evaluation import evaluate_recordings
from coreecho.inference import find_device
from coreecho.models.echo_model import EchoModel
from coreecho.models.weights import load_model
from coreecho.report.evaluation_notes import ef_sources, frame_rate_note, notes_of
from coreecho.report.protocol import Protocol
from coreecho.training.run_folder import RunFolder, find_data
from coreecho.video.start_index import read_start_index


@dataclass(frozen=True, kw_only=True)
class SplitPredictions:
    """What a run says of a split, before it is measured.

    Attributes:
        folder: for the result; made.
        source: the run, on the data that it is evaluated on.
        predictions: as `evaluate_recordings` gives them.
        patients: of each row, as in `patients_of`.
        provenance: what the result depends on, JSON-able.
        notes: what a reader of the metrics should know.
    """

    folder: Path
    source: RunFolder
    predictions: pd.DataFrame
    patients: list[str] | None
    provenance: dict[str, Any]
    notes: tuple[str, ...]


def predict_split(
    run: RunFolder,
    protocol: Protocol,
    *,
    data: Path | None,
    store: Path | None,
    out: Path | None,
    batch_size: int,
    device: str,
    show_progress: bool,
) -> SplitPredictions:
    """Predict the recordings of a split by the best weights of a run; arguments and errors as of `evaluate_run`."""
    source = run
    if data is not None and data.resolve() != run.data.root.resolve():
        found = find_data(run.data.dataset, data, run.recipe, store, run.data.options)
        source = RunFolder(run.path, run.recipe, found, run.info)
    recordings = source.recordings(protocol.split)
    if not recordings:
        raise DatasetError(f"{source.data.root} has no recording in its {protocol.split.upper()} split.")
    name = protocol.name if source is run else f"{protocol.name}-on-{_folder_name(source.data.root)}"
    folder = out or run.path / "evaluation" / name
    # A folder that cannot be written to should be known before the hours of prediction.
    make_folder(folder)
    starts = None if protocol.start_index is None else read_start_index(protocol.start_index)
    model = load_model(run.path, device=find_device(device))
    frames = source.store(show_progress=show_progress)
    notes = notes_of(run, source, recordings)
    if source is not run and not model.model_input.is_whole_beat:
        notes += frame_rate_note(frames, recordings, model.card.trained_on if model.card else None)
    predictions = evaluate_recordings(
        model,
        frames,
        recordings,
        clips=protocol.clips,
        step=protocol.step,
        start_index=starts,
        batch_size=batch_size,
        show_progress=show_progress,
    )
    return SplitPredictions(
        folder=folder,
        source=source,
        predictions=predictions,
        patients=patients_of(recordings),
        provenance=_provenance(run, source, protocol, model, recordings),
        notes=notes,
    )


def _folder_name(root: Path) -> str:
    """Tell data sets apart whose folders have the same name."""
    root = root.resolve()
    return f"{root.name}-{hashlib.sha256(str(root.parent).encode()).hexdigest()[:6]}"


def make_folder(folder: Path) -> None:
    """Make the folder of a result. Raises CoReEchoError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CoReEchoError(
            f"The folder {folder} for the evaluation cannot be made: {error.strerror or error}. "
            "Give another with `--out`."
        ) from error


def patients_of(recordings: list[Recording]) -> list[str] | None:
    """Whom each recording is of, where the data set knows; else every recording is resampled for itself."""
    if all(recording.patient is None for recording in recordings):
        return None
    return [recording.patient or f"recording {recording.id}" for recording in recordings]


def _provenance(
    run: RunFolder, source: RunFolder, protocol: Protocol, model: EchoModel, recordings: list[Recording]
) -> dict[str, Any]:
    """All that the metrics depend on, without dates."""
    start_index = protocol.start_index
    return {
        "recipe": run.recipe.name,
        "model": {
            "encoder": run.recipe.encoder,
            "num_parameters": sum(parameter.numel() for parameter in model.parameters()),
            "weights_sha256": sha256_of(run.best_weights),
            "training_seed": run.recipe.seed,
        },
        "data": {
            "dataset": source.data.dataset,
            "root": str(source.data.root),
            "options": dict(source.data.options),
            "ef_source": ef_sources(recordings),
        },
        "protocol": {
            "split": protocol.split,
            "clips": None if start_index else protocol.clips,
            "step": model.model_input.stride if protocol.clips == "all" and not protocol.step else protocol.step,
            "start_index": start_index and {"file": start_index.name, "sha256": sha256_of(start_index)},
            "num_frames": model.model_input.num_frames,
            "stride": model.model_input.stride,
            "time": model.model_input.time,
            "padding": model.model_input.padding,
            "frame_size": model.model_input.frame_size,
        },
        "versions": {
            "coreecho": coreecho.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": str(torch.__version__),
            "matplotlib": matplotlib.__version__,
        },
    }


def sha256_of(path: Path) -> str:
    """Fingerprint of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
